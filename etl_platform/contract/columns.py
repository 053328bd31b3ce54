"""One column of a contract: its name, its type, where its value stands in a record, and what is
done to the value and asked of it."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from etl_platform.contract.date_formats import DateFormat
from etl_platform.contract.encodings import Encoding, encodings_of
from etl_platform.contract.fields import ColumnName, Model
from etl_platform.contract.scalars import Text, Value, comparable
from etl_platform.contract.types import ColumnType

_TEXTS: Final = ("varchar", "char")
_WHOLE: Final = ("smallint", "integer", "bigint", "decimal")
_FLOATS: Final = ("real", "double")
_MOMENTS: Final = ("timestamp", "timestamptz")
_TIMES: Final = ("date", "time", *_MOMENTS)
_ALL_BUT_SUPER: Final = (*_TEXTS, *_WHOLE, *_FLOATS, "boolean", *_TIMES, "varbyte")

_FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("case", "replace", "mapping", "pattern"), _ALL_BUT_SUPER),
    "formats": _TIMES,
    "zone": _MOMENTS,
    "too_long": _TEXTS,
    "allowed": (*_TEXTS, *_WHOLE, "date", "time"),
    "range": (*_WHOLE, *_FLOATS, *_TIMES),
}
"""The types that an option is for; the others are for all. What acts on the text of a value would
change JSON without knowing it."""

_CLEANSING: Final = ("trim", "null_tokens", "case", "replace", "default", "mapping")
_OF_A_RECORD: Final = ("path", *_CLEANSING, "formats", "zone")
"""What says how a value comes out of a record. A column that no record holds has none of it."""


def _column_type(value: Any) -> ColumnType:
    return value if isinstance(value, ColumnType) else ColumnType.parse(str(value))


def _expression(value: Any) -> str:
    """Refuse what RE2 surely lacks; convert compiles the rest before it reads a record."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"{value!r} is no regular expression; expected one in quotes")
    bare = re.sub(r"\[\^?\]?(\\.|[^\]\\])*\]", "", re.sub(r"\\\D", "", value))
    lacking = re.search(r"\(\?(<?[=!]|>)|\\[1-9]", bare)
    if lacking:
        raise ValueError(
            f"{value!r} has {lacking[0]}; expected the syntax of RE2, which neither looks around"
            " nor refers back"
        )
    return value


def _sql(value: Any) -> str:
    """Only DuckDB can tell the rest, when convert begins."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"{value!r} is no expression; expected SQL in quotes")
    return value


def _zone(value: Any) -> str:
    if not re.fullmatch(r"UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z0-9_+-]*)+", str(value), re.ASCII):
        raise ValueError(f"{value!r} is no time zone; expected a name as America/New_York, or UTC")
    return str(value)


Expression = Annotated[str, BeforeValidator(_expression, json_schema_input_type=str)]


class Replacement(Model):
    """Every match of the pattern becomes `with`, in which \\1 is the first group."""

    pattern: Expression
    replacement: Text = Field(alias="with")


class Range(Model):
    """The least and the greatest value, both of them allowed."""

    min: Value | None = None
    max: Value | None = None

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("the range has no end; expected `min`, `max` or both")
        return self


class Column(Model):
    """One column of the table. The fields of a value stand in the order in which they act."""

    name: ColumnName
    type: Annotated[
        ColumnType, BeforeValidator(_column_type, json_schema_input_type=str), PlainSerializer(str)
    ]
    required: bool = False
    path: str | None = None
    expression: Annotated[str, BeforeValidator(_sql, json_schema_input_type=str)] | None = None
    """SQL over the other columns, for a column that no record holds."""

    trim: bool = False
    null_tokens: tuple[str, ...] | None = None
    case: Literal["lower", "upper"] | None = None
    replace: tuple[Replacement, ...] = ()
    default: Value | None = None
    mapping: dict[Text, Text] = Field(default_factory=dict)

    formats: tuple[Text, ...] = ()
    zone: Annotated[str, BeforeValidator(_zone, json_schema_input_type=str)] | None = None
    """Of the texts that name no offset themselves; UTC if there is none here either."""
    too_long: Literal["reject", "truncate"] = "reject"

    allowed: tuple[Value, ...] | None = Field(default=None, min_length=1)
    range: Range | None = None
    pattern: Expression | None = None

    encode: Encoding | None = None
    """How Redshift compresses the column; None leaves it to the platform, or to Redshift."""

    description: str | None = None

    @model_validator(mode="after")
    def _options_fit_the_type(self) -> Self:
        for option, families in _FAMILIES.items():
            if self._has(option) and self.type.family not in families:
                raise ValueError(
                    f"{option} is not for {self.type}; expected a type of {', '.join(families)}"
                )
        return self

    @model_validator(mode="after")
    def _encoding_fits_the_type(self) -> Self:
        if self.encode is None:
            return self
        fitting = encodings_of(self.type.family)
        if self.encode not in fitting:
            raise ValueError(
                f"encode: {self.encode} is not for {self.type}; expected {', '.join(fitting)}"
            )
        return self

    @model_validator(mode="after")
    def _is_read_or_derived(self) -> Self:
        used = [option for option in _OF_A_RECORD if self._has(option)]
        if self.expression is not None and used:
            raise ValueError(
                f"{used[0]} is for a value of a record; expected none of"
                f" {', '.join(_OF_A_RECORD)} beside an expression"
            )
        return self

    @model_validator(mode="after")
    def _values_fit_the_type(self) -> Self:
        for option, value in self._values():
            try:
                comparable(self.type, value)
            except ValueError as error:
                raise ValueError(f"{option}: {error}") from None
        limits = self.range
        if limits is not None and limits.min is not None and limits.max is not None:
            # Both are of one kind, as they are values of one type.
            least: Any = comparable(self.type, limits.min)
            if least > comparable(self.type, limits.max):
                raise ValueError(f"range: {limits.min} is above {limits.max}; expected min <= max")
        return self

    @model_validator(mode="after")
    def _formats_are_known(self) -> Self:
        forms = self.date_formats
        default = self.mapping.get(str(self.default), str(self.default))
        is_known = any(re.fullmatch(form.pattern, default) for form in forms)
        if forms and self.default is not None and not is_known:
            raise ValueError(
                f"default: {default!r} is in no format; expected one of {', '.join(self.formats)}"
            )
        return self

    def _has(self, option: str) -> bool:
        field = type(self).model_fields[option]
        return bool(getattr(self, option) != field.get_default(call_default_factory=True))

    def _values(self) -> Iterator[tuple[str, int | str]]:
        for value in self.allowed or ():
            yield "allowed", value
        if self.default is not None and not self.formats:
            yield "default", self.mapping.get(str(self.default), self.default)
        if self.range is not None:
            for end in (self.range.min, self.range.max):
                if end is not None:
                    yield "range", end

    @property
    def date_formats(self) -> tuple[DateFormat, ...]:
        """The declared formats, in the order in which they are tried."""
        family = self.type.family
        return tuple(
            DateFormat.parse(text, with_day=family != "time", with_clock=family != "date")
            for text in self.formats
        )

    @property
    def steps(self) -> tuple[str, ...]:
        """The way into a record: a CSV header, or the nested names of a JSON or XML record."""
        return tuple((self.path or self.name).split("."))
