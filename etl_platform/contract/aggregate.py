"""AggregateContract: a table that one query makes from tables of sources, and keeps in step."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from etl_platform.contract.fields import (
    ColumnName,
    Identifier,
    Model,
    SchemaName,
    SourceName,
    broken,
    identifier,
)
from etl_platform.contract.source import SourceContract
from etl_platform.contract.types import HOUR_COLUMN, ColumnType

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}", re.ASCII)


def _column_type(value: Any) -> ColumnType:
    return value if isinstance(value, ColumnType) else ColumnType.parse(str(value))


def _hour_column(value: Any) -> str:
    return HOUR_COLUMN if value == HOUR_COLUMN else identifier(str(value))


class AggregateColumn(Model):
    """One column of the aggregate, filled by the column of this name of the query."""

    name: ColumnName
    type: Annotated[
        ColumnType, BeforeValidator(_column_type, json_schema_input_type=str), PlainSerializer(str)
    ]
    required: bool = False
    description: str | None = None


class Input(Model):
    """A source whose table the query reads."""

    source: SourceName
    hour: Annotated[str, BeforeValidator(_hour_column, json_schema_input_type=str)] | None = None
    """The column that says which hour of the aggregate a row belongs to. Without one, a change of
    the source may touch every hour."""


class AggregateContract(Model):
    """What one aggregate is, as its user writes it in a defs.yaml; its query lies beside it."""

    aggregate: SourceName
    description: str
    owner: str
    reads: tuple[Input, ...] = Field(min_length=1)
    grain: Literal["hour", "table"]
    hour: Identifier | None = None
    """The column that holds the hour of a row, of an aggregate by the hour."""
    columns: tuple[AggregateColumn, ...] = Field(min_length=1)
    distkey: Identifier | None = None
    sortkey: tuple[Identifier, ...] = ()
    schema_name: SchemaName = Field(default="analytics", alias="schema")
    table_name: Identifier | None = Field(default=None, alias="table")
    readers: tuple[Identifier, ...] = ()
    """The roles of the warehouse that may read the table."""

    @model_validator(mode="after")
    def _names_are_consistent(self) -> Self:
        _refuse_doubles("columns", "name", [column.name for column in self.columns])
        _refuse_doubles("reads", "source", [read.source for read in self.reads])
        names = [column.name for column in self.columns]
        used = (
            (("distkey",), (self.distkey,) if self.distkey else ()),
            (("sortkey",), self.sortkey),
            (("hour",), (self.hour,) if self.hour else ()),
        )
        for field, columns in used:
            for name in columns:
                if name not in names:
                    raise broken(field, f"there is no column {name}", f"one of {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _an_hour_goes_with_its_grain(self) -> Self:
        if self.grain == "table":
            if self.hour or any(read.hour for read in self.reads):
                raise broken(("grain",), "grain is table, and an hour is named", "`grain: hour`")
            return self
        column = next((c for c in self.columns if c.name == self.hour), None)
        if column is None or column.type.family != "timestamp" or not column.required:
            raise broken(
                ("hour",) if self.hour else ("grain",),
                "an aggregate by the hour has no column for it",
                "`hour:` with the name of a `timestamp` that is `required: true`",
            )
        if not any(read.hour for read in self.reads):
            raise broken(("reads",), "no source has an `hour`", "one at least, or `grain: table`")
        return self

    @property
    def table(self) -> str:
        """The name of the table, without its schema."""
        return self.table_name or self.aggregate

    @property
    def full_table(self) -> str:
        """The name of the table in its schema."""
        return f"{self.schema_name}.{self.table}"


@dataclass(frozen=True)
class AggregateDefinition:
    """An aggregate with its query and the contracts of the sources that it reads."""

    contract: AggregateContract
    query: str
    sources: Mapping[str, SourceContract]

    @cached_property
    def digest(self) -> str:
        """Changes when the rows may change, though no source did."""
        told = {"description", "owner", "readers"}
        parts = [self.contract.model_dump_json(by_alias=True, exclude=told), self.query]
        for read in self.contract.reads:
            source = self.sources[read.source]
            parts.append(f"{source.load.schema_name}.{source.table} {source.load.strategy}")
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def check_inputs(contract: AggregateContract, sources: Mapping[str, SourceContract]) -> None:
    """Raise for a source by whose loads the changed hours cannot be told. `sources` has them all.

    A batch changes rows of its own hour only in `append`, where `_hour` says which. In `upsert` it
    changes rows of its keys, which stay in their hour if the hour is part of the key.
    """
    for number, read in enumerate(contract.reads):
        if read.hour is None:
            continue
        source, where = sources[read.source], ("reads", number, "hour")
        load = source.load
        if load.strategy not in ("append", "upsert") or load.corrected == "retract":
            way = load.strategy if load.corrected == "keep" else "corrected: retract"
            raise broken(
                where,
                f"{way} changes rows of {read.source} that no batch names",
                "no `hour` for this source: each of its changes then makes every hour anew",
            )
        if load.strategy == "append":
            if read.hour != HOUR_COLUMN:
                raise broken(
                    where,
                    f"a batch of {read.source} replaces the rows of its own hour",
                    f"`hour: {HOUR_COLUMN}`",
                )
        elif not _is_hour_of_key(source, read.hour):
            raise broken(
                where,
                f"{read.hour} is no timestamp in the key of {read.source}, so a row can leave"
                " its hour unseen",
                "a timestamp of the key, or no `hour` for this source",
            )


def check_query(contract: AggregateContract, query: str) -> None:
    """Raise ValueError, with the expectation after a semicolon, for a query whose sources are not
    those that the contract names."""
    bare = _without_texts(query)
    named, declared = set(_PLACEHOLDER.findall(bare)), {read.source for read in contract.reads}
    if not re.match(r"\s*(select|with)\b", bare, re.IGNORECASE) or ";" in bare.rstrip().rstrip(";"):
        raise ValueError("it is not one query; expected one SELECT, or WITH and a SELECT")
    for source in sorted(named - declared):
        raise ValueError(f"it reads {{{source}}}, which `reads` lacks; expected one of its sources")
    for source in sorted(declared - named):
        raise ValueError(f"it does not read {{{source}}}; expected every source of `reads`")
    for table in _tables(bare):
        raise ValueError(f"it reads {table}; expected only sources, each as {{source}} AS alias")
    for found in _PLACEHOLDER.finditer(bare):
        # A source becomes a query in brackets, which SQL gives no name of its own.
        if not re.match(r"\s+as\s+\w", bare[found.end() :], re.IGNORECASE):
            raise ValueError(f"{found[0]} has no alias; expected {found[0]} AS alias")


def placeholders(query: str) -> Iterable[re.Match[str]]:
    """Where the query names its sources, texts and comments left out."""
    return _PLACEHOLDER.finditer(_without_texts(query))


def _tables(bare: str) -> list[str]:
    """What stands behind FROM or JOIN and is neither a source, a query nor a name of WITH."""
    own = set(re.findall(r"(?:\bwith|,)\s+(\w+)\s+as\s*\(", bare, re.IGNORECASE))
    calls = r"\b(?:extract|trim|substring|overlay)\s*\([^()]*\)"
    found = re.findall(
        r"\b(?:from|join)\s+([^\s(){},;]+)", re.sub(calls, " ", bare, flags=re.IGNORECASE), re.I
    )
    return [name for name in found if name not in own]


def _without_texts(query: str) -> str:
    """The query with blanks in place of its comments and literals."""
    pattern = r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'"
    return re.sub(pattern, lambda found: " " * len(found[0]), query, flags=re.DOTALL)


def _is_hour_of_key(source: SourceContract, name: str) -> bool:
    families = {column.name: column.type.family for column in source.columns}
    return name in source.key and families[name] == "timestamp"


def _refuse_doubles(field: str, part: str, names: list[str]) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            raise broken((field, number, part), f"{name} occurs twice", "distinct names")
