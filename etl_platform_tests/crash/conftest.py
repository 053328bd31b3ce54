"""One real warehouse and one real S3, with the secret that the job reads, for all crashes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_platform.aws.clients import client
from etl_platform_tests.crash.feeds import Loads, secret_of
from etl_platform_tests.crash.processes import Gate
from etl_platform_tests.load.endpoint import Endpoint, bucket, running_endpoint
from etl_platform_tests.load.samples import NAMES


@pytest.fixture(scope="package")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with running_endpoint(tmp_path_factory.mktemp("crash")) as running:
        running.bootstrap()
        bucket(NAMES.artifacts_bucket)
        client("secretsmanager").create_secret(
            Name=NAMES.service_secret, SecretString=json.dumps(secret_of(running.service))
        )
        yield running


@pytest.fixture
def loads(endpoint: Endpoint) -> Loads:
    """A new table, with one hour in it."""
    return Loads.new(endpoint)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")
