"""What every stack has: the names, and addresses of resources in other stacks.

Stacks know each other's resources by name. References would become exports, and an export cannot
change or go while another stack imports it.
"""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from etl_platform.contract.layout import Names
from etl_platform.contract.source import SourceContract

Contracts = Mapping[str, SourceContract]

ADMIN_USER = "etl_admin"
SERVICE_USER = "etl_service"
"""The users of the warehouse."""


def assets_bucket(names: Names) -> str:
    """Where `cdk deploy` puts the code; it is there before any stack, so it is in none of them."""
    return f"{names.namespace}-assets"


def access_logs_bucket(names: Names) -> str:
    return f"{names.namespace}-access-logs"


def data_key_alias(names: Names) -> str:
    return f"alias/{names.namespace}-data"


def data_key_parameter(names: Names) -> str:
    """The parameter of Systems Manager that has the key's address."""
    return f"/{names.namespace}/data-key"


def secrets_key_alias(names: Names) -> str:
    return f"alias/{names.namespace}-secrets"


class ConcernStack(cdk.Stack):
    """One concern of an installation."""

    def __init__(self, scope: Construct, concern: str, names: Names) -> None:
        super().__init__(
            scope,
            concern.title(),
            stack_name=f"{names.namespace}-{concern}",
            # The caller's own credentials upload and deploy: no role has to be bootstrapped first.
            synthesizer=cdk.CliCredentialsStackSynthesizer(
                file_assets_bucket_name=assets_bucket(names)
            ),
        )
        self.names = names
        cdk.Tags.of(self).add("installation", names.namespace)

    def bucket_arn(self, bucket: str) -> str:
        return f"arn:{self.partition}:s3:::{bucket}"

    def arn(self, service: str, resource: str) -> str:
        """The address of a resource of this account and Region, by its name."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def of_every_source(
        self, statements: Sequence[iam.PolicyStatement]
    ) -> Sequence[iam.PolicyStatement]:
        """The statements on buckets that a pattern names, closed to buckets of other accounts.

        With each bucket by name, a policy would outgrow its limit at some dozens of sources. No
        other installation has names that fit: `Names` refuses them.
        """
        for statement in statements:
            statement.add_condition("StringEquals", {"aws:ResourceAccount": self.account})
        return statements

    def reading(self, *buckets: str) -> list[iam.PolicyStatement]:
        """What it takes to find and read the objects of buckets, at any version."""
        return [
            # Without ListBucket an object that is not there answers 403 in place of 404.
            allow(
                ["s3:ListBucket", "s3:GetBucketLocation"],
                [self.bucket_arn(bucket) for bucket in buckets],
            ),
            allow(
                ["s3:GetObject", "s3:GetObjectVersion"],
                [self.bucket_arn(f"{bucket}/*") for bucket in buckets],
            ),
        ]

    def writing(self, *places: str) -> iam.PolicyStatement:
        """What it takes to put objects below buckets, or below folders of buckets."""
        return allow(
            ["s3:PutObject", "s3:AbortMultipartUpload"],
            [self.bucket_arn(f"{place}/*") for place in places],
        )

    def using_key(self, alias: str, service: str, actions: Sequence[str]) -> iam.PolicyStatement:
        """Use of a key through one service. The alias names the key, whose id is not known here."""
        return allow(
            actions,
            [self.arn("kms", "key/*")],
            {
                "StringEquals": {"kms:ViaService": f"{service}.{self.region}.{self.url_suffix}"},
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": alias},
            },
        )


def allow(
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: Mapping[str, Mapping[str, str]] | None = None,
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=list(actions), resources=list(resources), conditions=dict(conditions or {})
    )
