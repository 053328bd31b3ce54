"""Dagster's own SQLite storage, with engines and connections that are kept.

Dagster 1.13 makes an engine and a connection for each statement or two, which takes longer than the
statements, and waits for the disk at each event. Files, tables and statements are Dagster's here as
well: a DAGSTER_HOME goes on working when its storage is changed to this one, and back.
"""

import os
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final

from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import AssetKeyTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, event, inspect
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection

_EVENTS_A_BATCH: Final = "DAGSTER_EVENT_BATCH_SIZE"
"""What Dagster asks, each time, before it hands over the planned hours of a run all at once."""

_MOST_RUNS: Final = 8
"""So many databases of runs are open, those used last."""


class KeptSqlite(DagsterSqliteStorage):
    """`storage` of a dagster.yaml; `base_dir` is DAGSTER_HOME."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Makes and migrates the databases.
        super().__init__(base_dir, inst_data)
        os.environ.setdefault(_EVENTS_A_BATCH, "1000")
        self._run_storage = _Runs(self._run_storage._conn_string)
        self._event_log_storage = _Events(self._event_log_storage._base_dir)
        self._schedule_storage = _Schedules(self._schedule_storage._conn_string)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "KeptSqlite":
        return cls.from_local(inst_data=inst_data, **config_value)


def _kept(database: str) -> Engine:
    """A pool keeps some of its connections; beyond them there are as many as are wanted, as in
    Dagster's own."""
    waiting = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
    engine = create_engine(database, connect_args=waiting, max_overflow=-1)
    event.listen(engine, "connect", _let_the_disk_take_its_time)
    return engine


def _let_the_disk_take_its_time(connection: DBAPIConnection, _: object) -> None:
    """By default SQLite waits for the disk after each event. With its log (WAL) nothing is lost by
    a process that dies; of a machine that loses its power, the last events may be:
    https://www.sqlite.org/pragma.html#pragma_synchronous"""
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


class _OneDatabase:
    """A storage with one file, used by many threads at once."""

    _conn_string: str

    @cached_property
    def _engine(self) -> Engine:
        return _kept(self._conn_string)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        self._engine.dispose()


class _Runs(_OneDatabase, SqliteRunStorage):
    pass


class _Schedules(_OneDatabase, SqliteScheduleStorage):
    pass


class _Events(SqliteEventLogStorage):
    """The index, which all runs share, stays open, and so do the databases of the last few runs."""

    def __init__(self, base_dir: str) -> None:
        self._runs: OrderedDict[str, Engine] = OrderedDict()
        self._tables: Collection[str] = ()
        self._asset_columns: Collection[str] = ()
        super().__init__(base_dir)

    @cached_property
    def _index(self) -> Engine:
        return _kept(self.conn_string_for_shard(INDEX_SHARD_NAME))

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._index if shard == INDEX_SHARD_NAME else self._run(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _run(self, run_id: str) -> Engine:
        engine = self._runs.pop(run_id, None)
        if engine and not os.path.exists(self.path_for_shard(run_id)):
            # It was wiped, maybe by another process: what went into the open file would be lost.
            engine.dispose()
            self._initialized_dbs.discard(run_id)
            engine = None
        engine = engine or _kept(self.conn_string_for_shard(run_id))
        self._runs[run_id] = engine
        if len(self._runs) > _MOST_RUNS:
            _, oldest = self._runs.popitem(last=False)
            oldest.dispose()
        return engine

    def store_event(self, event: EventLogEntry) -> None:
        super().store_event(event)
        self._tell(event.run_id)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Those of a run's assets in two transactions, where each would have two of its own."""
        by_run: defaultdict[str, list[EventLogEntry]] = defaultdict(list)
        for one in events:
            if one.dagster_event_type in ASSET_EVENTS:
                by_run[one.run_id].append(one)
            else:
                self.store_event(one)
        for run_id, batch in by_run.items():
            self._store_together(run_id, batch)

    def _store_together(self, run_id: str, events: Sequence[EventLogEntry]) -> None:
        with self.run_connection(run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), [*map(self._event_to_row, events)])
        with self.index_connection() as connection:
            # Each number is asked for: SQLite promises no order for those of many rows.
            ids = [connection.execute(self.prepare_insert_event(e)).lastrowid for e in events]
            self._store_asset_event_tags(connection, events, ids)
            last = {one.get_dagster_event().asset_key: place for place, one in enumerate(events)}
            for place in last.values():
                self._store_asset_event(connection, events[place], ids[place])
        self._tell(run_id)

    def _tell(self, run_id: str) -> None:
        """The webserver notices what is new in a run by its file, and not by the log beside it."""
        os.utime(self.path_for_shard(run_id))

    def has_table(self, table_name: str) -> bool:
        """Dagster asks this for each event. A table that was there is still there."""
        if table_name not in self._tables:
            self._tables = inspect(self._index).get_table_names()
        return table_name in self._tables

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        """And so is a column."""
        if column_name not in self._asset_columns:
            found = inspect(conn).get_columns(AssetKeyTable.name)
            self._asset_columns = [column["name"] for column in found]
        return column_name in self._asset_columns

    def dispose(self) -> None:
        super().dispose()
        with self._db_lock:
            for engine in self._runs.values():
                engine.dispose()
            self._runs.clear()
        self._index.dispose()
