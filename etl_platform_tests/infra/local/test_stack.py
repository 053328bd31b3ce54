"""The whole laptop: up, used, found again, brought back after a crash, taken down."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import redshift_connector

from etl_platform_tests.infra.local.assembly import bucket, write_assembly
from infra.local.errors import NotUp
from infra.local.stack import NAMESPACE, LocalStack

ADMIN, SERVICE = f"{NAMESPACE}/warehouse/admin", f"{NAMESPACE}/warehouse/service"


def _secret(name: str, user: str) -> dict[str, Any]:
    generated = {
        "SecretStringTemplate": json.dumps({"username": user}),
        "GenerateStringKey": "password",
        "PasswordLength": 32,
        "ExcludePunctuation": True,
        "ExcludeCharacters": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    }
    properties = {"Name": name, "GenerateSecretString": generated}
    return {"Type": "AWS::SecretsManager::Secret", "Properties": properties}


def synthesise(directory: Path) -> None:
    resources = {
        "Admin": _secret(ADMIN, "etl_admin"),
        "Service": _secret(SERVICE, "etl_service"),
        "Data": {**bucket("stack-data"), "DeletionPolicy": "Retain"},
    }
    write_assembly(directory, {"tiny": {"Resources": resources}})


class Bootstrap:
    """Stands for the platform's own: reads the admin secret as a user's process would."""

    def __init__(self) -> None:
        self.secrets: list[dict[str, Any]] = []

    def __call__(self) -> None:
        document = boto3.client("secretsmanager").get_secret_value(SecretId=ADMIN)["SecretString"]
        self.secrets.append(json.loads(document))


def _up(stack: LocalStack, bootstrap: Bootstrap) -> list[str]:
    steps: list[str] = []
    stack.up(steps.append, synthesise=synthesise, bootstrap=bootstrap)
    return steps


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LocalStack]:
    made = LocalStack(tmp_path / "state")
    yield made
    made.down()


def _crash(stack: LocalStack) -> None:
    """What a power cut does to the servers of this stack."""
    for server in stack.status():
        assert server.pid is not None
        os.killpg(server.pid, signal.SIGKILL)
    while any(server.is_running for server in stack.status()):
        time.sleep(0.02)


def test_the_laptop_comes_up_is_found_again_and_survives_a_crash(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap = Bootstrap()
    steps = _up(stack, bootstrap)
    assert [step for step in steps if step.startswith("deploying")] == ["deploying tiny"]
    servers = {server.name: server for server in stack.status()}
    assert set(servers) == {"aws", "glue", "redshift"}
    assert all(server.is_running for server in servers.values())
    assert "AWS_ENDPOINT_URL" not in os.environ

    environment = dict(
        line.split("=", 1) for line in stack.environment_file.read_text().splitlines()
    )
    assert environment == stack.environment()
    assert stack.environment_file.stat().st_mode & 0o777 == 0o600
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").put_object(Bucket="stack-data", Key="kept", Body=b"kept")
    assert "JobRuns" not in boto3.client("glue").get_jobs()

    admin = bootstrap.secrets[0]
    assert admin["port"] == servers["redshift"].port
    with redshift_connector.connect(
        host=admin["host"],
        port=admin["port"],
        user=admin["username"],
        password=admin["password"],
        database=admin["dbname"],
        ssl=admin["sslmode"] != "disable",
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("create table kept (x int)")
        connection.commit()

    assert _up(stack, bootstrap) == ["synthesising the stacks", "preparing the warehouse"]
    assert stack.status() == list(servers.values())

    _crash(stack)
    steps = _up(stack, bootstrap)
    assert not [step for step in steps if step.startswith("deploying")]
    assert {server.name: server.port for server in stack.status()} == {
        name: server.port for name, server in servers.items()
    }
    assert bootstrap.secrets == [admin] * 3
    assert boto3.client("s3").get_object(Bucket="stack-data", Key="kept")["Body"].read() == b"kept"

    stack.down()
    assert not stack.environment_file.exists()
    assert not any(server.is_running for server in stack.status())
    with pytest.raises(NotUp):
        stack.environment()
    stack.down(reset=True)
    assert {path.name for path in stack.environment_file.parent.iterdir()} == {"lock"}
