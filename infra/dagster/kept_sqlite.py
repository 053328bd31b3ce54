"""Dagster's own SQLite storage, with engines and connections that are kept.

Dagster 1.13 makes an engine and a connection for each statement or two, which takes longer than the
statements. Files, tables and statements are Dagster's here as well: a DAGSTER_HOME goes on working
when its storage is changed to this one, and back.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import Any, Final

from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool

_WAITING: Final = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
"""For one who writes. Dagster has it for events only."""

_MOST_ENGINES: Final = 64
"""Of those of runs, which hold no connection but the statements that they have compiled."""


class KeptSqlite(DagsterSqliteStorage):
    """`storage` of a dagster.yaml; `base_dir` is DAGSTER_HOME."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Makes and migrates the databases.
        super().__init__(base_dir, inst_data)
        self._run_storage = _Runs(self._run_storage._conn_string)
        self._event_log_storage = _Events(self._event_log_storage._base_dir)
        self._schedule_storage = _Schedules(self._schedule_storage._conn_string)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "KeptSqlite":
        return cls.from_local(inst_data=inst_data, **config_value)


class _OneDatabase:
    """A storage with one file, used by many threads at once. A pool keeps some of its connections;
    beyond them there are as many as are wanted, as in Dagster's own."""

    _conn_string: str

    @cached_property
    def _engine(self) -> Engine:
        return create_engine(self._conn_string, connect_args=_WAITING, max_overflow=-1)

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
    """The index, which all runs share, stays open. The database of a run is opened for each event.

    Whoever closes that one last writes its log back into the file: by that the webserver notices
    what is new in a run. And of thousands of runs no file is held open.
    """

    @cached_property
    def _index(self) -> Engine:
        return create_engine(self.conn_string_for_shard(INDEX_SHARD_NAME), connect_args=_WAITING)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        is_index = shard == INDEX_SHARD_NAME
        engine = self._index if is_index else _engine_of_run(self.conn_string_for_shard(shard))
        with self._db_lock:
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def dispose(self) -> None:
        super().dispose()
        self._index.dispose()


@lru_cache(_MOST_ENGINES)
def _engine_of_run(database: str) -> Engine:
    return create_engine(database, poolclass=NullPool, connect_args=_WAITING)
