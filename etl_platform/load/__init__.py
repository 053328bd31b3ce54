"""Parquet in S3 to rows in Redshift: one transaction for the hours of an order."""
