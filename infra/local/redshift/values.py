"""The text of a field as a value of its column, in PostgreSQL's text; or what is wrong with it.

Rules: https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
Texts of the reasons are those that STL_LOAD_ERRORS shows, where they are known.
"""

import ctypes
import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal

from infra.local.redshift import faults
from infra.local.redshift.columns import TableColumn
from infra.local.redshift.datetimes import DEFAULT_TIMESTAMP, date_reader, timestamp_reader
from infra.local.redshift.errors import not_supported
from infra.local.redshift.faults import BadValue
from infra.local.redshift.loads import Conversion
from infra.local.redshift.types import LARGEST_PRECISION, LONGEST_VARCHAR

Converter = Callable[[str | None], str | None]
_Conversion = Callable[[str], str | None]

_INTEGERS = {"int2": (15, "Short"), "int4": (31, "Integer"), "int8": (63, "Long")}
_TEXTS = frozenset({"varchar", "bpchar", "text"})
_TRUE = frozenset({"t", "true", "y", "yes", "1"})
_FALSE = frozenset({"f", "false", "n", "no", "0"})
_FLOAT = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE | re.ASCII
)
_BAD_TEXT = "String contains invalid or unsupported UTF8 codepoints."
_NUL = "\0"
_NUL_AS_NULL = frozenset({"\\0", "\\000", _NUL})
_LONGEST_DATE = 10
_MOST_DIGITS = 19
# Of a decimal: the characters it is written with and its exponent.
_LONGEST_NUMBER = 1000
_LARGEST_EXPONENT = 999


def converters(columns: Sequence[TableColumn], conversion: Conversion) -> list[Converter]:
    """For each column what makes a value of a field's text."""
    return [_converter(column, conversion) for column in columns]


def missing_value(column: TableColumn, conversion: Conversion) -> str | None:
    """What FILLRECORD puts where a line ends early."""
    return "" if column.kind in _TEXTS and not conversion.empty_as_null else None


def _converter(column: TableColumn, conversion: Conversion) -> Converter:
    is_text = column.kind in _TEXTS
    convert = _text(column, conversion) if is_text else _of_kind(column, conversion)
    null_as = conversion.null_as
    nul_is_null = null_as in _NUL_AS_NULL

    def converted(field: str | None) -> str | None:
        if field is None or field == null_as or (nul_is_null and field == _NUL):
            return None
        if _NUL in field:
            raise BadValue(
                faults.BAD_NULL_TERMINATOR if nul_is_null else faults.BAD_LINE,
                f"Missing newline: Unexpected character 0x0 found at location {field.index(_NUL)}",
            )
        if is_text:
            if not field:
                return None if conversion.empty_as_null else ""
            if conversion.blanks_as_null and field.isspace():
                return None
        elif not field or field.isspace():
            return None
        return convert(field)

    def required(field: str | None) -> str:
        value = converted(field)
        if value is None:
            raise BadValue(faults.MISSING_FOR_NOT_NULL, "Missing data for not-null field")
        return value

    return required if column.not_null else converted


def _of_kind(column: TableColumn, conversion: Conversion) -> _Conversion:
    kind = column.kind
    if kind in _INTEGERS:
        return _integer(*_INTEGERS[kind])
    if kind == "numeric":
        return _decimal(column.precision or 18, column.scale or 0, conversion)
    if kind in ("float4", "float8"):
        return _float(kind)
    if kind == "bool":
        return _boolean
    if kind == "date":
        return _date(conversion)
    if kind in ("timestamp", "timestamptz"):
        return _timestamp(conversion, with_zone=kind == "timestamptz")
    if kind == "time":
        return _time
    if kind == "jsonb":
        return _super
    if kind == "bytea":
        return _bytes
    raise not_supported(f"COPY into a column of type {column.declared} is not served on the laptop")


def _integer(bits: int, name: str) -> _Conversion:
    largest: int = 2**bits - 1

    def convert(field: str) -> str:
        if not re.fullmatch(r"[+-]?[0-9]+", field):
            raise _bad_digit(field, r"[+-]?[0-9]*", name)
        long = len(field.lstrip("+-0")) > _MOST_DIGITS
        if long or not -largest - 1 <= int(field) <= largest:
            raise BadValue(faults.INTEGER_OVERFLOW, f"Overflow (Column type: {name})")
        return field

    return convert


def _bad_digit(field: str, good: str, name: str) -> BadValue:
    """What is wrong with a number of which a beginning, given by a pattern, is good."""
    found = re.match(good, field)
    place = found.end() if found else 0
    shown = field[place : place + 1]
    return BadValue(faults.BAD_DIGIT, f"Invalid digit, Value '{shown}', Pos {place}, Type: {name}")


