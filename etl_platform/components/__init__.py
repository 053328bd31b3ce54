"""Dagster's side of the platform. A source is one instance of S3ToRedshift in etl_platform/defs."""

from etl_platform.components.s3_to_redshift import S3ToRedshift

__all__ = ["S3ToRedshift"]
