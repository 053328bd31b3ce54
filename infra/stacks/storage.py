"""What the buckets of all sources share: the key of objects, access logs and artifacts."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from etl_platform.contract.layout import Names
from infra.stacks.base import (
    ConcernStack,
    access_logs_bucket,
    data_key_alias,
    data_key_parameter,
)
from infra.stacks.buckets import expire, make_bucket


class StorageStack(ConcernStack):
    """Everything that would be missed if it were lost: it stays when the stack goes."""

    def __init__(self, scope: Construct, names: Names) -> None:
        super().__init__(scope, "storage", names)
        key = self._make_key()
        access_logs = self._make_access_logs()
        artifacts = make_bucket(
            self,
            "Artifacts",
            names.artifacts_bucket,
            expire("orders/", Duration.days(90)),
            expire("pipes/", Duration.days(30)),
            expire("temporary/", Duration.days(7)),
            key=key,
            access_logs=access_logs_bucket(names),
        )
        artifacts.node.add_dependency(access_logs)

    def _make_key(self) -> kms.Key:
        key = kms.Key(
            self,
            "DataKey",
            alias=data_key_alias(self.names),
            description=f"Objects of {self.names.namespace}",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        # The buckets of sources need its address: an alias is looked up in the account of whoever
        # writes, and sources may write from accounts of their own.
        ssm.StringParameter(
            self,
            "DataKeyArn",
            parameter_name=data_key_parameter(self.names),
            string_value=key.key_arn,
            description="The key of every bucket of the installation",
        )
        return key

    def _make_access_logs(self) -> s3.Bucket:
        """S3 delivers its logs to buckets with keys of its own only."""
        name = access_logs_bucket(self.names)
        bucket = make_bucket(
            self, "AccessLogs", name, expire("", Duration.days(365)), key=None, access_logs=None
        )
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[bucket.arn_for_objects("*")],
                conditions={
                    "ArnLike": {"aws:SourceArn": self.bucket_arn(f"{self.names.namespace}-*")},
                    "StringEquals": {"aws:SourceAccount": self.account},
                },
            )
        )
        return bucket
