"""How the batches of a source change its table, as a contract says it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr

from etl_platform.contract.fields import Identifier, Model, SchemaName, broken
from etl_platform.contract.types import ColumnType

_KINDS: dict[str, type] = {
    "varchar": str,
    "char": str,
    "smallint": int,
    "integer": int,
    "bigint": int,
    "boolean": bool,
}


class Deleted(Model):
    """How a row says that its key is no more: by one of some values of a column."""

    column: Identifier
    values: tuple[StrictBool | StrictInt | StrictStr, ...] = Field(min_length=1)
    method: Literal["soft", "hard"] = "soft"
    """Whether the row stays and is marked, or goes and leaves a tombstone beside the table."""


Method = Literal["delete", "truncate", "swap", "delete_insert", "merge"]

METHODS: dict[str, tuple[Method, ...]] = {
    "refresh": ("delete", "truncate", "swap"),
    "upsert": ("delete_insert", "merge"),
}
"""The ways to carry out a strategy that has several, its default first. All end in one table."""


class Load(Model):
    """How a batch changes its table."""

    strategy: Literal["upsert", "append", "refresh", "scd2"]
    method: Method | None = None
    """None is the first of METHODS, where the strategy has any."""
    version: Identifier | None = None
    deleted: Deleted | None = None
    null_means: Literal["null", "keep"] = "null"
    """Whether a null replaces the value that an older row of the key has."""
    corrected: Literal["keep", "retract"] = "keep"
    """What becomes of rows that only an older manifest of an hour held."""
    distkey: Identifier | None = None
    sortkey: tuple[Identifier, ...] = ()
    schema_name: SchemaName = Field(default="analytics", alias="schema")
    table: Identifier | None = None

    @property
    def keeps_journal(self) -> bool:
        """Whether older rows of a key are kept beside the table, because it is made of them."""
        return self.strategy == "scd2" or self.null_means == "keep" or self.corrected == "retract"


def check_load(load: Load, key: Sequence[str], types: Mapping[str, ColumnType]) -> None:
    """Raise for what does not go together. Column names are known to be columns."""
    if load.strategy in ("upsert", "scd2"):
        if not key:
            raise broken(
                ("load", "strategy"), f"{load.strategy} needs a key", "`key: [column, ...]`"
            )
    else:
        _refuse_options_of_keys(load)
    if load.method is not None:
        _check_method(load, load.method)
    if load.strategy == "scd2":
        _check_history(load, types)
    if load.deleted is not None:
        _check_deleted(load, load.deleted, key, types)


def _check_method(load: Load, method: Method) -> None:
    field, known = ("load", "method"), METHODS.get(load.strategy)
    if known is None:
        raise broken(field, f"{load.strategy} has one way to load only", "no `method`")
    if method not in known:
        raise broken(field, f"{method} is no method of {load.strategy}", " or ".join(known))
    if load.strategy == "upsert" and load.keeps_journal:
        raise broken(
            field,
            "a table that is made of a journal has one way to load only",
            "no `method`, or neither `null_means: keep` nor `corrected: retract`",
        )
    if method == "merge" and load.deleted is not None and load.deleted.method == "hard":
        raise broken(
            field,
            "MERGE either updates or deletes the rows that match, and hard deletes need both",
            "`method: delete_insert`, or `deleted: {method: soft}`",
        )


def _refuse_options_of_keys(load: Load) -> None:
    for field in ("deleted", "null_means", "corrected"):
        if getattr(load, field) != Load.model_fields[field].default:
            raise broken(
                ("load", field),
                f"{load.strategy} does not look at the rows of a key",
                f"upsert or scd2, or no `{field}`",
            )


def _check_history(load: Load, types: Mapping[str, ColumnType]) -> None:
    if load.version is not None and types[load.version].family != "timestamp":
        raise broken(
            ("load", "version"),
            f"{load.version} is a {types[load.version]}, and periods begin at it",
            "a timestamp, or no version: then periods begin at hours",
        )
    if load.null_means == "keep":
        raise broken(
            ("load", "null_means"), "a history shows every state as it came", "no `null_means`"
        )


def _check_deleted(
    load: Load, deleted: Deleted, key: Iterable[str], types: Mapping[str, ColumnType]
) -> None:
    field = ("load", "deleted", "values")
    kind = types[deleted.column]
    wanted = _KINDS.get(kind.family)
    if wanted is None or deleted.column in key:
        raise broken(
            ("load", "deleted", "column"),
            f"{deleted.column} is a {kind}"
            if wanted is None
            else f"{deleted.column} is in the key",
            "a text, integer or boolean outside the key",
        )
    for value in deleted.values:
        if type(value) is not wanted:
            raise broken(field, f"{value!r} is no value of a {kind}", f"{wanted.__name__} values")
        if isinstance(value, str) and ("\\" in value or not value.isprintable()):
            raise broken(field, f"{value!r} is not plain", "printable text without a backslash")
    if deleted.method == "hard" and load.keeps_journal:
        raise broken(
            ("load", "deleted", "method"),
            "a row that is removed would stay in the journal of older rows",
            "`method: soft`, or neither scd2 nor `null_means: keep` nor `corrected: retract`",
        )
