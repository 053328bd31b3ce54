"""One real warehouse and one real S3, with the secret that the job reads, for all crashes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_platform_tests.convert.samples import World
from etl_platform_tests.crash.conversions import new_world
from etl_platform_tests.crash.feeds import Loads, serving_jobs
from etl_platform_tests.crash.processes import Gate
from etl_platform_tests.load.endpoint import Endpoint


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with serving_jobs(tmp_path_factory.mktemp("crash")) as running:
        yield running


@pytest.fixture
def loads(endpoint: Endpoint) -> Loads:
    """A new table, with one hour in it."""
    return Loads.new(endpoint)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture(scope="module")
def world(endpoint: Endpoint) -> World:
    """Where files are converted."""
    return new_world()