def _decimal(precision: int, scale: int, conversion: Conversion) -> _Conversion:
    step = Decimal(1).scaleb(-scale)
    limit = Decimal(10) ** (precision - scale)
    # By default COPY cuts digits off; ROUNDEC rounds them.
    rounding = ROUND_HALF_UP if conversion.round_decimals else ROUND_DOWN
    context = Context(
        prec=_LONGEST_NUMBER + _LARGEST_EXPONENT + LARGEST_PRECISION, rounding=rounding
    )

    def convert(field: str) -> str:
        number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", field, re.ASCII)
        if number is None:
            raise _bad_digit(field, r"[+-]?[0-9]*\.?[0-9]*", "Decimal")
        if len(field) > _LONGEST_NUMBER:
            raise BadValue(faults.OUT_OF_RANGE, "Numeric data overflow (result precision)")
        value = context.quantize(Decimal(field), step)
        if abs(value) >= limit:
            raise BadValue(faults.OUT_OF_RANGE, "Numeric data overflow (result precision)")
        return f"{value:f}"

    return convert


def _float(kind: str) -> _Conversion:
    def convert(field: str) -> str:
        if not _FLOAT.fullmatch(field):
            raise BadValue(faults.BAD_FLOAT, "Invalid Float Format")
        value = float(field)
        held = ctypes.c_float(value).value if kind == "float4" else value
        if math.isinf(held) and "i" not in field.lower():
            raise BadValue(faults.OUT_OF_RANGE, "Overflow for a floating point number")
        return repr(held)

    return convert


def _boolean(field: str) -> str:
    folded = field.lower()
    if folded in _TRUE:
        return "t"
    if folded in _FALSE:
        return "f"
    raise BadValue(faults.BAD_BOOLEAN, "Unknown boolean format")


def _date(conversion: Conversion) -> _Conversion:
    form = conversion.date_format
    read = date_reader(form)

    def convert(field: str) -> str | None:
        found = read(field)
        if found is not None:
            return found.isoformat()
        if conversion.accept_any_date:
            return None
        if len(field) < _LONGEST_DATE and form == "YYYY-MM-DD":
            raise BadValue(faults.BAD_DATE, "Invalid Date Format - length must be 10 or more")
        raise BadValue(faults.BAD_DATE, f"Invalid Date Format [{form}]")

    return convert


def _timestamp(conversion: Conversion, *, with_zone: bool) -> _Conversion:
    form = conversion.time_format
    read = timestamp_reader(form)

    def convert(field: str) -> str | None:
        found: datetime | None = read(field)
        if found is not None:
            return found.replace(tzinfo=None).isoformat(" ") + ("+00" if with_zone else "")
        if conversion.accept_any_date:
            return None
        shown = form or DEFAULT_TIMESTAMP.replace("HH", "HH24")
        raise BadValue(faults.BAD_TIMESTAMP, f"Invalid timestamp format or value [{shown}]")

    return convert


def _time(field: str) -> str:
    if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]?\d(:[0-5]?\d(\.\d{1,6})?)?", field, re.ASCII):
        raise BadValue(faults.BAD_TIMESTAMP, "Invalid time format or value [HH24:MI:SS]")
    return field


def _super(field: str) -> str:
    try:
        # A surrogate alone, which JSON may spell out, is no UTF-8.
        json.loads(field.encode())
    except (ValueError, RecursionError):
        raise BadValue(faults.BAD_JSON, "Invalid JSON format in the value of a SUPER") from None
    return field


def _bytes(field: str) -> str:
    if len(field) % 2 or not re.fullmatch(r"[0-9a-fA-F]*", field):
        raise BadValue(faults.BAD_HEX, "UTF-8 hexadecimal contains an invalid digit")
    return "\\x" + field


def _text(column: TableColumn, conversion: Conversion) -> _Conversion:
    limit = column.length_bytes or LONGEST_VARCHAR
    is_char = column.kind == "bpchar"

    def convert(field: str) -> str:
        if conversion.trim_blanks and not is_char:
            field = field.rstrip(" ")
        try:
            raw = field.encode(errors="surrogateescape")
        except UnicodeEncodeError:
            raise BadValue(faults.BAD_CHARACTER, _BAD_TEXT) from None
        if is_char and not raw.isascii():
            raise BadValue(faults.BAD_CHARACTER, _no_multibyte(raw))
        try:
            raw.decode()
        except UnicodeDecodeError as error:
            if conversion.invalid_as is None:
                raise BadValue(faults.BAD_CHARACTER, _bad_utf8(raw, error)) from None
            field = re.sub("[\udc80-\udcff]", lambda _: str(conversion.invalid_as), field)
            raw = field.encode()
        # The blanks at the end of a CHAR do not count.
        if len(raw.rstrip(b" ") if is_char else raw) > limit:
            if not conversion.truncate_columns:
                raise BadValue(faults.OUT_OF_RANGE, "String length exceeds DDL length")
            return raw[:limit].decode(errors="ignore")
        return field

    return convert


def _no_multibyte(raw: bytes) -> str:
    start = next(place for place, byte in enumerate(raw) if byte > 127)
    return (
        "Multibyte character not supported for CHAR (Hint: try using VARCHAR). "
        f"Invalid char: {raw[start : start + 4].hex(' ')}"
    )


def _bad_utf8(raw: bytes, error: UnicodeDecodeError) -> str:
    shown = raw[error.start : error.start + 4].hex(" ")
    number = 2 if "unexpected end" in error.reason or "continuation" in error.reason else 3
    return f"{_BAD_TEXT} Bad UTF8 hex sequence: {shown} (error {number})"
