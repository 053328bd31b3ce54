"""Dagster as `dagster dev` runs it: daemon, webserver, code server. It outlives the demo."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from etl_platform.contract.errors import ServiceUnavailable
from etl_platform.dagster_api import DagsterApi
from infra.local.processes import LOOPBACK, Processes, Server

SENSOR = "manifest_sensor"
WORKSPACE = Path(__file__).parents[3] / "workspace.yaml"

_NAME = "dagster"
_STOP_WITHIN_S = 30.0
_TICKS_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.2
CONFIGURATION = Path(__file__).parents[2] / "dagster" / "one_machine.yaml"


class DagsterDev:
    """The one Dagster of a state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._home = state_dir.resolve() / _NAME
        # Not below the home: Dagster sends what it finds in the folder `logs` there to its maker,
        # and takes it away, with its telemetry switched off too.
        self._beside = state_dir.resolve() / f"{_NAME}-server"
        self._processes = Processes(self._beside)

    @property
    def running(self) -> DagsterApi | None:
        """The one that runs, if one does."""
        if not self._processes.is_running(_NAME):
            return None
        return DagsterApi(_address(self._processes.records()[_NAME].port))

    def restart(self, environment: Mapping[str, str]) -> DagsterApi:
        """Start it; returns when the sensor runs.

        One that runs already is ended first: it has the contracts and endpoints of its own start.
        """
        self.down()
        for folder in (self._home, self._beside):
            folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CONFIGURATION, self._home / "dagster.yaml")
        # A shell starts background commands with SIGINT ignored; Dagster would inherit that and
        # could only be killed. A signal that is handled here goes back to its default in a child.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return DagsterApi(_address(self._processes.ensure(self._server(environment))))

    def down(self, *, reset: bool = False) -> None:
        """End it with everything that it has started; with `reset`, forget its runs as well."""
        self._processes.end(_NAME, _STOP_WITHIN_S)
        if reset:
            for folder in (self._home, self._beside):
                shutil.rmtree(folder, ignore_errors=True)

    def _server(self, environment: Mapping[str, str]) -> Server:
        own = {**os.environ, **environment, "DAGSTER_HOME": str(self._home)}
        return Server(
            name=_NAME,
            command=lambda port: (
                *(sys.executable, "-m", "dagster", "dev"),
                *("--host", LOOPBACK, "--port", str(port)),
                *("--workspace", str(WORKSPACE)),
            ),
            environment=lambda _: own,
            is_healthy=_is_healthy,
            ready_within_s=120.0,
            stop_within_s=_STOP_WITHIN_S,
        )


def reload(dagster: DagsterApi) -> None:
    """Have it read its definitions again.

    Returns when a tick of the sensor has begun since: one that was waiting at the queue before
    would refuse what is announced of a source that its definitions did not have.
    """
    dagster.reload()
    reloaded_at, give_up_at = time.time(), time.monotonic() + _TICKS_WITHIN_S
    while not _has_ticked(dagster, reloaded_at) and time.monotonic() < give_up_at:
        time.sleep(_LOOK_EVERY_S)


def _is_healthy(port: int) -> bool:
    try:
        sensors = DagsterApi(_address(port)).sensors()
    except ServiceUnavailable:
        return False
    return any(sensor.name == SENSOR and sensor.is_running for sensor in sensors)


def _has_ticked(dagster: DagsterApi, since: float) -> bool:
    """Whether the sensor has begun a tick, or does not run."""
    return any(
        not sensor.is_running or (sensor.ticked_at or 0) > since
        for sensor in dagster.sensors()
        if sensor.name == SENSOR
    )


def _address(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"
