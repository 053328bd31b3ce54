"""SourceContract: what one source promises, as its user writes it in a defs.yaml."""

import hashlib
import re
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from etl_platform.contract.errors import HourInvalid
from etl_platform.contract.hour import PARTITION_COLUMNS, Hour
from etl_platform.contract.layout import SOURCE_NAME, SOURCE_NAME_LENGTH
from etl_platform.contract.types import FILE_COLUMNS, ColumnType


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def _column_type(value: Any) -> ColumnType:
    return value if isinstance(value, ColumnType) else ColumnType.parse(str(value))


def _hour(value: Any) -> Hour:
    try:
        return value if isinstance(value, Hour) else Hour.parse(str(value))
    except HourInvalid as error:
        raise ValueError(f"{error.what}; expected {error.expected}") from None


def _identifier(value: str) -> str:
    # Redshift folds names to lower case; one spelling only keeps Parquet, Glue and Redshift equal.
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value, re.ASCII) or len(value) > 127:
        raise ValueError(
            f"{value!r} is not a name; expected small letters, digits and underscores,"
            " beginning with a letter, 127 at most"
        )
    return value


def _source_name(value: str) -> str:
    if not SOURCE_NAME.fullmatch(value) or len(value) > SOURCE_NAME_LENGTH:
        raise ValueError(
            f"{value!r} is not a source name; expected small letters and digits in words joined"
            f" by one underscore, {SOURCE_NAME_LENGTH} characters at most"
        )
    return value


def _broken(field: tuple[str | int, ...], problem: str, expected: str) -> PydanticCustomError:
    """An error of a rule over several fields, which still names the one to correct."""
    return PydanticCustomError(
        "contract_rule",
        "{problem}; expected {expected}",
        {"problem": problem, "expected": expected, "field": field},
    )


HourText = Annotated[
    Hour,
    BeforeValidator(_hour, json_schema_input_type=str),
    PlainSerializer(str, return_type=str),
]
Identifier = Annotated[str, BeforeValidator(_identifier)]
OneCharacter = Annotated[str, StringConstraints(min_length=1, max_length=1)]


class CsvFormat(_Model):
    """Delimited text with a header line that names the columns, in any order."""

    type: Literal["csv"]
    delimiter: OneCharacter = ","
    quote: OneCharacter = '"'

    @model_validator(mode="after")
    def _characters_differ(self) -> Self:
        if len({self.delimiter, self.quote, "\n", "\r"}) < 4:
            raise ValueError(
                "delimiter and quote clash; expected two characters, neither of them a line break"
            )
        return self


class JsonFormat(_Model):
    """One JSON object a line."""

    type: Literal["json"]
    shape: Literal["lines"] = "lines"


class XmlFormat(_Model):
    """Repeated elements, each one record."""

    type: Literal["xml"]
    row: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.-]*$")]


Format = Annotated[CsvFormat | JsonFormat | XmlFormat, Field(discriminator="type")]


class Column(_Model):
    """One column of the table, and where its value stands in a record."""

    name: Identifier
    type: Annotated[
        ColumnType, BeforeValidator(_column_type, json_schema_input_type=str), PlainSerializer(str)
    ]
    required: bool = False
    path: str | None = None
    null_tokens: tuple[str, ...] | None = None
    description: str | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """The way into a record: a CSV header, or the nested names of a JSON or XML record."""
        return tuple((self.path or self.name).split("."))


class Load(_Model):
    """How a batch changes its table."""

    strategy: Literal["upsert", "append", "refresh"]
    version: Identifier | None = None
    distkey: Identifier | None = None
    sortkey: tuple[Identifier, ...] = ()
    schema_name: Identifier = Field(default="analytics", alias="schema")
    table: Identifier | None = None


