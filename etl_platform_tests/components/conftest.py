"""Dagster with its state in SQL of both kinds, the runner of Glue jobs, the stage of the sweep."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from etl_platform_tests.components.dagster_on_postgresql import (
    DagsterOnPostgres,
    dagster_on_postgres,
)
from etl_platform_tests.components.sweeping import Stage
from etl_platform_tests.infra.local.conftest import aws_port
from etl_platform_tests.infra.local.glue.conftest import runner

__all__ = ["aws_port", "runner"]


@pytest.fixture(scope="session")
def on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterOnPostgres]:
    with dagster_on_postgres(tmp_path_factory.mktemp("dagster")) as dagster:
        yield dagster


@pytest.fixture(params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest) -> Iterator[dg.DagsterInstance]:
    """SQLite is in memory here; PostgreSQL is as production has it."""
    if request.param == "postgresql":
        server: DagsterOnPostgres = request.getfixturevalue("on_postgres")
        with server.instance() as made:
            yield made
    else:
        with dg.DagsterInstance.ephemeral() as made:
            yield made


@pytest.fixture
def stage(instance: dg.DagsterInstance, tmp_path: Path) -> Stage:
    return Stage(instance, tmp_path)
