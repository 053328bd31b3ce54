"""Dagster's side of the platform. Each folder of etl_platform/defs is an instance of one of these:
a source of S3ToRedshift, an aggregate of Aggregate."""

from etl_platform.components.aggregate import Aggregate
from etl_platform.components.s3_to_redshift import S3ToRedshift

__all__ = ["Aggregate", "S3ToRedshift"]
