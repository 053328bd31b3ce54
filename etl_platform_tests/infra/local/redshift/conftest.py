"""The real endpoint and a real S3 (MiniStack), each started once for all tests of the folder."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.endpoint import Endpoint, free_port, run
from etl_platform_tests.infra.local.redshift.lake import Lake

_READY_WITHIN_S = 90.0


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that points boto3 at a running MiniStack."""
    folder = tmp_path_factory.mktemp("ministack")
    port = free_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    own = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "ministack")],
            env={**os.environ, **environment, **own},
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    deadline = time.monotonic() + _READY_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=5)
            break
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    yield environment
    process.terminate()
    process.wait(60)


@pytest.fixture(scope="session")
def endpoint(aws: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The laptop's Redshift, with the S3 of `aws`."""
    server = Endpoint(tmp_path_factory.mktemp("redshift") / "state", aws).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def s3(aws: dict[str, str]) -> Any:
    """A client for MiniStack's S3."""
    return boto3.client(
        "s3",
        endpoint_url=aws["AWS_ENDPOINT_URL"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )


@pytest.fixture
def bucket(s3: Any) -> str:
    """A bucket of the test's own."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def connection(endpoint: Endpoint) -> Iterator[redshift_connector.Connection]:
    """A connection of the admin, in a schema of the test's own."""
    with endpoint.connect() as opened:
        schema = f"test_{uuid.uuid4().hex[:8]}"
        run(opened, f"CREATE SCHEMA {schema}")
        run(opened, f"SET search_path TO {schema}")
        opened.commit()
        yield opened
        opened.rollback()


@pytest.fixture
def schema(connection: redshift_connector.Connection) -> str:
    """The name of the test's schema."""
    (row,) = run(connection, "SELECT current_schema()")
    connection.commit()
    return str(row[0])


@pytest.fixture
def sql(connection: redshift_connector.Connection) -> Callable[..., list[list[Any]]]:
    """Run a statement on the test's connection."""
    return lambda text, *values: run(connection, text, *values)


@pytest.fixture
def other(endpoint: Endpoint, schema: str) -> Iterator[redshift_connector.Connection]:
    """A second session of the admin, in the schema of the first."""
    with endpoint.connect() as opened:
        run(opened, f"SET search_path TO {schema}")
        opened.commit()
        yield opened
        opened.rollback()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Where a statement waits while the test goes on."""
    with ThreadPoolExecutor(2) as opened:
        yield opened


@pytest.fixture
def lake(s3: Any, bucket: str) -> Lake:
    """Files and manifests in a bucket of the test's own."""
    return Lake(s3, bucket)
