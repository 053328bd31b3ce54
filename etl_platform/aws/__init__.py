"""The only package that imports boto3 and redshift_connector, and translates their errors."""
