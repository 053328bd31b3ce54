"""Sources whose rows have an hour of their own, aggregates over them, and their tables."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from etl_platform.aws.warehouse import connect
from etl_platform.contract.aggregate import (
    AggregateContract,
    AggregateDefinition,
    check_inputs,
    check_query,
)
from etl_platform.contract.source import SourceContract
from etl_platform.load.target import Target
from etl_platform.load.transaction import RetryPolicy
from etl_platform.publish.bootstrap import prepare_as_admin, prepare_as_service
from etl_platform.publish.refresh import Refreshed, Refresher
from etl_platform.publish.tables import AggregateTable
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import START, contract
from etl_platform_tests.load.tables import Table

GONE = "gone"
_numbers = itertools.count()

Row = tuple[Any, ...]


def at(hour: int, minute: int = 0) -> datetime:
    return START.plus(hour).start.replace(minute=minute)


@dataclass(frozen=True)
class Batch:
    """A version of an hour. A row is its id, its moment, its revision and its value."""

    hour: int
    manifest: int
    rows: tuple[Row, ...]


def source(strategy: str, *, key: Sequence[str] = ("id", "at"), **load: Any) -> SourceContract:
    """A source of events, for a table that no other test uses."""
    return contract(
        strategy,
        columns=[
            {"name": "id", "type": "integer", "required": True},
            {"name": "at", "type": "timestamp", "required": True},
            {"name": "revision", "type": "bigint", "required": True},
            {"name": "value", "type": "varchar(20)"},
        ],
        key=list(key),
        load={"strategy": strategy, **load},
    )


def aggregate(
    reads: Mapping[str, tuple[SourceContract, str | None]], query: str, **changes: Any
) -> AggregateDefinition:
    """An aggregate with the columns hour, value and events. In the query a source goes by its name
    in `reads`, where its hour is as well."""
    for name, (read, _) in reads.items():
        query = query.replace(f"{{{name}}}", f"{{{read.source}}}")
    attributes: dict[str, Any] = {
        "aggregate": f"sums{next(_numbers)}",
        "description": "Sums of the tests",
        "owner": "team:tests",
        "grain": "hour",
        "hour": "hour",
        "reads": [{"source": read.source, "hour": hour} for read, hour in reads.values()],
        "columns": [
            {"name": "hour", "type": "timestamp", "required": True},
            {"name": "value", "type": "varchar(20)"},
            {"name": "events", "type": "bigint", "required": True},
        ],
    }
    made = AggregateContract.model_validate(attributes | changes)
    sources = {read.source: read for read, _ in reads.values()}
    check_inputs(made, sources)
    check_query(made, query)
    return AggregateDefinition(made, query, sources)


@dataclass
class Published:
    """An aggregate in a real warehouse, with the tables of its sources."""

    endpoint: Endpoint
    aggregate: AggregateDefinition
    sources: tuple[Table, ...]

    @classmethod
    def made(cls, endpoint: Endpoint, folder: Path, definition: AggregateDefinition) -> "Published":
        sources = tuple(definition.sources.values())
        endpoint.bootstrap(*sources)
        made = cls(
            endpoint,
            definition,
            tuple(Table(endpoint, of, DirectoryStorage(folder)) for of in sources),
        )
        made.bootstrap()
        return made

    @property
    def table(self) -> AggregateTable:
        return AggregateTable(self.aggregate)

    def bootstrap(self) -> list[str]:
        """Both parts of bootstrap; the tables that were new."""
        taken = {Target(of).table: of.source for of in self.aggregate.sources.values()}
        with connect(self.endpoint.admin) as warehouse:
            prepare_as_admin(warehouse, [self.aggregate], user=self.endpoint.service.username)
        with self.endpoint.connect() as warehouse:
            made = prepare_as_service(warehouse, [self.aggregate], taken)
        return [str(name) for name in made]

    def clear(self) -> None:
        for source in self.sources:
            source.clear()
        for table in (self.table.table, self.table.seen, self.table.refreshes):
            self.execute(f"DELETE FROM {table.sql}")

    def load(self, source: int, *batches: Batch) -> None:
        self.sources[source].load(batches)

    def refresh(self, *, whole: bool = False) -> Refreshed:
        once = RetryPolicy(attempts=1)
        refresher = Refresher(self.table, "test", self.endpoint.connect, once)
        return refresher.refresh(whole=whole)

    def execute(self, statement: str) -> None:
        with self.endpoint.connect() as warehouse:
            warehouse.execute(statement, name="a statement of the test")
            warehouse.commit()

    @property
    def rows(self) -> list[Row]:
        """The rows of the aggregate, in the columns of its contract."""
        columns = ", ".join(c.name.sql for c in self.table.columns)
        return self.select(f"SELECT {columns} FROM {self.table.table.sql}")

    def select(self, query: str) -> list[Row]:
        """Rows in any order that is the same for the same rows."""
        with self.endpoint.connect() as warehouse:
            return sorted(warehouse.fetch(query, name="the rows"), key=repr)

    def name_of(self, source: int) -> str:
        return Target(self.sources[source].contract).table.sql
