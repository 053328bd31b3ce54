"""SourceContract: what one source promises, as its user writes it in a defs.yaml."""

import hashlib
import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Any, Final, Literal, Self

import pyarrow as pa
from pydantic import BeforeValidator, Field, model_validator

from etl_platform.contract.arriving import Arrives
from etl_platform.contract.columns import Column
from etl_platform.contract.fields import HourText, Identifier, Model, SourceName, broken
from etl_platform.contract.formats import CsvFormat, Format
from etl_platform.contract.hour import PARTITION_COLUMNS, Hour
from etl_platform.contract.loading import Load, check_load
from etl_platform.contract.retries import Retries
from etl_platform.contract.types import (
    EXTRA_COLUMN,
    FILE_COLUMNS,
    PLACE_COLUMNS,
    ColumnType,
)
from etl_platform.contract.watching import Expected


def _limits(value: Any) -> tuple[int | str, ...]:
    limits = tuple(value) if isinstance(value, list | tuple) else (value,)
    for limit in limits:
        is_count = isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0
        is_share = isinstance(limit, str) and re.fullmatch(r"\d{1,3}(\.\d{1,9})?%", limit, re.ASCII)
        if not is_count and not (is_share and _share(limit) <= 1):
            raise ValueError(f"{limit!r} is no limit; expected {_LIMITS}")
    if not limits or len({type(limit) for limit in limits}) < len(limits):
        raise ValueError(f"{list(limits)} is not one limit of each kind; expected {_LIMITS}")
    return limits


def _share(limit: str) -> Fraction:
    return Fraction(limit.removesuffix("%")) / 100


_NOT_A_SOURCE: Final = "aggregate"
_LIMITS: Final = "a count as 100, a share as 1%, or both as [1%, 100]"


class Rejects(Model):
    """How many records of a batch may be kept out, and what becomes of a file that is unreadable.

    Of a count and a share, both hold.
    """

    at_most: Annotated[
        tuple[int | str, ...],
        BeforeValidator(_limits, json_schema_input_type=int | str | list[int | str]),
    ] = ("1%",)
    unreadable_files: Literal["block", "reject"] = "block"
    """Whether such a file blocks its batch, or is one reject of it."""

    def allow(self, rejected: int, read: int) -> bool:
        """Whether a batch of `read` records may go on with `rejected` of them kept out."""
        return all(
            rejected <= (limit if isinstance(limit, int) else _share(limit) * read)
            for limit in self.at_most
        )

    @property
    def limit(self) -> str:
        """For messages."""
        return " and ".join(
            f"{limit} of the records" if isinstance(limit, str) else f"{limit} records"
            for limit in self.at_most
        )


