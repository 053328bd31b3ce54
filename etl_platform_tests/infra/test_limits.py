"""Two hundred sources with the longest names outgrow no limit of AWS.

The limits are of the pages "CloudFormation quotas", "IAM and STS quotas", "S3 bucket policy" and
"Lambda quotas" of AWS. None of them can be raised, but the policies of a role to 25.
"""

import json
from collections import defaultdict
from typing import Any

import pytest

from etl_platform.contract.layout import SOURCE_NAME_LENGTH
from etl_platform.contract.source import SourceContract
from etl_platform_tests.infra.conftest import EXTRA
from etl_platform_tests.infra.templates import Assembly
from infra.synth import synthesise

SOURCES = 200
NAMESPACE = "a-namespace-of-twent"

RESOURCES_OF_A_STACK = 500
BYTES_OF_A_TEMPLATE = 1_000_000
MANAGED_POLICY = 6_144
INLINE_POLICIES_OF_A_ROLE = 10_240
MANAGED_POLICIES_OF_A_ROLE = 10
TRUST_POLICY = 2_048
RESOURCE_POLICY = 20_480


@pytest.fixture(scope="module")
def wide(
    contracts: dict[str, SourceContract], tmp_path_factory: pytest.TempPathFactory
) -> Assembly:
    """Each source has all that one may have."""
    directory = tmp_path_factory.mktemp("wide")
    extra = contracts[EXTRA]
    sources = [f"source_{n:0{SOURCE_NAME_LENGTH - 7}d}" for n in range(SOURCES)]
    synthesise(NAMESPACE, directory, {s: extra.model_copy(update={"source": s}) for s in sources})
    return Assembly(directory)


def size(policy: Any) -> int:
    """What IAM counts, in the partition and Region with the longest names."""
    text = json.dumps(policy, separators=(",", ":"))
    return len(text.replace("arn:aws:", "arn:aws-us-gov:").replace("us-east-1", "us-gov-west-1"))


def test_every_source_is_there(wide: Assembly) -> None:
    raw = [b for b in wide.of_type("AWS::S3::Bucket") if "-raw-" in b.properties["BucketName"]]
    assert len(raw) == SOURCES


def test_no_template_outgrows_its_limits(wide: Assembly) -> None:
    for file in wide.directory.glob("*.template.json"):
        assert len(json.loads(file.read_text())["Resources"]) <= RESOURCES_OF_A_STACK
        assert file.stat().st_size <= BYTES_OF_A_TEMPLATE


def test_no_managed_policy_outgrows_its_limit(wide: Assembly) -> None:
    for policy in wide.of_type("AWS::IAM::ManagedPolicy"):
        assert size(policy.properties["PolicyDocument"]) <= MANAGED_POLICY


def test_no_role_has_more_or_larger_policies_than_it_may(wide: Assembly) -> None:
    inline: dict[str, int] = defaultdict(int)
    managed: dict[str, int] = defaultdict(int)
    for policy in wide.of_type("AWS::IAM::Policy"):
        for role in policy.properties["Roles"]:
            inline[role] += size(policy.properties["PolicyDocument"])
    for policy in wide.of_type("AWS::IAM::ManagedPolicy"):
        for role in policy.properties.get("Roles", ()):
            managed[role] += 1
    assert len(inline) == len(wide.of_type("AWS::IAM::Role"))
    assert max(inline.values()) <= INLINE_POLICIES_OF_A_ROLE
    assert max(managed.values(), default=0) <= MANAGED_POLICIES_OF_A_ROLE
    for role in wide.of_type("AWS::IAM::Role"):
        assert size(role.properties["AssumeRolePolicyDocument"]) <= TRUST_POLICY


def test_no_policy_of_a_bucket_or_queue_outgrows_its_limit(wide: Assembly) -> None:
    for type_ in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"):
        for policy in wide.of_type(type_):
            assert size(policy.properties["PolicyDocument"]) <= RESOURCE_POLICY


def test_the_policy_of_the_function_does_not_outgrow_its_limit(wide: Assembly) -> None:
    statements = [one.properties for one in wide.of_type("AWS::Lambda::Permission")]
    assert size(statements) <= RESOURCE_POLICY
