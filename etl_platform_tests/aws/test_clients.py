"""Clients of AWS where nobody has said which AWS is meant."""

import boto3
import pytest
from click.testing import CliRunner

from etl_platform.aws.clients import client
from etl_platform.cli import cli
from etl_platform.contract.errors import SettingInvalid


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("ETL_ENV_FILE", "")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    client.cache_clear()


@pytest.mark.parametrize("service", ["s3", "secretsmanager", "glue", "sqs"])
def test_no_service_is_asked_where_no_region_is_set(service: str) -> None:
    with pytest.raises(SettingInvalid, match="AWS_DEFAULT_REGION is not set"):
        client(service)


@pytest.mark.parametrize("command", [["status"], ["ledger", "weather"], ["sql", "SELECT 1"]])
def test_a_command_without_a_stack_says_how_to_start_one(command: list[str]) -> None:
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 1
    assert "[SETTING_INVALID]" in result.output
    assert "etl-platform local up" in result.output