class SourceContract(Model):
    """One feed of one shape: the only description of it, read by every part of the platform."""

    source: SourceName
    description: str
    owner: str
    starts: HourText
    ends: HourText | None = None
    """The first hour that the source no longer sends; a live feed has none."""
    arrives: Arrives | None = None
    """For a source that lands no manifests."""
    format: Format
    columns: tuple[Column, ...] = Field(min_length=1)
    unknown: Literal["ignore", "block", "reject", "capture"] = "ignore"
    """What becomes of fields that a record has and the contract has not."""
    null_tokens: tuple[str, ...] = ("",)
    key: tuple[Identifier, ...] = ()
    keep_superseded: bool = False
    """Whether the rows that a newer one of their key replaces are written beside the batch."""
    load: Load
    rejects: Rejects = Rejects()
    retries: Retries = Retries()
    expected: Expected = Expected()
    readers: tuple[Identifier, ...] = ()
    """The roles of the warehouse that may read the table."""
    engine: Literal["auto", "single_node", "spark"] = "auto"
    hours_per_run: int = Field(default=168, ge=1, le=1000)

    @model_validator(mode="after")
    def _names_are_consistent(self) -> Self:
        if self.source == _NOT_A_SOURCE:
            problem = f"the steps of aggregates are called {_NOT_A_SOURCE} in Dagster"
            raise broken(("source",), problem, "another name")
        names = [c.name for c in self.columns]
        for number, name in enumerate(names):
            where = ("columns", number, "name")
            if name in names[:number]:
                raise broken(where, f"{name} occurs twice", "distinct names")
            if name in PARTITION_COLUMNS:
                raise broken(
                    where,
                    f"{name} is a partition column of the catalog",
                    "another name, with `path` naming the field",
                )
        for field, used in self._references():
            for name in used:
                if name not in names:
                    raise broken(field, f"there is no column {name}", f"one of {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _keys_are_required(self) -> Self:
        check_load(self.load, self.key, {column.name: column.type for column in self.columns})
        needed = (*self.key, *((self.load.version,) if self.load.version else ()))
        for number, column in enumerate(self.columns):
            # A null in a key never equals itself in SQL, so each load would add the row again.
            if column.name in needed and not column.required:
                raise broken(
                    ("columns", number),
                    f"{column.name} is a key or version and may be null",
                    "`required: true` on it",
                )
            # Two keys that are cut alike would become one, and a record would be lost.
            if column.name in needed and column.too_long == "truncate":
                raise broken(
                    ("columns", number),
                    f"{column.name} is a key or version and may be cut",
                    "`too_long: reject` on it",
                )
        return self

    @model_validator(mode="after")
    def _keys_are_comparable(self) -> Self:
        families = {column.name: column.type.family for column in self.columns}
        for field, used in self._references():
            for name in used:
                # Redshift neither compares a SUPER nor sorts by one; neither engine orders bytes.
                if families[name] in ("super", "varbyte"):
                    raise broken(
                        field,
                        f"{name} is a {families[name]}, which is no key of any kind",
                        "columns of other types",
                    )
        return self

    @model_validator(mode="after")
    def _something_is_read(self) -> Self:
        if not self.read_columns:
            raise broken(
                ("columns",), "every column has an expression", "a column that a record holds"
            )
        return self

    @model_validator(mode="after")
    def _superseding_needs_a_key(self) -> Self:
        if self.keep_superseded and not self.key:
            raise broken(
                ("keep_superseded",),
                "no row replaces another where there is no key",
                "`key: [column, ...]`, or no `keep_superseded`",
            )
        return self

    @model_validator(mode="after")
    def _unknown_fields_need_a_header(self) -> Self:
        is_nameless = isinstance(self.format, CsvFormat) and self.format.header == "absent"
        if is_nameless and self.unknown != "ignore":
            raise broken(
                ("unknown",),
                f"unknown is {self.unknown}, and the files have no header that names a field",
                "`header: present`, or no `unknown`",
            )
        return self

    @model_validator(mode="after")
    def _a_path_needs_a_header(self) -> Self:
        if isinstance(self.format, CsvFormat) and self.format.header == "absent":
            for number, column in enumerate(self.columns):
                if column.path is not None:
                    raise broken(
                        ("columns", number, "path"),
                        f"{column.name} has a path, and the files have no header to find it in",
                        "no path: columns stand in the contract's order",
                    )
        return self

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends is not None and self.ends <= self.starts:
            raise broken(("ends",), f"{self.ends} is not after {self.starts}", "a later hour")
        return self

    def _references(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        return [
            (("key",), self.key),
            (("load", "version"), (self.load.version,) if self.load.version else ()),
            (
                ("load", "deleted", "column"),
                (self.load.deleted.column,) if self.load.deleted else (),
            ),
            (("load", "distkey"), (self.load.distkey,) if self.load.distkey else ()),
            (("load", "sortkey"), self.load.sortkey),
        ]

    def sends(self, hour: Hour) -> bool:
        """Whether the source has this hour, as far as the contract can tell."""
        return self.starts <= hour and (self.ends is None or hour < self.ends)

    @property
    def read_columns(self) -> tuple[Column, ...]:
        """What a reader has to give for each record, in order."""
        return tuple(c for c in self.table_columns if c.expression is None)

    @property
    def declared_columns(self) -> tuple[Column, ...]:
        """Those columns that a record has a place for."""
        return tuple(c for c in self.columns if c.expression is None)

    @property
    def table_columns(self) -> tuple[Column, ...]:
        """The columns of a row, without those of the platform: every step after the reader sees
        what is captured as one more column."""
        if self.unknown != "capture":
            return self.columns
        # No name that a user can write begins with an underscore.
        extra = Column.model_construct(name=EXTRA_COLUMN, type=ColumnType("super"), null_tokens=())
        return (*self.columns, extra)

    @property
    def kept_by(self) -> str:
        """By what a row stays and others of its key go; the text is compared and shown."""
        newest = f", newest by {self.load.version}" if self.load.version else ""
        return f"{', '.join(sorted(self.key))}{newest}" if self.key else ""

    @property
    def table(self) -> str:
        """The name of the target table, without its schema."""
        return self.load.table or self.source

    @property
    def full_table(self) -> str:
        """The name of the target table in its schema."""
        return f"{self.load.schema_name}.{self.table}"

    def nulls_of(self, column: Column) -> tuple[str, ...]:
        """The texts that mean null in this column."""
        return self.null_tokens if column.null_tokens is None else column.null_tokens

    @property
    def digest(self) -> str:
        """Changes when anything in the contract changes that files or tables depend on."""
        text = self.model_dump_json(by_alias=True, exclude={"arrives", "expected", "retries"})
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def arrow_schema(self) -> pa.Schema:
        """The schema of the Parquet files: the contract's columns, then the platform's."""
        return pa.schema([*self._own_fields, *_always(FILE_COLUMNS)])

    @property
    def superseded_schema(self) -> pa.Schema:
        """The schema of the files of superseded rows: those of a row, and where it stood."""
        return pa.schema([*self._own_fields, *_always(PLACE_COLUMNS), *_always(FILE_COLUMNS)])

    @property
    def _own_fields(self) -> list["pa.Field[Any]"]:
        return [pa.field(c.name, c.type.arrow, nullable=not c.required) for c in self.table_columns]


def _always(columns: Iterable[tuple[str, ColumnType]]) -> list["pa.Field[Any]"]:
    return [pa.field(name, kind.arrow, nullable=False) for name, kind in columns]
