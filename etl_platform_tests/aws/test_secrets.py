"""A secret is whole or refused, and shows its password nowhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from etl_platform.aws.clients import client
from etl_platform.aws.secrets import read_secret
from etl_platform.contract.errors import ServiceRefused, SettingInvalid
from infra.local.processes import Processes
from infra.local.servers import CREDENTIALS, REGION, ministack, url_of

CANARY = "canary-4111111111111111"
SECRET = {
    "username": "etl_service",
    "password": CANARY,
    "host": "warehouse",
    "port": 5439,
    "dbname": "dev",
    "sslmode": "verify-full",
}


@pytest.fixture(scope="module", autouse=True)
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    state_dir: Path = tmp_path_factory.mktemp("secrets")
    processes, server = Processes(state_dir), ministack(state_dir / "aws")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in CREDENTIALS.items():
            environment.setenv(name, value)
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        environment.setenv("AWS_ENDPOINT_URL", url_of(processes.ensure(server)))
        client.cache_clear()
        yield
    client.cache_clear()
    processes.end(server.name, server.stop_within_s)


def _stored(text: str) -> str:
    name = f"tests/{uuid4().hex}"
    client("secretsmanager").create_secret(Name=name, SecretString=text)
    return name


def test_a_secret_is_read_whole_and_hides_its_password() -> None:
    secret = read_secret(_stored(json.dumps(SECRET)))
    assert secret.password.get_secret_value() == CANARY
    assert (secret.host, secret.port, secret.dbname) == ("warehouse", 5439, "dev")
    assert CANARY not in repr(secret) + str(secret) + secret.model_dump_json()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps({**SECRET, "port": "none"}), id="a port that is no number"),
        pytest.param(json.dumps({**SECRET, "sslmode": "prefer"}), id="an unknown mode"),
        pytest.param(json.dumps({"password": CANARY}), id="half a secret"),
        pytest.param(f'{{"password": "{CANARY}"', id="half a document"),
        pytest.param(CANARY, id="no document"),
    ],
)
def test_an_unusable_secret_is_refused_without_its_text(text: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        read_secret(_stored(text))
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_a_secret_that_is_not_there_is_named() -> None:
    with pytest.raises(ServiceRefused, match="tests/none"):
        read_secret("tests/none")
