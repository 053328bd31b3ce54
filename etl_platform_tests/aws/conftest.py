"""A real MiniStack on a free port, one for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_platform.aws import clients
from infra.local.processes import Processes
from infra.local.servers import CREDENTIALS, REGION, ministack, url_of


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state_dir: Path = tmp_path_factory.mktemp("aws")
    processes = Processes(state_dir)
    server = ministack(state_dir / "aws")
    yield url_of(processes.ensure(server))
    processes.end(server.name, server.stop_within_s)


@pytest.fixture
def environment(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    clients.client.cache_clear()
    yield
    clients.client.cache_clear()
