"""Dagster's events in SQLite: what one takes in its own storage, and in the kept one."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final
from unittest.mock import patch

import dagster as dg
from dagster import DagsterInstance
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData

from etl_platform_tests.benchmarks.tables import Finding
from infra.dagster.kept_sqlite import KeptSqlite

_EVENTS: Final = 200
_KEY: Final = dg.AssetKey(["redshift", "weather"])
_STORAGES: Final = {
    "Dagster's own": "",
    "kept": f"storage: {{custom: {{module: {KeptSqlite.__module__}, class: KeptSqlite,"
    " config: {base_dir: {env: DAGSTER_HOME}}}}\n",
}


def of_events(rounds: int) -> Iterator[Finding]:
    """Both in turn, each time in a new home: the events of a run that loads many hours."""
    seconds: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for name, storage in _STORAGES.items():
            with _instance(storage) as instance:
                for kind, event in (("materialization", _loaded), ("check result", _checked)):
                    seconds.setdefault((kind, name), []).append(_stored(instance, event))
    rows = [
        (
            kind,
            name,
            f"{median(wall for wall, _ in times) / _EVENTS * 1000:.1f}",
            f"{median(cpu for _, cpu in times) / _EVENTS * 1000:.1f}",
        )
        for (kind, name), times in sorted(seconds.items())
    ]
    yield Finding(
        f"{_EVENTS} events of a run, stored in SQLite",
        ("event", "storage", "ms each", "CPU ms each"),
        rows,
        [],
    )


@contextmanager
def _instance(storage: str) -> Iterator[DagsterInstance]:
    with (
        tempfile.TemporaryDirectory() as home,
        patch.dict("os.environ", {"DAGSTER_HOME": home}),
    ):
        Path(home, "dagster.yaml").write_text(f"telemetry: {{enabled: false}}\n{storage}")
        with DagsterInstance.get() as instance:
            yield instance


def _stored(instance: DagsterInstance, event: Callable[[int], DagsterEvent]) -> tuple[float, float]:
    """Seconds, and those of the processor."""
    definitions = dg.Definitions(jobs=[dg.GraphDefinition("load").to_job()])
    run = instance.create_run_for_job(definitions.resolve_job_def("load"))
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for number in range(_EVENTS):
        instance.report_dagster_event(event(number), run.run_id)
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


def _loaded(number: int) -> DagsterEvent:
    loaded = dg.AssetMaterialization(
        _KEY,
        partition=str(number),
        metadata={"rows_written": number, "batch_id": str(number)},
        tags={"dagster/data_version": str(number)},
    )
    kind = DagsterEventType.ASSET_MATERIALIZATION
    return DagsterEvent(kind.value, "load", event_specific_data=StepMaterializationData(loaded))


def _checked(number: int) -> DagsterEvent:
    checked = dg.AssetCheckEvaluation(
        asset_key=_KEY,
        check_name="counts_reconcile",
        passed=True,
        metadata={"rows_written": number},
        partition=str(number),
    )
    kind = DagsterEventType.ASSET_CHECK_EVALUATION
    return DagsterEvent(kind.value, "load", event_specific_data=checked)
