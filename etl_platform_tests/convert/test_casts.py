"""Every type against the standard library: the same value, or a reason and no value."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl_platform.contract.types import ColumnType
from etl_platform.convert.casts import cast, stored_as
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Sql, compose

moment = datetime.fromisoformat

Outcome = Any
"""The value, or the Reason."""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def outcomes(connection: duckdb.DuckDBPyConnection, kind: str, texts: list[str]) -> list[Outcome]:
    column_type = ColumnType.parse(kind)
    typed = cast(column_type, Sql("t"))
    query = compose(
        "SELECT {reason}, CASE WHEN ({reason}) IS NULL THEN ({value})::{stored} END"
        " FROM (SELECT unnest(?) AS t, unnest(range(len(?))) AS n) ORDER BY n",
        reason=typed.reason,
        value=typed.value,
        stored=stored_as(column_type),
    )
    answered = connection.execute(query, [texts, texts]).fetchall()
    return [value if reason is None else Reason(reason) for reason, value in answered]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("integer", "42", 42),
        ("integer", "-7", -7),
        ("integer", "+7", 7),
        ("integer", "0042", 42),
        ("integer", "517.0", 517),
        ("integer", "1.5", Reason.NOT_AN_INTEGER),
        ("integer", "1e3", Reason.NOT_AN_INTEGER),
        ("integer", "1_000", Reason.NOT_AN_INTEGER),
        ("integer", "0x1F", Reason.NOT_AN_INTEGER),
        ("integer", " 1", Reason.NOT_AN_INTEGER),
        ("integer", "", Reason.NOT_AN_INTEGER),
        ("integer", "\uff11", Reason.NOT_AN_INTEGER),
        ("integer", "1\n", Reason.NOT_AN_INTEGER),
        ("integer", "2147483648", Reason.OUT_OF_RANGE),
        ("smallint", "32767", 32767),
        ("smallint", "32768", Reason.OUT_OF_RANGE),
        ("bigint", "9223372036854775807", 2**63 - 1),
        ("bigint", "9223372036854775807.0", 2**63 - 1),
        ("bigint", "-9223372036854775808", -(2**63)),
        ("bigint", "9223372036854775808", Reason.OUT_OF_RANGE),
        ("decimal(6,2)", "12.34", Decimal("12.34")),
        ("decimal(6,2)", "12.3400000", Decimal("12.34")),
        ("decimal(6,2)", ".5", Decimal("0.50")),
        ("decimal(6,2)", "5.", Decimal("5.00")),
        ("decimal(6,2)", "12.345", Reason.TOO_MANY_DECIMALS),
        ("decimal(6,2)", "9999.99", Decimal("9999.99")),
        ("decimal(6,2)", "10000", Reason.OUT_OF_RANGE),
        ("decimal(6,2)", "1e2", Reason.NOT_A_DECIMAL),
        ("decimal(6,2)", "NaN", Reason.NOT_A_DECIMAL),
        ("decimal(6,2)", ".", Reason.NOT_A_DECIMAL),
        ("decimal(6,2)", "-", Reason.NOT_A_DECIMAL),
        ("double", "1e3", 1000.0),
        ("double", "-.5", -0.5),
        ("double", "1e400", Reason.OUT_OF_RANGE),
        ("double", "NaN", Reason.NOT_A_NUMBER),
        ("double", "Infinity", Reason.NOT_A_NUMBER),
        ("double", "1,5", Reason.NOT_A_NUMBER),
        ("real", "1e39", Reason.OUT_OF_RANGE),
        ("real", "0.5", 0.5),
        ("boolean", "TRUE", True),
        ("boolean", "f", False),
        ("boolean", "1", True),
        ("boolean", "yes", Reason.NOT_A_BOOLEAN),
        ("boolean", "", Reason.NOT_A_BOOLEAN),
        ("date", "2012-02-29", date(2012, 2, 29)),
        ("date", "2013-02-30", Reason.NOT_A_DATE),
        ("date", "2013-1-1", Reason.NOT_A_DATE),
        ("date", "0000-01-01", Reason.NOT_A_DATE),
        ("date", "infinity", Reason.NOT_A_DATE),
        ("date", "2013-01-01 10:00", Reason.NOT_A_DATE),
        ("timestamp", "2013-01-01T06:00:00Z", moment("2013-01-01 06:00:00")),
        ("timestamp", "2013-01-01 06:00:00", moment("2013-01-01 06:00:00")),
        ("timestamp", "2013-01-01T06:00", moment("2013-01-01 06:00:00")),
        ("timestamp", "2013-01-01T06:00:00.123456", moment("2013-01-01 06:00:00.123456")),
        ("timestamp", "2013-01-01T06:00:00.1234567", Reason.NOT_A_TIMESTAMP),
        ("timestamp", "2013-01-01T06:00:00+02:00", moment("2013-01-01 04:00:00")),
        ("timestamp", "2013-01-01T06:00:00-0530", moment("2013-01-01 11:30:00")),
        ("timestamp", "2013-01-01T06:00:00+02", moment("2013-01-01 04:00:00")),
        ("timestamptz", "2013-01-01T06:00:00+02:00", moment("2013-01-01 04:00:00")),
        ("timestamp", "2013-01-01T24:00:00", Reason.NOT_A_TIMESTAMP),
        ("timestamp", "2013-01-01T06:00:60", Reason.NOT_A_TIMESTAMP),
        ("timestamp", "2013-02-30T06:00:00", Reason.NOT_A_TIMESTAMP),
        ("timestamp", "2013-01-01", Reason.NOT_A_TIMESTAMP),
        ("timestamp", "2013-01-01T06:00:00 UTC", Reason.NOT_A_TIMESTAMP),
        ("timestamp", "2013-01-01T06:00:00z", Reason.NOT_A_TIMESTAMP),
        ("timestamp", "9999-12-31T23:59:59-01:00", Reason.OUT_OF_RANGE),
        ("timestamp", "0001-01-01T00:00:00+01:00", Reason.OUT_OF_RANGE),
        ("varchar(4)", "four", "four"),
        ("varchar(4)", "fünf", Reason.TOO_LONG),
        ("varchar(4)", "  a ", "  a "),
        ("varchar(4)", "a\0b", Reason.NUL_CHARACTER),
        ("char(4)", "four", "four"),
        ("char(4)", "fün", Reason.NOT_SINGLE_BYTE),
        ("char(4)", "fives", Reason.TOO_LONG),
        ("time", "06:30", "06:30:00"),
        ("time", "06:30:00.000", "06:30:00"),
        ("time", "23:59:59.999999", "23:59:59.999999"),
        ("time", "24:00", Reason.NOT_A_TIME),
        ("time", "23:59:60", Reason.NOT_A_TIME),
        ("time", "6:30", Reason.NOT_A_TIME),
        ("time", "06:30:00.1234567", Reason.NOT_A_TIME),
        ("time", "06:30Z", Reason.NOT_A_TIME),
        ("time", "06:30+02", Reason.NOT_A_TIME),
        ("time", "2013-01-01 06:30", Reason.NOT_A_TIME),
        ("varbyte(2)", "00fF", "00ff"),
        ("varbyte(2)", "", ""),
        ("varbyte(2)", "0ff", Reason.NOT_HEX),
        ("varbyte(2)", "0g", Reason.NOT_HEX),
        ("varbyte(2)", "\\x01", Reason.NOT_HEX),
        ("varbyte(2)", "\uff11\uff11", Reason.NOT_HEX),
        ("varbyte(2)", "00ff00", Reason.TOO_LONG),
    ],
)
def test_a_text_has_exactly_this_outcome(
    connection: duckdb.DuckDBPyConnection, kind: str, text: str, expected: Outcome
) -> None:
    (outcome,) = outcomes(connection, kind, [text])
    assert outcome == expected
    assert type(outcome) is type(expected)


def integer(bits: int) -> Callable[[str], Outcome]:
    def oracle(text: str) -> Outcome:
        if not re.fullmatch(r"[+-]?\d+(\.0*)?", text, re.ASCII):
            return Reason.NOT_AN_INTEGER
        value = int(Decimal(text))
        return value if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1) else Reason.OUT_OF_RANGE

    return oracle


def decimal(precision: int, scale: int) -> Callable[[str], Outcome]:
    def oracle(text: str) -> Outcome:
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", text, re.ASCII):
            return Reason.NOT_A_DECIMAL
        sign, digits, exponent = Decimal(text).as_tuple()
        assert isinstance(exponent, int)
        unscaled = int("".join(map(str, digits))) * 10 ** max(exponent + scale, 0)
        dropped = 10 ** max(-exponent - scale, 0)
        if unscaled % dropped:
            return Reason.TOO_MANY_DECIMALS
        if unscaled // dropped >= 10**precision:
            return Reason.OUT_OF_RANGE
        return Decimal((sign, Decimal(unscaled // dropped).as_tuple().digits, -scale))

    return oracle


def double(text: str) -> Outcome:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        return Reason.NOT_A_NUMBER
    value = float(text)
    return Reason.OUT_OF_RANGE if abs(value) == float("inf") else value


def calendar_date(text: str) -> Outcome:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        return Reason.NOT_A_DATE


def clock_time(text: str) -> Outcome:
    if not re.fullmatch(r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?", text, re.ASCII):
        return Reason.NOT_A_TIME
    try:
        value = time.fromisoformat(text)
    except ValueError:
        return Reason.NOT_A_TIME
    written = value.isoformat("microseconds" if value.microsecond else "seconds")
    return written.rstrip("0") if value.microsecond else written


def hexadecimal(text: str) -> Outcome:
    if not text.isascii() or any(character.isspace() for character in text):
        return Reason.NOT_HEX
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return Reason.NOT_HEX
    return value.hex() if len(value) <= 4 else Reason.TOO_LONG


ORACLES: dict[str, Callable[[str], Outcome]] = {
    "smallint": integer(16),
    "integer": integer(32),
    "bigint": integer(64),
    "decimal(6,2)": decimal(6, 2),
    "decimal(18,0)": decimal(18, 0),
    "decimal(38,20)": decimal(38, 20),
    "double": double,
    "date": calendar_date,
    "time": clock_time,
    "varbyte(4)": hexadecimal,
}

digits = st.text("0123456789", max_size=25)
numbers = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "", "-", "+"]),
        digits,
        st.sampled_from(["", ".", "..", ".0", ".00000000000000000000000000000000000000000"]),
        digits,
        st.sampled_from(["", "", "", "0000", "e5", "E-3", "e400", " ", "_", "\n"]),
    ),
)
edges = st.sampled_from([15, 16, 31, 32, 63, 64]).flatmap(
    lambda bits: st.builds(
        lambda sign, off: f"{sign * 2**bits + off}", st.sampled_from([1, -1]), st.integers(-1, 1)
    )
)
dates = st.one_of(
    st.dates().map(lambda day: day.isoformat()),
    st.from_regex(r"\d{4}-[01]\d-[0-3]\d", fullmatch=True).filter(str.isascii),
)
times = st.one_of(
    st.times().map(lambda at: at.isoformat()),
    st.from_regex(r"[0-2]\d:[0-6]\d(:[0-6]\d(\.\d{0,8})?)?", fullmatch=True).filter(str.isascii),
)
hexes = st.text("0123456789abcdefABCDEFg", max_size=10)
texts = st.one_of(
    numbers, edges, dates, times, hexes, st.text(max_size=12).filter(lambda t: "\0" not in t)
)


@pytest.mark.parametrize("kind", ORACLES)
@settings(max_examples=40, deadline=None)
@given(several=st.lists(texts, min_size=1, max_size=40))
@example(several=["0" * 60 + "1", "1" + "0" * 60, "0." + "0" * 60, "-0", "-0.0", "+.0"])
@example(several=["9" * 38, "9" * 39, "9" * 18 + "." + "9" * 20, "9" * 18 + "." + "9" * 21])
def test_a_value_is_what_the_standard_library_makes_of_the_text(
    connection: duckdb.DuckDBPyConnection, kind: str, several: list[str]
) -> None:
    assert outcomes(connection, kind, several) == [ORACLES[kind](text) for text in several]


offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(
    min_value=moment("0002-01-01 00:00:00"),
    max_value=moment("9998-12-31 00:00:00"),
    timezones=offsets,
)


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
@settings(max_examples=40, deadline=None)
@given(several=st.lists(st.tuples(moments, st.sampled_from("T ")), min_size=1, max_size=40))
def test_a_moment_is_stored_in_utc_to_the_microsecond(
    connection: duckdb.DuckDBPyConnection, kind: str, several: list[tuple[datetime, str]]
) -> None:
    written = [at.isoformat(separator) for at, separator in several]
    expected = [at.astimezone(UTC).replace(tzinfo=None) for at, _ in several]
    assert outcomes(connection, kind, written) == expected


@settings(max_examples=60, deadline=None)
@given(several=st.lists(st.text(max_size=12), min_size=1, max_size=40))
def test_a_text_is_kept_or_refused_and_never_changed(
    connection: duckdb.DuckDBPyConnection, several: list[str]
) -> None:
    for text, outcome in zip(several, outcomes(connection, "varchar(8)", several), strict=True):
        fits = len(text.encode()) <= 8 and "\0" not in text
        assert outcome == (text if fits else outcome)
        assert isinstance(outcome, Reason) != fits
