"""A real MiniStack on a free port, one for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.processes import Processes
from infra.local.servers import ministack


@pytest.fixture(scope="session")
def aws_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    state_dir: Path = tmp_path_factory.mktemp("aws")
    processes = Processes(state_dir)
    server = ministack(state_dir / "aws")
    yield processes.ensure(server)
    processes.end(server.name, server.stop_within_s)
