"""The kinds of fields that contracts are made of, and how a broken rule is told."""

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints

from etl_platform.contract.errors import HourInvalid
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import SOURCE_NAME, SOURCE_NAME_LENGTH

_LONGEST_NAME: Final = 127
SYSTEM_COLUMNS: Final = frozenset({"oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
"""Both are Redshift's: https://docs.aws.amazon.com/redshift/latest/dg/r_names.html"""
_RESERVED_SCHEMAS: Final = ("etl_platform", "information_schema", "catalog_history")


class Model(BaseModel):
    """Frozen, and without fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def _hour(value: Any) -> Hour:
    try:
        return value if isinstance(value, Hour) else Hour.parse(str(value))
    except HourInvalid as error:
        raise ValueError(f"{error.what}; expected {error.expected}") from None


def identifier(value: str) -> str:
    """The name, if it is one of a column or a table."""
    # Redshift folds names to lower case; one spelling only keeps Parquet, Glue and Redshift equal.
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value, re.ASCII) or len(value) > _LONGEST_NAME:
        raise ValueError(
            f"{value!r} is not a name; expected small letters, digits and underscores,"
            f" beginning with a letter, {_LONGEST_NAME} at most"
        )
    return value


def _column_name(value: str) -> str:
    if identifier(value) in SYSTEM_COLUMNS:
        raise ValueError(f"{value!r} is a system column of Redshift; expected another name")
    return value


def _schema_name(value: str) -> str:
    if value in _RESERVED_SCHEMAS or value.startswith("pg_"):
        raise ValueError(
            f"{value!r} is a schema of the platform or of Redshift; expected one of your own"
        )
    return identifier(value)


def _source_name(value: str) -> str:
    if not SOURCE_NAME.fullmatch(value) or len(value) > SOURCE_NAME_LENGTH:
        raise ValueError(
            f"{value!r} is not a source name; expected small letters and digits in words joined"
            f" by one underscore, {SOURCE_NAME_LENGTH} characters at most"
        )
    return value


class RuleBroken(ValueError):
    """A rule over several fields, which still names the one to correct.

    A ValueError, because Dagster makes the errors of pydantic anew and knows its own kinds only.
    """

    def __init__(self, field: tuple[str | int, ...], problem: str, expected: str) -> None:
        self.field, self.problem, self.expected = field, problem, expected
        super().__init__(f"{problem}; expected {expected}")


def broken(field: tuple[str | int, ...], problem: str, expected: str) -> RuleBroken:
    """The error to raise from a validator."""
    return RuleBroken(field, problem, expected)


HourText = Annotated[
    Hour,
    BeforeValidator(_hour, json_schema_input_type=str),
    PlainSerializer(str, return_type=str),
]
SourceName = Annotated[str, BeforeValidator(_source_name)]
Identifier = Annotated[str, BeforeValidator(identifier)]
ColumnName = Annotated[str, BeforeValidator(_column_name)]
SchemaName = Annotated[str, BeforeValidator(_schema_name)]
OneCharacter = Annotated[str, StringConstraints(min_length=1, max_length=1)]
