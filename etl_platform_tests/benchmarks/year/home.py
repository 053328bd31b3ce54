"""Dagster's side of the year: an instance with its databases, a daemon that keeps its ticks, and
how the databases grow."""

import functools
import json
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest import mock

import dagster as dg
import sqlalchemy
import yaml
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import TickData, TickStatus
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite import consolidated_sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage

from etl_platform_tests.components.clock import Clock
from etl_platform_tests.components.daemon import Daemon, Death
from infra.local.demo.dagster_dev import CONFIGURATION

_ONE_FILE: Final = {
    "module": "dagster._core.storage.event_log",
    "class": "ConsolidatedSqliteEventLogStorage",
}
"""All events in one table, as PostgreSQL has them. Below `DAGSTER_HOME` SQLite has a file of its
own for each run."""

_TABLES: Final = {
    "history/runs.db": ("runs", "run_tags"),
    "events/event_log.db": ("event_logs", "asset_event_tags", "asset_check_executions"),
    "schedules/schedules.db": ("job_ticks",),
}

_OTHER_EVENTS: Final = Path(__file__).parent / "other_events.json"
"""What a run of one hour stored on the laptop besides what is told of the hour and of the run:
type, step and bytes of each event."""

_LOCATION: Final = "etl_platform"


@contextmanager
def instance() -> Iterator[tuple[dg.DagsterInstance, Path]]:
    """An instance with the settings of one machine; its databases are gone at the end."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        settings = yaml.safe_load(CONFIGURATION.read_text())
        del settings["storage"]
        settings["event_log_storage"] = {**_ONE_FILE, "config": {"base_dir": f"{name}/events"}}
        (Path(name) / "dagster.yaml").write_text(yaml.safe_dump(settings))
        for module in (
            consolidated_sqlite_event_log,
            sqlite_run_storage,
            sqlite_schedule_storage,
        ):
            stack.enter_context(mock.patch.object(module, "create_engine", _engine))
        yield stack.enter_context(dg.DagsterInstance.from_config(name)), Path(name)
    _open_engine.cache_clear()


def _engine(address: str, **_: Any) -> sqlalchemy.Engine:
    """Connections stay open as those to PostgreSQL do, and no commit waits for the disk."""
    return _open_engine(address)


@functools.cache
def _open_engine(address: str) -> sqlalchemy.Engine:
    engine = sqlalchemy.create_engine(address)
    sqlalchemy.event.listen(
        engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF")
    )
    return engine


@dataclass
class TickingDaemon(Daemon):
    """A daemon that writes its ticks down and lets go of old ones, as Dagster's does, and whose
    runs are as large as Dagster's."""

    clock: Clock = field(kw_only=True)
    ticks: int = 0

    def tick(self, sensor: dg.SensorDefinition, death: Death | None = None) -> list[dg.RunRequest]:
        began = self.clock.now.timestamp()
        made = super().tick(sensor, death)
        self._write_down(sensor.name, InstigatorType.SENSOR, began, made)
        return made

    def tick_schedule(self, schedule: dg.ScheduleDefinition) -> None:
        began = self.clock.now.timestamp()
        with dg.build_schedule_context() as context:
            schedule.evaluate_tick(context)
        self._write_down(schedule.name, InstigatorType.SCHEDULE, began, ())

    def purge(self, name: str, kind: InstigatorType) -> None:
        """What the daemon does after each tick."""
        for status, days in self.instance.get_tick_retention_settings(kind).items():
            if days > 0:
                before = (self.clock.now - timedelta(days=days)).timestamp()
                self.instance.purge_ticks(name, name, before, [status])

    def run(self, request: dg.RunRequest, tags: dict[str, str]) -> dg.DagsterRun:
        location = GrpcServerCodeLocationOrigin(
            host="localhost",
            socket=f"/tmp/{_LOCATION}",
            location_name=_LOCATION,
            additional_metadata={"module_name": f"{_LOCATION}.definitions"},
        )
        origin = RemoteJobOrigin(
            repository_origin=RemoteRepositoryOrigin(location, "__repository__"),
            job_name=str(request.job_name),
        )
        own = {"dagster/code_location": _LOCATION, "dagster/tick": str(self.ticks)}
        return super().run(request, {**tags, **own})._replace(remote_job_origin=origin)

    def _write_down(
        self, name: str, kind: InstigatorType, began: float, made: Sequence[dg.RunRequest]
    ) -> None:
        self.ticks += 1
        self.instance.create_tick(
            TickData(
                name,
                name,
                kind,
                TickStatus.SUCCESS if made else TickStatus.SKIPPED,
                began,
                run_ids=[],
                run_keys=[str(request.run_key) for request in made],
                cursor=self.cursors.get(name),
                selector_id=name,
                end_timestamp=began,
                run_requests=list(made),
            )
        )


def other_events_of(run: dg.DagsterRun, at: datetime) -> list[dict[str, Any]]:
    """Rows of the size and the type of what a run of one hour stores of its own way."""
    rows = []
    for kind, step, size in _other_events():
        named = f"{run.run_id} {run.job_name} {at} "
        rows.append(
            {
                "run_id": run.run_id,
                "event": named.ljust(size, "."),
                "dagster_event_type": kind,
                "timestamp": at.replace(tzinfo=None),
                "step_key": step,
            }
        )
    return rows


@functools.cache
def _other_events() -> list[tuple[str | None, str | None, int]]:
    return [(kind, step, size) for kind, step, size in json.loads(_OTHER_EVENTS.read_text())]


def store(instance: dg.DagsterInstance, rows: Sequence[dict[str, Any]]) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    with storage.index_connection() as connection:
        connection.execute(SqlEventLogStorageTable.insert(), rows)


@dataclass(frozen=True)
class Size:
    """How large the databases are."""

    rows: dict[str, int]
    size_bytes: int

    @classmethod
    def of(cls, folder: Path) -> "Size":
        rows: dict[str, int] = {}
        size_bytes = 0
        for file, tables in _TABLES.items():
            with closing(sqlite3.connect(folder / file)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                for table in tables:
                    (rows[table],) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
                size_bytes += _used_bytes(connection)
        return cls(rows, size_bytes)


def _used_bytes(connection: sqlite3.Connection) -> int:
    """Without what was given back and is free for new rows."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def doubled_marks(folder: Path) -> int:
    """For how many batches one and the same attempt was asked for more than once."""
    with closing(sqlite3.connect(folder / "history/runs.db")) as connection:
        (found,) = connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM run_tags WHERE key LIKE '.dagster/batch.%'"
            " GROUP BY key, value HAVING count(*) > 1)"
        ).fetchone()
    return int(found)
