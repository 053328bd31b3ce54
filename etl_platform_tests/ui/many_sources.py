"""Dagster's webserver on a workspace of many sources, one of which has a past."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest.mock import patch

import dagster as dg

from etl_platform.contract.errors import ServiceUnavailable
from etl_platform.dagster_api import DagsterApi
from etl_platform_tests.benchmarks.workspace import FIRST, environment, source_names, workspace
from etl_platform_tests.ui.past import remember
from infra.local.demo.dagster_dev import CONFIGURATION, WORKSPACE
from infra.local.processes import LOOPBACK, Processes, Server

_NAME: Final = "webserver"
_STOP_WITHIN_S: Final = 30.0


@dataclass(frozen=True)
class ManySources:
    """Where the UI is, and the source whose pages have something to show."""

    address: str
    source: str
    hours: int
    """So many of its hours are loaded, the first ones."""
    log: Path


@contextmanager
def many_sources(sources: int, hours: int) -> Iterator[ManySources]:
    """Have it serve; of one of the sources the first `hours` are loaded."""
    with workspace(sources) as folder:
        home = folder / "dagster"
        home.mkdir()
        shutil.copyfile(CONFIGURATION, home / "dagster.yaml")
        source = source_names(sources)[sources // 2]
        with (
            patch.dict("os.environ", {"DAGSTER_HOME": str(home)}),
            dg.DagsterInstance.get() as instance,
        ):
            remember(instance, source, list(FIRST.through(FIRST.plus(hours - 1))))
        # Not in the home of Dagster, which takes away the folder `logs` there.
        processes = Processes(folder)
        port = processes.ensure(_webserver(folder, home))
        try:
            log = folder / "logs" / f"{_NAME}.log"
            yield ManySources(f"http://{LOOPBACK}:{port}", source, hours, log)
        finally:
            processes.end(_NAME, _STOP_WITHIN_S)


def _webserver(folder: Path, home: Path) -> Server:
    own = environment(folder) | {"DAGSTER_HOME": str(home)}
    return Server(
        name=_NAME,
        command=lambda port: (
            *(sys.executable, "-m", "dagster_webserver"),
            *("--host", LOOPBACK, "--port", str(port)),
            *("--workspace", str(WORKSPACE)),
        ),
        environment=lambda _: own,
        is_healthy=_is_healthy,
        ready_within_s=120.0,
        stop_within_s=_STOP_WITHIN_S,
    )


def _is_healthy(port: int) -> bool:
    try:
        return bool(DagsterApi(f"http://{LOOPBACK}:{port}").sensors())
    except ServiceUnavailable:
        return False
