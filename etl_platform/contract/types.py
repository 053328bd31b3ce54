"""The one type table: contract type <-> Arrow <-> DuckDB <-> Redshift <-> Glue and Athena."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, LiteralString

import pyarrow as pa

LONGEST_TEXT_BYTES: Final = 65535
"""Of a VARCHAR, and so of every text that stands for a value of another type."""


@dataclass(frozen=True)
class _Family:
    """One row of the table. `limits` are the greatest values of the arguments, in order.

    Values that COPY cannot take from Parquet are texts until the insert from staging: they are
    staged as VARCHAR of `staged_bytes` for each unit of the argument, and `restored` makes them of
    `{staged}`.
    """

    duckdb: str
    redshift: str
    glue: str
    arrow: Callable[..., pa.DataType]
    limits: tuple[int, ...] = ()
    staged_bytes: int | None = None
    restored: LiteralString = "{staged}"


# VARCHAR(n) and CHAR(n) count bytes in Redshift, hence no length in DuckDB and Arrow: convert
# checks it. Timestamps are in microseconds because Redshift reads nanoseconds as microseconds
# (apache/arrow issue 38000).
_TABLE: Final[dict[str, _Family]] = {
    "smallint": _Family("SMALLINT", "smallint", "smallint", pa.int16),
    "integer": _Family("INTEGER", "integer", "int", pa.int32),
    "bigint": _Family("BIGINT", "bigint", "bigint", pa.int64),
    "decimal": _Family(
        "DECIMAL({0},{1})", "numeric({0},{1})", "decimal({0},{1})", pa.decimal128, (38, 37)
    ),
    "real": _Family("FLOAT", "real", "float", pa.float32),
    "double": _Family("DOUBLE", "double precision", "double", pa.float64),
    "boolean": _Family("BOOLEAN", "boolean", "boolean", pa.bool_),
    "date": _Family("DATE", "date", "date", pa.date32),
    "timestamp": _Family("TIMESTAMP", "timestamp", "timestamp", lambda: pa.timestamp("us")),
    "timestamptz": _Family(
        "TIMESTAMP WITH TIME ZONE", "timestamptz", "timestamp", lambda: pa.timestamp("us", "UTC")
    ),
    "varchar": _Family(
        "VARCHAR", "varchar({0})", "string", lambda _: pa.string(), (LONGEST_TEXT_BYTES,)
    ),
    "char": _Family("VARCHAR", "char({0})", "string", lambda _: pa.string(), (4096,)),
    "time": _Family(
        "VARCHAR",
        "time",
        "string",
        pa.string,
        staged_bytes=len("HH:MM:SS.ffffff"),
        restored="CAST({staged} AS time)",
    ),
    "super": _Family(
        "VARCHAR",
        "super",
        "string",
        pa.string,
        staged_bytes=LONGEST_TEXT_BYTES,
        restored="JSON_PARSE({staged})",
    ),
    "varbyte": _Family(
        "VARCHAR",
        "varbyte({0})",
        "string",
        lambda _: pa.string(),
        (LONGEST_TEXT_BYTES // 2,),
        staged_bytes=2,
        restored="FROM_HEX({staged})",
    ),
}

_SPELLING = re.compile(r"([a-z]+)(?:\(\s*(\d{1,5})\s*(?:,\s*(\d{1,5})\s*)?\))?", re.ASCII)


@dataclass(frozen=True)
class ColumnType:
    """A type as the contract spells it, for example `decimal(6,2)`."""

    family: str
    arguments: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "ColumnType":
        """Read a spelling; raises ValueError with what was expected."""
        match = _SPELLING.fullmatch(text.strip().lower())
        if match is None or match[1] not in _TABLE:
            hint = " (a type with a comma needs quotes in YAML)" if "decimal(" in text else ""
            raise ValueError(f"{text!r} is not a column type{hint}; expected {spellings()}")
        arguments = tuple(int(a) for a in match.groups()[1:] if a is not None)
        limits = _TABLE[match[1]].limits
        if len(arguments) != len(limits):
            raise ValueError(f"{text!r} has {len(arguments)} arguments; expected {spellings()}")
        if any(a > limit for a, limit in zip(arguments, limits, strict=True)):
            raise ValueError(f"{text!r} is beyond Redshift's limits; expected at most {limits}")
        if limits and arguments[0] == 0:
            raise ValueError(f"{text!r} is empty; expected at least 1")
        if match[1] == "decimal" and arguments[1] > arguments[0]:
            raise ValueError(f"{text!r} has more decimals than digits; expected scale <= precision")
        return cls(match[1], arguments)

    @property
    def duckdb(self) -> str:
        return _TABLE[self.family].duckdb.format(*self.arguments)

    @property
    def redshift(self) -> str:
        return _TABLE[self.family].redshift.format(*self.arguments)

    @property
    def staged(self) -> str:
        """The type of the staging table, which is what COPY makes of the Parquet column."""
        size_bytes = _TABLE[self.family].staged_bytes
        if size_bytes is None:
            return self.redshift
        return f"varchar({size_bytes * (self.arguments or (1,))[0]})"

    @property
    def restored(self) -> LiteralString:
        """A template that makes the value of the table of what is `{staged}`."""
        return _TABLE[self.family].restored

    @property
    def glue(self) -> str:
        return _TABLE[self.family].glue.format(*self.arguments)

    @property
    def arrow(self) -> pa.DataType:
        return _TABLE[self.family].arrow(*self.arguments)

    def __str__(self) -> str:
        return (
            f"{self.family}({','.join(map(str, self.arguments))})"
            if self.arguments
            else (self.family)
        )


def spellings() -> str:
    """Every spelling, for messages."""
    shapes = {0: "", 1: "(n)", 2: "(p,s)"}
    return ", ".join(name + shapes[len(family.limits)] for name, family in _TABLE.items())


EXTRA_COLUMN: Final = "_extra"
"""What a record holds that the contract does not know, as one JSON object, if it is captured."""

HOUR_COLUMN: Final = "_hour"
BATCH_COLUMN: Final = "_batch_id"
LOADED_COLUMN: Final = "_loaded_at"
DELETED_COLUMN: Final = "_deleted"
VALID_FROM_COLUMN: Final = "_valid_from"
VALID_TO_COLUMN: Final = "_valid_to"
CURRENT_COLUMN: Final = "_current"

FILE_COLUMNS: Final[tuple[tuple[str, ColumnType], ...]] = (
    (HOUR_COLUMN, ColumnType("timestamp")),
    (BATCH_COLUMN, ColumnType("varchar", (32,))),
)
"""What convert writes after the contract's columns, so that one COPY can take many hours."""

PLACE_COLUMNS: Final[tuple[tuple[str, ColumnType], ...]] = (
    ("_file", ColumnType("varchar", (65535,))),
    ("_record", ColumnType("bigint")),
)
"""Where a row stood: the address of its file, and its number there, from 1."""

TABLE_COLUMNS: Final[tuple[tuple[str, ColumnType], ...]] = (
    *FILE_COLUMNS,
    (LOADED_COLUMN, ColumnType("timestamp")),
)
"""What every target table has after the contract's columns."""
