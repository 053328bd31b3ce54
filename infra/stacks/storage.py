"""Buckets: raw and processed for each source, artifacts, access logs; and the key of objects."""

from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from etl_platform.contract.layout import MANIFEST, Names
from infra.stacks.base import ConcernStack, Contracts, data_key_alias

_RETURN_WINDOW = Duration.days(30)
"""How long an object that was written over or deleted can still be brought back."""


class StorageStack(ConcernStack):
    """Everything that would be missed if it were lost: it stays when the stack goes."""

    def __init__(self, scope: Construct, names: Names, contracts: Contracts) -> None:
        super().__init__(scope, "storage", names, contracts)
        self._key = kms.Key(
            self,
            "DataKey",
            alias=data_key_alias(names),
            description=f"Objects of {names.namespace}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self._access_logs = self._make_access_logs()
        self._make(
            "Artifacts",
            names.artifacts_bucket,
            _expire("orders/", Duration.days(90)),
            _expire("pipes/", Duration.days(30)),
            _expire("temporary/", Duration.days(7)),
        )
        for source in contracts:
            self._make_raw(source)
            self._make(
                f"Processed-{source}",
                names.processed_bucket(source),
                _expire("_copy/", Duration.days(30)),
            )

    def _make_raw(self, source: str) -> None:
        """Raw files are never expired: all else can be made again from them."""
        bucket = self._make(
            f"Raw-{source}",
            self.names.raw_bucket(source),
            s3.LifecycleRule(
                id="cold",
                transitions=[
                    s3.Transition(
                        storage_class=s3.StorageClass.INFREQUENT_ACCESS,
                        transition_after=Duration.days(90),
                    )
                ],
            ),
        )
        # On the L1 bucket: the L2 method would add a Lambda of its own that sets it afterwards.
        plain = cast(s3.CfnBucket, bucket.node.default_child)
        plain.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            lambda_configurations=[
                s3.CfnBucket.LambdaConfigurationProperty(
                    event="s3:ObjectCreated:*",
                    function=self.arn("lambda", f"function:{self.names.ingest_function}"),
                    filter=s3.CfnBucket.NotificationFilterProperty(
                        s3_key=s3.CfnBucket.S3KeyFilterProperty(
                            rules=[
                                s3.CfnBucket.FilterRuleProperty(name="suffix", value=f"/{MANIFEST}")
                            ]
                        )
                    ),
                )
            ]
        )

    def _make(self, label: str, name: str, *rules: s3.LifecycleRule) -> s3.Bucket:
        return s3.Bucket(
            self,
            label,
            bucket_name=name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[_housekeeping(), *rules],
            server_access_logs_bucket=self._access_logs,
            server_access_logs_prefix=f"{name}/",
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _make_access_logs(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "AccessLogs",
            bucket_name=f"{self.names.namespace}-access-logs",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            # S3 delivers its logs to buckets with keys of its own only.
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[_housekeeping(), _expire("", Duration.days(365))],
            removal_policy=RemovalPolicy.RETAIN,
        )


def _housekeeping() -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="housekeeping",
        abort_incomplete_multipart_upload_after=Duration.days(7),
        noncurrent_version_expiration=_RETURN_WINDOW,
    )


def _expire(prefix: str, after: Duration) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id=f"expire-{prefix.strip('_/') or 'all'}", prefix=prefix or None, expiration=after
    )
