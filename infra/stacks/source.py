"""What one source has in AWS: its two buckets and its tables of the catalog.

A stack for each source, as a template holds at most 500 resources. So a source that cannot be
deployed stops no other, and a source more changes nothing that others stand on.
"""

import aws_cdk as cdk
from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from etl_platform.contract.layout import MANIFEST, Names
from etl_platform.contract.source import SourceContract
from infra.stacks.base import ConcernStack, access_logs_bucket, data_key_parameter
from infra.stacks.buckets import expire, make_bucket, plain_bucket
from infra.stacks.tables import make_tables


class SourceStack(ConcernStack):
    """The buckets stay when the stack goes; of the tables, dropping them drops no file."""

    def __init__(self, scope: Construct, names: Names, contract: SourceContract) -> None:
        source = contract.source
        super().__init__(scope, f"source-{source.replace('_', '-')}", names)
        parameter = cdk.CfnDynamicReference(
            cdk.CfnDynamicReferenceService.SSM, data_key_parameter(names)
        )
        self._key = kms.Key.from_key_arn(self, "DataKey", parameter.to_string())
        self._make_raw(source)
        self._make("Processed", names.processed_bucket(source), expire("_copy/", Duration.days(30)))
        make_tables(self, contract)

    def _make_raw(self, source: str) -> None:
        """Raw files are never expired: all else can be made again from them."""
        bucket = self._make(
            "Raw",
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
        plain_bucket(bucket).notification_configuration = self._telling_of_manifests()

    def _telling_of_manifests(self) -> s3.CfnBucket.NotificationConfigurationProperty:
        rule = s3.CfnBucket.FilterRuleProperty(name="suffix", value=f"/{MANIFEST}")
        return s3.CfnBucket.NotificationConfigurationProperty(
            lambda_configurations=[
                s3.CfnBucket.LambdaConfigurationProperty(
                    event="s3:ObjectCreated:*",
                    function=self.arn("lambda", f"function:{self.names.ingest_function}"),
                    filter=s3.CfnBucket.NotificationFilterProperty(
                        s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=[rule])
                    ),
                )
            ]
        )

    def _make(self, label: str, name: str, rule: s3.LifecycleRule) -> s3.Bucket:
        return make_bucket(
            self, label, name, rule, key=self._key, access_logs=access_logs_bucket(self.names)
        )
