"""Warehouses for tests: one that takes COPY's rows from memory, one that breaks when it is told."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from etl_platform.contract.errors import PlatformError
from etl_platform.contract.layout import Location
from etl_platform.contract.storage import Storage
from etl_platform.contract.warehouse import Connect, Warehouse
from etl_platform.load import sql
from etl_platform.load.quoting import Literal, joined
from etl_platform.load.staging import COPY

T = TypeVar("T")


@dataclass
class Inserting:
    """A real warehouse whose COPY inserts rows that a test holds, by the URL of their file."""

    inner: Warehouse
    storage: Storage
    rows: Mapping[str, Sequence[Sequence[Literal]]]
    copied: int = 0

    def execute(self, statement: str, parameters: Sequence[object] = (), *, name: str) -> int:
        if name != COPY:
            return self.inner.execute(statement, parameters, name=name)
        found = re.search(r"FROM '([^']+)'", statement)
        assert found is not None
        manifest = json.loads(self.storage.read(Location.parse(found[1])))
        rows = [row for entry in manifest["entries"] for row in self.rows[entry["url"]]]
        self.copied = len(rows)
        values = ", ".join(f"({joined(row)})" for row in rows)
        return self.inner.execute(f"INSERT INTO {sql.STAGING.sql} VALUES {values}", name=name)

    def fetch(
        self, statement: str, parameters: Sequence[object] = (), *, name: str
    ) -> list[tuple[Any, ...]]:
        if statement == sql.LAST_COPY:
            return [(self.copied, 1)]
        return self.inner.fetch(statement, parameters, name=name)

    def commit(self) -> None:
        self.inner.commit()

    def rollback(self) -> None:
        self.inner.rollback()


@dataclass(frozen=True)
class Fault:
    """What goes wrong at a call, before or after the call has had its effect."""

    error: PlatformError
    after: bool = False


Faults = dict[str, list[Fault | None]]


@dataclass
class Faulty:
    """A real warehouse that fails at the named calls: each takes the next of its list, and None
    lets it pass."""

    inner: Warehouse
    faults: Faults

    def execute(self, statement: str, parameters: Sequence[object] = (), *, name: str) -> int:
        return self._call(name, lambda: self.inner.execute(statement, parameters, name=name))

    def fetch(
        self, statement: str, parameters: Sequence[object] = (), *, name: str
    ) -> list[tuple[Any, ...]]:
        return self._call(name, lambda: self.inner.fetch(statement, parameters, name=name))

    def commit(self) -> None:
        self._call("COMMIT", self.inner.commit)

    def rollback(self) -> None:
        self.inner.rollback()

    def _call(self, name: str, action: Callable[[], T]) -> T:
        fault = _next(self.faults, name)
        if fault is None:
            return action()
        if fault.after:
            action()
        raise fault.error


def _next(faults: Faults, name: str) -> Fault | None:
    waiting = faults.get(name)
    return waiting.pop(0) if waiting else None


@dataclass
class FaultyConnections:
    """Connects to a real warehouse; faults by the name of the statement, `login` for connecting."""

    connect: Connect
    faults: Faults = field(default_factory=dict)

    def __call__(self) -> AbstractContextManager[Warehouse]:
        return self._open()

    @contextmanager
    def _open(self) -> Iterator[Warehouse]:
        if fault := _next(self.faults, "login"):
            raise fault.error
        with self.connect() as warehouse:
            yield Faulty(warehouse, self.faults)
