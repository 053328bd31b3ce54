"""Who may do what: every role, action and resource of the policies, by loop."""

import json
import re
from fnmatch import fnmatchcase

import pytest

from etl_platform.contract.layout import Names
from etl_platform_tests.infra.conftest import NAMESPACE
from etl_platform_tests.infra.templates import Assembly, Statement, statements

NAMES = Names(NAMESPACE)

WILDCARDS = {
    "objects of a named bucket": r"arn:aws:s3:::[a-z0-9-]+/\*",
    "the buckets of any source of the installation, in its own account": (
        r"arn:aws:s3:::etl-platform-(raw|processed)-\*(/\*)?"
    ),
    "what Dagster writes for a source, in its own account": (
        r"arn:aws:s3:::etl-platform-processed-\*/\*/_(batch|blocked)\.json"
    ),
    "the manifests of sources that land none": (
        r"arn:aws:s3:::etl-platform-raw-\*/\*/manifest\.json"
    ),
    "one folder of a named bucket": r"arn:aws:s3:::[a-z0-9-]+/(orders|pipes|temporary|athena)/\*",
    "a key that the condition names by its alias": r"arn:aws:kms:us-east-1:123456789012:key/\*",
    "the six characters that Secrets Manager adds": (
        r"arn:aws:secretsmanager:us-east-1:123456789012:secret:etl-platform/warehouse/service-\?{6}"
    ),
    "the tables of the catalog's one database": (
        r"arn:aws:glue:us-east-1:123456789012:table/etl_platform/\*"
    ),
    "Glue names the log groups of its jobs": (
        r"arn:aws:logs:us-east-1:123456789012:log-group:/aws-glue/jobs/\*"
    ),
    "PutMetricData knows no resources; the condition names the metrics": r"\*",
}


def test_every_role_is_for_one_service(installation: Assembly) -> None:
    trusted = {}
    for role in installation.of_type("AWS::IAM::Role"):
        (statement,) = statements(role.name, role.properties["AssumeRolePolicyDocument"])
        assert statement.actions == ("sts:AssumeRole",)
        assert "ManagedPolicyArns" not in role.properties
        trusted[role.properties["RoleName"]] = statement
    assert {name: statement.principal for name, statement in trusted.items()} == {
        NAMES.ingest_function: {"Service": "lambda.amazonaws.com"},
        NAMES.glue_role: {"Service": "glue.amazonaws.com"},
        NAMES.copy_role: {"Service": "redshift.amazonaws.com"},
    }
    assert trusted[NAMES.copy_role].conditions == {
        "StringLike": {
            "sts:ExternalId": "arn:aws:redshift:us-east-1:123456789012:dbuser:*/etl_service"
        }
    }


def test_no_action_is_a_wildcard(installation: Assembly) -> None:
    for statement in installation.statements():
        assert statement.effect == "Allow"
        assert not [action for action in statement.actions if "*" in action or "?" in action]


def test_every_wildcard_in_a_resource_is_on_the_list_and_every_entry_is_used(
    installation: Assembly,
) -> None:
    used = set()
    for statement in installation.statements():
        for resource in statement.resources:
            if "*" in resource or "?" in resource:
                reasons = [why for why, form in WILDCARDS.items() if re.fullmatch(form, resource)]
                assert reasons, f"{statement.holder} names {resource}"
                used.update(reasons)
    assert used == set(WILDCARDS)


def test_what_a_pattern_leaves_open_a_condition_closes(installation: Assembly) -> None:
    for statement in installation.statements():
        operators = json.dumps(statement.conditions)
        for resource in statement.resources:
            if resource == "*":
                assert statement.actions == ("cloudwatch:PutMetricData",)
                assert "cloudwatch:namespace" in operators
            if ":key/*" in resource:
                assert "kms:ResourceAliases" in operators
                assert "kms:ViaService" in operators
            if re.search(r"-(raw|processed)-\*", resource):
                assert "aws:ResourceAccount" in operators


MAY = [
    # holder, action, resource, allowed
    ("GlueRole", "s3:GetObject", "arn:aws:s3:::etl-platform-raw-flights/2013/a.csv", True),
    ("GlueRole", "s3:GetObjectVersion", "arn:aws:s3:::etl-platform-raw-flights/a.csv", True),
    ("GlueRole", "s3:PutObject", "arn:aws:s3:::etl-platform-raw-flights/2013/a.csv", False),
    ("GlueRole", "s3:PutObject", "arn:aws:s3:::etl-platform-processed-flights/a", True),
    ("GlueRole", "s3:DeleteObject", "arn:aws:s3:::etl-platform-processed-flights/a", False),
    ("GlueRole", "s3:GetObject", "arn:aws:s3:::another-raw-flights/a", False),
    ("GlueRole", "s3:PutObject", "arn:aws:s3:::etl-platform-assets/code.zip", False),
    ("GlueRole", "s3:PutObject", "arn:aws:s3:::etl-platform-artifacts/pipes/1.json", True),
    ("GlueRole", "s3:PutObject", "arn:aws:s3:::etl-platform-artifacts/orders/load/1.json", False),
    ("GlueRole", "s3:GetObject", "arn:aws:s3:::etl-platform-access-logs/a", False),
    ("CopyRole", "s3:GetObject", "arn:aws:s3:::etl-platform-processed-flights/a", True),
    ("CopyRole", "s3:GetObject", "arn:aws:s3:::etl-platform-raw-flights/a", False),
    ("CopyRole", "s3:PutObject", "arn:aws:s3:::etl-platform-processed-flights/a", False),
    ("Policy", "s3:PutObject", "arn:aws:s3:::etl-platform-processed-x/h/_batch.json", True),
    ("Policy", "s3:PutObject", "arn:aws:s3:::etl-platform-processed-x/h/_blocked.json", True),
    ("Policy", "s3:PutObject", "arn:aws:s3:::etl-platform-processed-x/h/_commit.json", False),
    ("Policy", "s3:PutObject", "arn:aws:s3:::etl-platform-raw-x/h/manifest.json", True),
    ("Policy", "s3:PutObject", "arn:aws:s3:::etl-platform-raw-x/h/orders.csv", False),
    (
        "Policy",
        "glue:StartJobRun",
        "arn:aws:glue:us-east-1:123456789012:job/etl-platform-load",
        True,
    ),
    ("Policy", "glue:StartJobRun", "arn:aws:glue:us-east-1:123456789012:job/another", False),
    *(
        (
            holder,
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{secret}-AbCdEf",
            # Dagster refreshes aggregates and runs checks as the service user.
            holder in ("GlueRole", "Policy") and secret == NAMES.service_secret,
        )
        for holder in ("GlueRole", "CopyRole", "RoleDefault", "Policy")
        for secret in (NAMES.admin_secret, NAMES.service_secret)
    ),
]


@pytest.mark.parametrize(("holder", "action", "resource", "allowed"), MAY)
def test_who_may_do_what(
    holder: str, action: str, resource: str, allowed: bool, installation: Assembly
) -> None:
    found = any(
        statement.holder.startswith(holder) and _covers(statement, action, resource)
        for statement in installation.statements()
    )
    assert found is allowed


def _covers(statement: Statement, action: str, resource: str) -> bool:
    return action in statement.actions and any(
        fnmatchcase(resource, pattern) for pattern in statement.resources
    )
