"""The strict cast of each type: no rounding, no truncation, no guess, or a reason why not.

DuckDB's own casts are wider (`1.5` becomes the integer 2, `1_000` is a number, the offset of a
timestamp is passed over), so a pattern admits a text first and the cast only sees what it admits.
A text that is spelled as DuckDB spells its value needs no pattern, which costs twice the cast.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from etl_platform.contract.types import LONGEST_TEXT_BYTES, ColumnType
from etl_platform.convert import json_text
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Literal, Part, Sql, compose

_INTEGER: Final = r"[+-]?[0-9]+(\.0*)?"
_DECIMAL: Final = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"
_NUMBER: Final = _DECIMAL + r"([eE][+-]?[0-9]+)?"
DATE: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME: Final = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
OFFSET: Final = r"(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"
_TIMESTAMP: Final = f"{DATE}[T ]{TIME}{OFFSET}"
_HEX: Final = "([0-9A-Fa-f]{2})*"
_PLAIN_JSON: Final = r'"[^"\\\x00-\x1f]*"|true|false|null|-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?'
"""Most scalars, for which no Python is needed."""
_NULL: Final = Sql("NULL")


@dataclass(frozen=True)
class Cast:
    """Both are expressions over a text that is not null.

    `value` never fails, and means something only where `reason` is null.
    """

    value: Sql
    reason: Sql


def cast(column_type: ColumnType, text: Sql, known: Sql | None = None) -> Cast:
    """The typed value of a text, and why it has none; `known` is a name that the value has where
    the reason is looked for, so that DuckDB casts once: it finds no common part of two CASEs."""
    return _RULES[column_type.family](column_type, text, known)


def stored_as(column_type: ColumnType) -> Sql:
    """The DuckDB type that holds a value until it is written. Moments are held in UTC, unzoned."""
    is_moment = column_type.family == "timestamptz"
    return Sql("TIMESTAMP" if is_moment else column_type.duckdb)


def _integer(column_type: ColumnType, text: Sql, known: Sql | None) -> Cast:
    cast_ = _try_cast(text, column_type.duckdb)
    value = known or cast_
    reason = _admitted(text, _INTEGER, Reason.NOT_AN_INTEGER, _null_is_too_large(value))
    return Cast(cast_, _unless_spelled_so(value, text, reason))


def _decimal(column_type: ColumnType, text: Sql, known: Sql | None) -> Cast:
    _, scale = column_type.arguments
    cast_ = _try_cast(text, column_type.duckdb)
    value = known or cast_
    # Zeros beyond the scale say nothing, so dropping them loses nothing.
    kept = rf"[+-]?[0-9]*(\.[0-9]{{0,{scale}}}0*)?"
    rounded = _case(
        (_not_matching(text, kept), Reason.TOO_MANY_DECIMALS), otherwise=_null_is_too_large(value)
    )
    reason = _admitted(text, _DECIMAL, Reason.NOT_A_DECIMAL, rounded)
    # DuckDB writes all decimals of the scale, and most texts leave out zeros at their end.
    is_spelled_so = compose("starts_with(({v})::VARCHAR, {text})", v=value, text=text)
    return Cast(cast_, _unless(is_spelled_so, reason))


def _floating(column_type: ColumnType, text: Sql, known: Sql | None) -> Cast:
    cast_ = _try_cast(text, column_type.duckdb)
    value = known or cast_
    too_large = _case(
        (compose("NOT coalesce(isfinite({value}), false)", value=value), Reason.OUT_OF_RANGE)
    )
    return Cast(cast_, _admitted(text, _NUMBER, Reason.NOT_A_NUMBER, too_large))


def _boolean(_: ColumnType, text: Sql, known: Sql | None) -> Cast:
    value = compose(
        "CASE WHEN lower({text}) IN ('true', 't', '1') THEN true"
        " WHEN lower({text}) IN ('false', 'f', '0') THEN false END",
        text=text,
    )
    unknown = compose("({v}) IS NULL", v=known or value)
    return Cast(value, _case((unknown, Reason.NOT_A_BOOLEAN)))


def _date(column_type: ColumnType, text: Sql, known: Sql | None) -> Cast:
    cast_ = _try_cast(text, column_type.duckdb)
    value = known or cast_
    # DuckDB has a year 0, which Python and most readers of Parquet do not have.
    unreal = compose("coalesce({v} < DATE '0001-01-01', true)", v=value)
    reason = _admitted(text, DATE, Reason.NOT_A_DATE, _case((unreal, Reason.NOT_A_DATE)))
    # A year of five digits is spelled so as well.
    plain = compose("CASE WHEN strlen({text}) = 10 THEN {v} END", text=text, v=value)
    return Cast(cast_, _unless_spelled_so(plain, text, reason))


def _timestamp(_: ColumnType, text: Sql, known: Sql | None) -> Cast:
    # The cast to TIMESTAMP passes over an offset; the one to TIMESTAMPTZ obeys it, and takes a
    # text without one in the connection's time zone, UTC. Both kinds are stored as UTC.
    cast_ = compose("make_timestamp(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)))", text=text)
    value = known or cast_
    unreal = compose("({v}) IS NULL", v=value)
    beyond = compose(
        "({v}) < TIMESTAMP '0001-01-01' OR ({v}) >= TIMESTAMP '10000-01-01'",
        v=value,
    )
    real = _case((unreal, Reason.NOT_A_TIMESTAMP), (beyond, Reason.OUT_OF_RANGE))
    reason = _admitted(text, _TIMESTAMP, Reason.NOT_A_TIMESTAMP, real)
    plain = compose("CASE WHEN NOT ({beyond}) THEN {v} END", beyond=beyond, v=value)
    return Cast(cast_, _unless_spelled_so(plain, text, reason))


def _text(column_type: ColumnType, text: Sql, _known: Sql | None) -> Cast:
    most = Literal(column_type.arguments[0])
    checks: list[tuple[Sql, Reason]] = [
        (compose("contains({text}, chr(0))", text=text), Reason.NUL_CHARACTER),
        (compose("strlen({text}) > {most}", text=text, most=most), Reason.TOO_LONG),
    ]
    if column_type.family == "char":
        wide = compose("strlen({text}) <> length({text})", text=text)
        checks.insert(0, (wide, Reason.NOT_SINGLE_BYTE))
    return Cast(text, _case(*checks))


def _time(_: ColumnType, text: Sql, _known: Sql | None) -> Cast:
    # Written back, equal times are equal texts, and texts are in the order of times.
    return Cast(
        compose("TRY_CAST({text} AS TIME)::VARCHAR", text=text),
        _case((_not_matching(text, TIME), Reason.NOT_A_TIME)),
    )


def _varbyte(column_type: ColumnType, text: Sql, _known: Sql | None) -> Cast:
    too_long = compose(
        "strlen({text}) > {most}", text=text, most=Literal(2 * column_type.arguments[0])
    )
    return Cast(
        compose("lower({text})", text=text),
        _case((_not_matching(text, _HEX), Reason.NOT_HEX), (too_long, Reason.TOO_LONG)),
    )


def _super(_: ColumnType, text: Sql, _known: Sql | None) -> Cast:
    # A string is taken whole, so that only the spaces between tokens go.
    compact = compose(
        "CASE WHEN regexp_matches({text}, '[ \t\n\r]')"
        " THEN regexp_replace({text}, {string_or_spaces}, '\\1', 'g') ELSE {text} END",
        text=text,
        string_or_spaces=Literal(r'("(?:[^"\\]|\\.)*")|[ \t\n\r]+'),
    )
    problem = compose(
        "CASE WHEN NOT regexp_full_match({text}, {plain}) THEN {function}({text}) END",
        text=text,
        plain=Literal(_PLAIN_JSON),
        function=Sql(json_text.PROBLEM),
    )
    too_long = compose(
        "strlen({compact}) > {most}", compact=compact, most=Literal(LONGEST_TEXT_BYTES)
    )
    return Cast(
        compact,
        compose(
            "coalesce({problem}, {too_long})",
            problem=problem,
            too_long=_case((too_long, Reason.TOO_LONG)),
        ),
    )


_RULES: Final[dict[str, Callable[[ColumnType, Sql, Sql | None], Cast]]] = {
    "smallint": _integer,
    "integer": _integer,
    "bigint": _integer,
    "decimal": _decimal,
    "real": _floating,
    "double": _floating,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "timestamptz": _timestamp,
    "varchar": _text,
    "char": _text,
    "time": _time,
    "varbyte": _varbyte,
    "super": _super,
}


def _try_cast(text: Sql, duckdb_type: str) -> Sql:
    return compose("TRY_CAST({text} AS {kind})", text=text, kind=Sql(duckdb_type))


def _not_matching(text: Sql, pattern: str) -> Sql:
    return compose("NOT regexp_full_match({text}, {p})", text=text, p=Literal(pattern))


def _admitted(text: Sql, pattern: str, reason: Reason, otherwise: Sql) -> Sql:
    return _case((_not_matching(text, pattern), reason), otherwise=otherwise)


def _unless_spelled_so(value: Sql, text: Sql, reason: Sql) -> Sql:
    """The reason of a text, and none without a look at it if it is the spelling of its value."""
    return _unless(compose("({value})::VARCHAR = {text}", value=value, text=text), reason)


def _unless(is_plain: Sql, reason: Sql) -> Sql:
    return compose("CASE WHEN {plain} THEN NULL ELSE {reason} END", plain=is_plain, reason=reason)


def _null_is_too_large(value: Sql) -> Sql:
    return _case((compose("{value} IS NULL", value=value), Reason.OUT_OF_RANGE))


def _case(*checks: tuple[Sql, Reason], otherwise: Part = _NULL) -> Sql:
    whens = " ".join(
        compose("WHEN {condition} THEN {reason}", condition=condition, reason=Literal(str(reason)))
        for condition, reason in checks
    )
    return compose("CASE {whens} ELSE {otherwise} END", whens=Sql(whens), otherwise=otherwise)
