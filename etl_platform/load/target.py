"""The tables of one source in the warehouse: their names and columns, made from its contract."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from etl_platform.contract.source import SourceContract
from etl_platform.contract.types import (
    BATCH_COLUMN,
    CURRENT_COLUMN,
    DELETED_COLUMN,
    FILE_COLUMNS,
    HOUR_COLUMN,
    TABLE_COLUMNS,
    VALID_FROM_COLUMN,
    VALID_TO_COLUMN,
    ColumnType,
)
from etl_platform.load.quoting import Identifier, QualifiedName

PLATFORM_SCHEMA = "etl_platform"
SCHEMA_CHANGES = QualifiedName.of(PLATFORM_SCHEMA, "schema_changes")
LEDGER_VIEW = QualifiedName.of(PLATFORM_SCHEMA, "ledger")
HOURS_VIEW = QualifiedName.of(PLATFORM_SCHEMA, "hours")
LEDGER_PREFIX = "ledger_"
GUARD_PREFIX = "guard_"
TOMBSTONES_PREFIX = "tombstones_"
JOURNAL_PREFIX = "journal_"
MANIFEST_AT_COLUMN = "_manifest_at"

# Redshift keeps 127 bytes of a name, PostgreSQL 63: a shorter name is whole in every relative.
_WHOLE_NAME_BYTES = 63

# az64 is made for numbers and times and takes no others; zstd does well on text of any shape.
# Of the last three Redshift's manual names no encoding but raw, so the choice is left to it.
_ENCODINGS: Final[dict[str, str | None]] = {
    "smallint": "az64",
    "integer": "az64",
    "bigint": "az64",
    "decimal": "az64",
    "date": "az64",
    "timestamp": "az64",
    "timestamptz": "az64",
    "varchar": "zstd",
    "char": "zstd",
    "time": None,
    "super": None,
    "varbyte": None,
}
_RAW = "raw"
_IN_NUMERIC_ORDER = ("smallint", "integer", "bigint", "date", "timestamp")

_CATALOG_TYPES = {
    "varchar": "character varying",
    "char": "character",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "time": "time without time zone",
    "varbyte": "binary varying",
}


@dataclass(frozen=True)
class TableColumn:
    """One column as the table has it."""

    name: Identifier
    type: ColumnType
    required: bool
    encoding: str | None
    """None leaves it to Redshift."""

    @property
    def catalog_type(self) -> str:
        """The type as the warehouse's catalog spells it (format_type)."""
        return _as_catalog(self.type.redshift)

    @property
    def staged_catalog_type(self) -> str:
        """The same of the type that COPY makes."""
        return _as_catalog(self.type.staged)


def _as_catalog(spelling: str) -> str:
    family, bracket, arguments = spelling.partition("(")
    return _CATALOG_TYPES.get(family, family) + bracket + arguments


