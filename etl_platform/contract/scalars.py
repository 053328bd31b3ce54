"""Values that a contract writes down: a default, an allowed value, the end of a range.

Each is checked here against its column's type, so that convert never compares with a null.
"""

import json
import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Final, Never

from pydantic import BeforeValidator

from etl_platform.contract.types import ColumnType

Comparable = Decimal | float | date | datetime | time | str


def _text(value: Any) -> str:
    # YAML makes false of `no`, 8 of `010` and 1.1 of `1.10`.
    if isinstance(value, str) and "\0" not in value:
        return value
    raise ValueError(f"{value!r} is no text in YAML; expected the text in quotes, without a NUL")


def _value(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, date):
        return value.isoformat()
    return _text(value)


Text = Annotated[str, BeforeValidator(_text)]
"""A text in quotes, exactly as it is written."""

Value = Annotated[int | str, BeforeValidator(_value, json_schema_input_type=int | float | str)]
"""A number, a date or a text, for a column whose type says what it is."""


def comparable(column_type: ColumnType, value: int | str) -> Comparable:
    """The value as Python compares it; raises ValueError if the column cannot hold it."""
    problem = ValueError(f"{value!r} is no {column_type}; expected {_EXPECTED[column_type.family]}")
    if isinstance(value, int) and column_type.family in _TEXTS:
        raise problem
    try:
        return _READERS[column_type.family](column_type, str(value))
    except (ValueError, ArithmeticError):
        raise problem from None


def _shaped(text: str, pattern: str) -> str:
    if not re.fullmatch(pattern, text, re.ASCII):
        raise ValueError(text)
    return text


def _integer(column_type: ColumnType, text: str) -> Decimal:
    value = Decimal(_shaped(text, r"[+-]?\d+"))
    bits = _BITS[column_type.family]
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise ValueError(text)
    return value


def _decimal(column_type: ColumnType, text: str) -> Decimal:
    precision, scale = column_type.arguments
    digits = precision - scale
    shape = rf"[+-]?0*\d{{0,{digits}}}(\.\d{{0,{scale}}}0*)?"
    return Decimal(_shaped(text, shape))


def _floating(column_type: ColumnType, text: str) -> float:
    value = float(_shaped(text, r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"))
    if not math.isfinite(value):
        raise ValueError(text)
    if column_type.family == "real":
        # Packing in the native order would make an infinity of it in silence.
        struct.pack("<f", value)
    return value


def _boolean(_: ColumnType, text: str) -> str:
    return _shaped(text.lower(), "true|false|t|f|1|0")


def _date(_: ColumnType, text: str) -> date:
    return date.fromisoformat(_shaped(text, r"\d{4}-\d\d-\d\d"))


def _moment(_: ColumnType, text: str) -> datetime:
    shape = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?"
    value = datetime.fromisoformat(_shaped(text, shape))
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _time(_: ColumnType, text: str) -> time:
    return time.fromisoformat(_shaped(text, r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?"))


def _super(_: ColumnType, text: str) -> str:
    # Whether it is JSON to the letter is for convert to say, which reads it as it reads records.
    json.loads(text, parse_constant=_no_json)
    return text


def _no_json(constant: str) -> Never:
    raise ValueError(constant)


def _varbyte(column_type: ColumnType, text: str) -> str:
    return _shaped(text.lower(), rf"([0-9a-f]{{2}}){{0,{column_type.arguments[0]}}}")


def _varchar(column_type: ColumnType, text: str) -> str:
    if len(text.encode()) > column_type.arguments[0]:
        raise ValueError(text)
    return text


def _char(column_type: ColumnType, text: str) -> str:
    return _varchar(column_type, text.encode("ascii").decode())


_BITS: Final = {"smallint": 16, "integer": 32, "bigint": 64}
_TEXTS: Final = ("varchar", "char", "varbyte")
_READERS: Final[dict[str, Callable[[ColumnType, str], Comparable]]] = {
    "smallint": _integer,
    "integer": _integer,
    "bigint": _integer,
    "decimal": _decimal,
    "real": _floating,
    "double": _floating,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _moment,
    "timestamptz": _moment,
    "varchar": _varchar,
    "char": _char,
    "time": _time,
    "super": _super,
    "varbyte": _varbyte,
}
_EXPECTED: Final = {
    "smallint": "a whole number of 16 bits",
    "integer": "a whole number of 32 bits",
    "bigint": "a whole number of 64 bits",
    "decimal": "a number that needs no rounding to fit",
    "real": "a number that fits",
    "double": "a number that fits",
    "boolean": "'true' or 'false' in quotes",
    "date": "a day as 2013-01-31",
    "timestamp": "a moment as 2013-01-31T06:00:00Z",
    "timestamptz": "a moment as 2013-01-31T06:00:00Z",
    "varchar": "a text in quotes that fits",
    "char": "a text of ASCII in quotes that fits",
    "time": "a time of day as 06:00:00, in quotes",
    "super": "JSON in quotes",
    "varbyte": "hexadecimal digits in quotes, two for each byte, that fit",
}