class Rejects(_Model):
    """How many records of a batch may be kept out before the batch is blocked."""

    at_most: int | str = "1%"

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if isinstance(self.at_most, str):
            if not re.fullmatch(r"\d{1,3}(\.\d+)?%", self.at_most) or self._percent > 100:
                raise ValueError(f"at_most is {self.at_most!r}; expected a count, or a share as 1%")
        elif self.at_most < 0:
            raise ValueError("at_most is negative; expected a count, or a share as 1%")
        return self

    @property
    def _percent(self) -> float:
        return float(str(self.at_most).removesuffix("%"))

    def allow(self, rejected: int, read: int) -> bool:
        """Whether a batch of `read` records may go on with `rejected` of them kept out."""
        if isinstance(self.at_most, int):
            return rejected <= self.at_most
        return rejected * 100 <= self._percent * read


class SourceContract(_Model):
    """One feed of one shape: the only description of it, read by every part of the platform."""

    source: Annotated[str, BeforeValidator(_source_name)]
    description: str
    owner: str
    starts: HourText
    ends: HourText | None = None
    """The first hour that the source no longer sends; a live feed has none."""
    format: Format
    columns: tuple[Column, ...] = Field(min_length=1)
    null_tokens: tuple[str, ...] = ("",)
    key: tuple[Identifier, ...] = ()
    load: Load
    rejects: Rejects = Rejects()
    engine: Literal["auto", "single_node", "spark"] = "auto"
    hours_per_run: int = Field(default=168, ge=1, le=1000)

    @model_validator(mode="after")
    def _names_are_consistent(self) -> Self:
        names = [c.name for c in self.columns]
        for number, name in enumerate(names):
            where = ("columns", number, "name")
            if name in names[:number]:
                raise _broken(where, f"{name} occurs twice", "distinct names")
            if name in PARTITION_COLUMNS:
                raise _broken(
                    where,
                    f"{name} is a partition column of the catalog",
                    "another name, with `path` naming the field",
                )
        for field, used in self._references():
            for name in used:
                if name not in names:
                    raise _broken(field, f"there is no column {name}", f"one of {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _keys_are_required(self) -> Self:
        if self.load.strategy == "upsert" and not self.key:
            raise _broken(("load", "strategy"), "upsert needs a key", "`key: [column, ...]`")
        needed = (*self.key, *((self.load.version,) if self.load.version else ()))
        for number, column in enumerate(self.columns):
            # A null in a key never equals itself in SQL, so each load would add the row again.
            if column.name in needed and not column.required:
                raise _broken(
                    ("columns", number),
                    f"{column.name} is a key or version and may be null",
                    "`required: true` on it",
                )
        return self

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends is not None and self.ends <= self.starts:
            raise _broken(("ends",), f"{self.ends} is not after {self.starts}", "a later hour")
        return self

    def _references(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        return [
            (("key",), self.key),
            (("load", "version"), (self.load.version,) if self.load.version else ()),
            (("load", "distkey"), (self.load.distkey,) if self.load.distkey else ()),
            (("load", "sortkey"), self.load.sortkey),
        ]

    def sends(self, hour: Hour) -> bool:
        """Whether the source has this hour, as far as the contract can tell."""
        return self.starts <= hour and (self.ends is None or hour < self.ends)

    @property
    def table(self) -> str:
        """The name of the target table, without its schema."""
        return self.load.table or self.source

    def nulls_of(self, column: Column) -> tuple[str, ...]:
        """The texts that mean null in this column."""
        return self.null_tokens if column.null_tokens is None else column.null_tokens

    @property
    def digest(self) -> str:
        """Changes when anything in the contract changes."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()[:16]

    @property
    def arrow_schema(self) -> pa.Schema:
        """The schema of the Parquet files: the contract's columns, then the platform's."""
        own = [pa.field(c.name, c.type.arrow, nullable=not c.required) for c in self.columns]
        return pa.schema([*own, *(pa.field(n, t.arrow, nullable=False) for n, t in FILE_COLUMNS)])
