"""The tables of one aggregate in the warehouse, and those that it is made from."""

import hashlib
from dataclasses import dataclass
from typing import Final

from etl_platform.contract.aggregate import AggregateDefinition
from etl_platform.contract.types import HOUR_COLUMN
from etl_platform.load.quoting import Identifier, QualifiedName
from etl_platform.load.target import GUARD_PREFIX, PLATFORM_SCHEMA, TableColumn, Target

REFRESHES_PREFIX: Final = "refreshes_"
SEEN_PREFIX: Final = "seen_"
REFRESHES_VIEW: Final = QualifiedName.of(PLATFORM_SCHEMA, "aggregates")

# Redshift keeps 127 bytes of a name, PostgreSQL 63: a shorter name is whole in every relative.
_WHOLE_NAME_BYTES = 63


@dataclass(frozen=True)
class InputTable:
    """The tables of a source that an aggregate reads."""

    source: str
    target: Target
    hour: Identifier | None
    """The column by which its rows belong to hours of the aggregate."""

    @property
    def is_by_batch_hour(self) -> bool:
        """Whether a batch changes rows of its own hour only."""
        return self.hour is not None and self.hour.name == HOUR_COLUMN

    @property
    def row_tables(self) -> tuple[QualifiedName, ...]:
        """Where a row that a batch has brought can stand: that of a removed key is a tombstone,
        and one that was merged into a newer one is in the journal only."""
        beside = (self.target.tombstones, self.target.journal)
        return (self.target.table, *(table for table in beside if table))


@dataclass(frozen=True)
class AggregateTable:
    """The table of an aggregate, with what remembers its refreshes."""

    aggregate: AggregateDefinition

    @property
    def name(self) -> str:
        return self.aggregate.contract.aggregate

    @property
    def table(self) -> QualifiedName:
        contract = self.aggregate.contract
        return QualifiedName.of(contract.schema_name, contract.table)

    @property
    def guard(self) -> QualifiedName:
        """An empty table that a refresh locks: a lock on the table itself would stop readers."""
        return self._companion(GUARD_PREFIX)

    @property
    def seen(self) -> QualifiedName:
        """The batches that the rows are made of."""
        return self._companion(SEEN_PREFIX)

    @property
    def refreshes(self) -> QualifiedName:
        """One row for each refresh that changed the table."""
        return self._companion(REFRESHES_PREFIX)

    def _companion(self, prefix: str) -> QualifiedName:
        # No name in a contract has a `$`, so two tables never share a companion.
        name = f"{prefix}{self.table.schema.name}${self.table.table.name}"
        if len(name.encode()) > _WHOLE_NAME_BYTES:
            name = prefix + hashlib.sha256(name.encode()).hexdigest()[:32]
        return QualifiedName.of(PLATFORM_SCHEMA, name)

    @property
    def columns(self) -> tuple[TableColumn, ...]:
        return tuple(
            TableColumn(Identifier(c.name), c.type, c.required, encoding=None)
            for c in self.aggregate.contract.columns
        )

    @property
    def hour(self) -> Identifier | None:
        name = self.aggregate.contract.hour
        return Identifier(name) if name else None

    @property
    def inputs(self) -> tuple[InputTable, ...]:
        return tuple(
            InputTable(
                read.source,
                Target(self.aggregate.sources[read.source]),
                Identifier(read.hour) if read.hour else None,
            )
            for read in self.aggregate.contract.reads
        )
