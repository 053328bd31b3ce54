"""What Dagster may do in AWS."""

import re

from etl_platform_tests.infra.conftest import EXTRA, NAMESPACE
from etl_platform_tests.infra.templates import Assembly


def _writes(installation: Assembly) -> list[str]:
    (policy,) = installation.of_type("AWS::IAM::ManagedPolicy")
    return [
        resource
        for statement in installation.statements()
        if statement.holder == policy.name and "s3:PutObject" in statement.actions
        for resource in statement.resources
    ]


def test_dagster_writes_manifests_only_of_sources_that_land_none(installation: Assembly) -> None:
    manifests = [found for found in _writes(installation) if found.endswith("/manifest.json")]
    bucket = f"{NAMESPACE}-raw-{EXTRA.replace('_', '-')}"
    assert manifests == [f"arn:aws:s3:::{bucket}/*/manifest.json"]


def test_dagster_writes_no_data(installation: Assembly) -> None:
    pattern = (
        r".*/(\*/_batch\.json|\*/_blocked\.json|orders/\*|pipes/\*|athena/\*|\*/manifest\.json)"
    )
    assert all(re.fullmatch(pattern, found) for found in _writes(installation))


def test_dagster_reads_the_logs_of_glue_jobs_and_no_others(installation: Assembly) -> None:
    (policy,) = installation.of_type("AWS::IAM::ManagedPolicy")
    (reading,) = [
        statement
        for statement in installation.statements()
        if statement.holder == policy.name and "logs:GetLogEvents" in statement.actions
    ]
    (resource,) = reading.resources
    assert resource.endswith("log-group:/aws-glue/jobs/*")
