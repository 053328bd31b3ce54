"""How every bucket of an installation is made."""

from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

_RETURN_WINDOW = Duration.days(30)
"""How long an object that was written over or deleted can still be brought back."""


def make_bucket(
    scope: Construct,
    label: str,
    name: str,
    *rules: s3.LifecycleRule,
    key: kms.IKey | None,
    access_logs: str | None,
) -> s3.Bucket:
    """A private, versioned bucket that stays when its stack goes. Without a key it has S3's own."""
    bucket = s3.Bucket(
        scope,
        label,
        bucket_name=name,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
        encryption_key=key,
        bucket_key_enabled=True if key else None,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=True,
        lifecycle_rules=[_housekeeping(), *rules],
        removal_policy=RemovalPolicy.RETAIN,
    )
    if access_logs is not None:
        # By the L2 property each bucket would add a statement to the one policy of that bucket.
        plain_bucket(bucket).logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
            destination_bucket_name=access_logs, log_file_prefix=f"{name}/"
        )
    return bucket


def plain_bucket(bucket: s3.Bucket) -> s3.CfnBucket:
    return cast(s3.CfnBucket, bucket.node.default_child)


def expire(prefix: str, after: Duration) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id=f"expire-{prefix.strip('_/') or 'all'}", prefix=prefix or None, expiration=after
    )


def _housekeeping() -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="housekeeping",
        abort_incomplete_multipart_upload_after=Duration.days(7),
        noncurrent_version_expiration=_RETURN_WINDOW,
    )
