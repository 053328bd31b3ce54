"""Hourly files in Amazon S3 to rows in Amazon Redshift, through AWS Glue, as Dagster assets."""
