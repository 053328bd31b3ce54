"""What Dagster may do in AWS."""

import re
from pathlib import Path

from etl_platform.contract.source import SourceContract
from etl_platform_tests.infra.conftest import NAMESPACE
from etl_platform_tests.infra.templates import Assembly
from infra.synth import synthesise


def _writes(installation: Assembly) -> list[str]:
    (policy,) = installation.of_type("AWS::IAM::ManagedPolicy")
    return [
        resource
        for statement in installation.statements()
        if statement.holder == policy.name and "s3:PutObject" in statement.actions
        for resource in statement.resources
    ]


def test_dagster_writes_manifests_if_there_are_sources_that_land_none(
    installation: Assembly, contracts: dict[str, SourceContract], tmp_path: Path
) -> None:
    manifests = f"arn:aws:s3:::{NAMESPACE}-raw-*/*/manifest.json"
    assert manifests in _writes(installation)
    landing = {name: one for name, one in contracts.items() if one.arrives is None}
    synthesise(NAMESPACE, tmp_path, landing)
    assert manifests not in _writes(Assembly(tmp_path))


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