@dataclass(frozen=True)
class Target:
    """The target table of a contract, with the ledger and the guard that belong to it."""

    contract: SourceContract

    @property
    def table(self) -> QualifiedName:
        return QualifiedName.of(self.contract.load.schema_name, self.contract.table)

    @property
    def ledger(self) -> QualifiedName:
        """One ledger a table: loads of different tables that shared one would conflict on it
        where the warehouse is SERIALIZABLE, since each reads and writes it in its transaction."""
        return self._companion(LEDGER_PREFIX)

    @property
    def guard(self) -> QualifiedName:
        """An empty table that a load locks: a lock on the target itself would stop its readers."""
        return self._companion(GUARD_PREFIX)

    @property
    def row_rule(self) -> str:
        """By what rule the batches make the rows, as it is noted on the ledger."""
        strategy, by_key = self.contract.load.strategy, self.contract.kept_by
        return f"{strategy} by {by_key}" if strategy in ("upsert", "scd2") else strategy

    @property
    def is_history(self) -> bool:
        """Whether the table has the periods of a key, not its newest row."""
        return self.contract.load.strategy == "scd2"

    @property
    def marks_deleted(self) -> bool:
        """Whether the rows of deleted keys stay in the table."""
        deleted = self.contract.load.deleted
        return deleted is not None and deleted.method == "soft" and not self.is_history

    @property
    def tombstones(self) -> QualifiedName | None:
        """The newest row of each key that was removed, without its values: what keeps an older
        row that arrives late from coming back."""
        deleted = self.contract.load.deleted
        is_hard = deleted is not None and deleted.method == "hard"
        return self.tombstones_name if is_hard else None

    @property
    def tombstones_name(self) -> QualifiedName:
        """What they are called, whether or not the contract asks for them."""
        return self._companion(TOMBSTONES_PREFIX)

    @property
    def journal(self) -> QualifiedName | None:
        """Every row that the table is made of, where the newest of a key is not enough."""
        return self.journal_name if self.contract.load.keeps_journal else None

    @property
    def journal_name(self) -> QualifiedName:
        """What it is called, whether or not the contract asks for it."""
        return self._companion(JOURNAL_PREFIX)

    def _companion(self, prefix: str) -> QualifiedName:
        # No name in a contract has a `$`, so two tables never share a companion.
        name = f"{prefix}{self.table.schema.name}${self.table.table.name}"
        if len(name.encode()) > _WHOLE_NAME_BYTES:
            name = prefix + hashlib.sha256(name.encode()).hexdigest()[:32]
        return QualifiedName.of(PLATFORM_SCHEMA, name)

    @cached_property
    def columns(self) -> tuple[TableColumn, ...]:
        """The columns of the target."""
        always = (self._column(n, t, required=True) for n, t in TABLE_COLUMNS)
        return (*self._own, *always, *self._of_strategy)

    @property
    def _of_strategy(self) -> Iterator[TableColumn]:
        boolean, moment = ColumnType("boolean"), ColumnType("timestamp")
        if self.marks_deleted:
            yield self._column(DELETED_COLUMN, boolean, required=True)
        if self.is_history:
            yield self._column(VALID_FROM_COLUMN, moment, required=True)
            yield self._column(VALID_TO_COLUMN, moment, required=False)
            yield self._column(CURRENT_COLUMN, boolean, required=True)

    @property
    def tombstone_columns(self) -> tuple[TableColumn, ...]:
        """What tells which of two rows of a key is the newer one."""
        names = {*self.contract.key, self.contract.load.version, HOUR_COLUMN, BATCH_COLUMN}
        return tuple(c for c in self.staged_columns if c.name.name in names)

    @property
    def journal_columns(self) -> tuple[TableColumn, ...]:
        """Rows as they were staged, and the moment that orders the manifests of an hour."""
        at = self._column(MANIFEST_AT_COLUMN, ColumnType("timestamp"), required=True)
        return (*self.staged_columns, at)

    @cached_property
    def staged_columns(self) -> tuple[TableColumn, ...]:
        """The columns of the Parquet files, in their order: COPY goes by position."""
        return (*self._own, *(self._column(n, t, required=True) for n, t in FILE_COLUMNS))

    @property
    def is_restored(self) -> bool:
        """Whether values of the table are made of staged texts."""
        return any(column.type.staged != column.type.redshift for column in self.staged_columns)

    @property
    def _own(self) -> tuple[TableColumn, ...]:
        asked = self.encodings
        own = (
            self._column(c.name, c.type, required=c.required) for c in self.contract.table_columns
        )
        return tuple(replace(c, encoding=asked.get(c.name, c.encoding)) for c in own)

    @property
    def encodings(self) -> Mapping[Identifier, str]:
        """Those that the contract names."""
        return {Identifier(c.name): c.encode for c in self.contract.table_columns if c.encode}

    def _column(self, name: str, kind: ColumnType, *, required: bool) -> TableColumn:
        # The first sort key is read for every filter on it; compressed, its blocks hold so many
        # rows that whole ranges of the other columns have to be read along.
        first = name in self.contract.load.sortkey[:1]
        encoding = _RAW if first else _ENCODINGS.get(kind.family, _RAW)
        return TableColumn(Identifier(name), kind, required, encoding)

    @property
    def key(self) -> tuple[Identifier, ...]:
        return tuple(Identifier(name) for name in self.contract.key)

    @property
    def ranged_key(self) -> tuple[Identifier, ...]:
        """The key columns that tables are sorted by first: the target by its sort key, what is
        beside it by its key. Only of types whose order depends on no collation and no time zone.
        """
        first = dict.fromkeys([*self.contract.load.sortkey[:1], *self.contract.key[:1]])
        ordered = {c.name.name for c in self._own if c.type.family in _IN_NUMERIC_ORDER}
        return tuple(Identifier(n) for n in first if n in self.contract.key and n in ordered)

    @property
    def version(self) -> Identifier | None:
        name = self.contract.load.version
        return Identifier(name) if name else None

    @property
    def distkey(self) -> Identifier | None:
        name = self.contract.load.distkey
        return Identifier(name) if name else None

    @property
    def sortkey(self) -> tuple[Identifier, ...]:
        return tuple(Identifier(name) for name in self.contract.load.sortkey)
