"""Declared formats against strptime, declared zones against zoneinfo."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform.contract.columns import Column
from etl_platform.convert.moments import cast_moment
from etl_platform.convert.reasons import Reason
from etl_platform.convert.session import connect
from etl_platform.convert.sql import Sql, compose
from etl_platform_tests.convert.samples import contract, converted

moment = datetime.fromisoformat
Outcome = Any
"""The value, or the Reason."""


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder: Path = tmp_path_factory.mktemp("moments")
    with connect(folder, 0.1, 1) as opened:
        yield opened


def outcomes(
    connection: duckdb.DuckDBPyConnection, kind: str, texts: list[str], **options: Any
) -> list[Outcome]:
    column = Column.model_validate({"name": "t", "type": kind, **options})
    typed = cast_moment(column, Sql("t"))
    query = compose(
        "SELECT {reason}, CASE WHEN ({reason}) IS NULL THEN {value} END"
        " FROM (SELECT unnest(?) AS t, unnest(range(len(?))) AS n) ORDER BY n",
        reason=typed.reason,
        value=typed.value,
    )
    answered = connection.execute(query, [texts, texts]).fetchall()
    return [value if reason is None else Reason(reason) for reason, value in answered]


@pytest.mark.parametrize(
    ("forms", "text", "expected"),
    [
        ("%H:%M", "6:30", "06:30:00"),
        ("%H:%M", "24:00", Reason.NOT_A_TIME),
        ("%H:%M", "06:30:00", Reason.NOT_A_TIME),
        ("%H%M", "0630", "06:30:00"),
        ("%H%M", "630", Reason.NOT_A_TIME),
        ("%I:%M %p", "12:05 am", "00:05:00"),
        ("%I:%M %p", "12:05 PM", "12:05:00"),
        ("%I:%M %p", "13:05 PM", Reason.NOT_A_TIME),
        ("%H:%M:%S.%f", "23:59:59.5", "23:59:59.5"),
        ("%H:%M:%S.%f", "23:59:59.000000", "23:59:59"),
        ("%H.%M;%H:%M", "06:30", "06:30:00"),
    ],
)
def test_a_declared_time_of_day_is_read_to_the_letter(
    connection: duckdb.DuckDBPyConnection, forms: str, text: str, expected: Outcome
) -> None:
    assert outcomes(connection, "time", [text], formats=forms.split(";")) == [expected]


@pytest.mark.parametrize(
    ("forms", "text", "expected"),
    [
        ("%d/%m/%Y", "3/4/2020", date(2020, 4, 3)),
        ("%d/%m/%Y", "03/04/2020", date(2020, 4, 3)),
        ("%d/%m/%Y", "04/31/2020", Reason.NOT_A_DATE),
        ("%d/%m/%Y", "31/04/2020", Reason.NOT_A_DATE),
        ("%d/%m/%Y", "29/02/2020", date(2020, 2, 29)),
        ("%d/%m/%Y", "29/02/2021", Reason.NOT_A_DATE),
        ("%d/%m/%Y", "03/04/20", Reason.NOT_A_DATE),
        ("%d/%m/%Y", "03/04/02020", Reason.NOT_A_DATE),
        ("%d/%m/%Y", "03/04/0000", Reason.NOT_A_DATE),
        ("%d/%m/%Y", " 03/04/2020", Reason.NOT_A_DATE),
        ("%d/%m/%Y", "03/04/2020 ", Reason.NOT_A_DATE),
        ("%d/%m/%Y", "03/04/2020 00:00", Reason.NOT_A_DATE),
        ("%d/%m/%Y", "2020-04-03", Reason.NOT_A_DATE),
        ("%d/%m/%Y", "", Reason.NOT_A_DATE),
        ("%d/%m/%y", "03/04/68", date(2068, 4, 3)),
        ("%d/%m/%y", "03/04/69", date(1969, 4, 3)),
        ("%d/%m/%y", "03/04/2020", Reason.NOT_A_DATE),
        ("%Y%m%d", "20200102", date(2020, 1, 2)),
        ("%Y%m%d", "2020102", Reason.NOT_A_DATE),
        ("%d-%b-%Y", "03-JAN-2020", date(2020, 1, 3)),
        ("%d-%b-%Y", "03-Sept-2020", Reason.NOT_A_DATE),
        ("%d %B %Y", "3 march 2020", date(2020, 3, 3)),
        ("%Y-%m-%d 00:00:00", "2020-01-02 00:00:00", date(2020, 1, 2)),
        ("%Y-%m-%d 00:00:00", "2020-01-02 10:00:00", Reason.NOT_A_DATE),
        ("100%% %Y.%m.%d", "100% 2020.1.2", date(2020, 1, 2)),
        ("le %d à %Y (%m)", "le 1 à 2020 (2)", date(2020, 2, 1)),
        ("%d/%m/%Y;%m/%d/%Y", "03/04/2020", date(2020, 4, 3)),
        ("%d/%m/%Y;%m/%d/%Y", "03/14/2020", date(2020, 3, 14)),
        ("%d/%m/%Y;%m/%d/%Y", "30/02/2020", Reason.NOT_A_DATE),
    ],
)
def test_a_date_is_read_in_the_first_format_that_fits(
    connection: duckdb.DuckDBPyConnection, forms: str, text: str, expected: Outcome
) -> None:
    assert outcomes(connection, "date", [text], formats=forms.split(";")) == [expected]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("%Y-%m-%d", "2020-01-02", moment("2020-01-02")),
        ("%Y-%m-%d %H:%M", "2020-01-02 23:59", moment("2020-01-02 23:59")),
        ("%Y-%m-%d %H:%M", "2020-01-02  23:59", Reason.NOT_A_TIMESTAMP),
        ("%Y-%m-%d %H:%M", "2020-01-02 24:00", Reason.NOT_A_TIMESTAMP),
        ("%Y-%m-%d %H:%M:%S", "2020-01-02 10:00:60", Reason.NOT_A_TIMESTAMP),
        ("%Y-%m-%d %H:%M:%S.%f", "2020-01-02 10:00:00.5", moment("2020-01-02 10:00:00.500000")),
        ("%Y-%m-%d %H:%M:%S.%f", "2020-01-02 10:00:00.1234567", Reason.NOT_A_TIMESTAMP),
        ("%Y%m%d%H%M%S", "20200102030405", moment("2020-01-02 03:04:05")),
        ("%m/%d/%Y %I:%M %p", "1/2/2020 12:05 am", moment("2020-01-02 00:05")),
        ("%m/%d/%Y %I:%M %p", "1/2/2020 13:05 PM", Reason.NOT_A_TIMESTAMP),
        ("%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700", moment("2000-10-10 20:55:36")),
        ("%Y/%m/%d %H:%M%z", "2020/01/02 10:00Z", moment("2020-01-02 10:00")),
        ("%Y/%m/%d %H:%M%z", "2020/01/02 10:00+05", moment("2020-01-02 05:00")),
        ("%Y/%m/%d %H:%M%z", "2020/01/02 10:00", Reason.NOT_A_TIMESTAMP),
        ("%Y-%m-%d %H:%M%z", "0001-01-01 00:00+01:00", Reason.OUT_OF_RANGE),
    ],
)
def test_a_timestamp_is_read_in_its_format(
    connection: duckdb.DuckDBPyConnection, form: str, text: str, expected: Outcome
) -> None:
    assert outcomes(connection, "timestamp", [text], formats=[form]) == [expected]
    assert outcomes(connection, "timestamptz", [text], formats=[form]) == [expected]


dates = st.sampled_from(["%d/%m/%Y", "%Y%m%d", "%d-%b-%Y", "%B %d, %Y", "%m.%d.%y", "%Y(%m)%d"])
clocks = st.sampled_from(["", " %H:%M", "T%H%M%S", " %I.%M %p", " %H:%M:%S.%f", " %H:%M:%S%z"])
forms = st.builds("".join, st.tuples(dates, clocks))
moments = st.datetimes(
    min_value=moment("1970-01-01"),
    max_value=moment("2060-01-01"),
    timezones=st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m))),
)


def parsed(text: str, form: str) -> datetime:
    at = datetime.strptime(text, form)  # noqa: DTZ007 - the formats without an offset are naive
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


@settings(max_examples=80, deadline=None)
@given(form=forms, several=st.lists(moments, min_size=1, max_size=20))
def test_what_strftime_writes_is_read_as_strptime_reads_it(
    connection: duckdb.DuckDBPyConnection, form: str, several: list[datetime]
) -> None:
    texts = [at.strftime(form) for at in several]
    found = outcomes(connection, "timestamp", texts, formats=[form])
    assert found == [parsed(text, form) for text in texts]


@settings(max_examples=80, deadline=None)
@given(form=forms, at=moments, data=st.data())
def test_a_damaged_text_is_refused_or_read_as_strptime_reads_it(
    connection: duckdb.DuckDBPyConnection, form: str, at: datetime, data: st.DataObject
) -> None:
    text = at.strftime(form)
    place = data.draw(st.integers(0, len(text)))
    damage = data.draw(st.sampled_from(["", "0", "9", " ", "-", "/", "a", "\n", "\u0663"]))
    width = data.draw(st.integers(0, 1))
    damaged = text[:place] + damage + text[place + width :]
    (found,) = outcomes(connection, "timestamp", [damaged], formats=[form])
    try:
        expected: Outcome = parsed(damaged, form)
    except (ValueError, OverflowError):
        expected = Reason.NOT_A_TIMESTAMP
    # The standard library passes over doubled spaces and divides digits as it likes.
    assert found in (expected, Reason.NOT_A_TIMESTAMP)


ZONES = [
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "UTC",
]
HOUR = timedelta(hours=1)


def shown_twice_or_skipped(zone: ZoneInfo, year: int) -> Iterator[datetime]:
    """Local times around every change of the clocks in a year."""
    at = datetime(year, 1, 1, tzinfo=UTC)
    while at.year == year:
        before, after = at.astimezone(zone).utcoffset(), (at + HOUR).astimezone(zone).utcoffset()
        if before != after:
            local = at.astimezone(zone).replace(tzinfo=None)
            yield from (local + timedelta(minutes=15 * quarter) for quarter in range(-12, 16))
        at += HOUR


def utc_of(local: datetime, zone: ZoneInfo) -> Outcome:
    moment_utc = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment_utc.astimezone(zone).replace(tzinfo=None) != local:
        return Reason.NO_SUCH_LOCAL_TIME
    return moment_utc.replace(tzinfo=None)


@pytest.mark.parametrize("name", ZONES)
def test_around_a_change_of_clocks_a_time_is_skipped_or_the_earlier_of_two(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    zone = ZoneInfo(name)
    locals_ = [at for year in (1985, 2011, 2018, 2024) for at in shown_twice_or_skipped(zone, year)]
    texts = [at.isoformat(" ") for at in [*locals_, moment("2024-07-01 12:00")]]
    found = outcomes(connection, "timestamp", texts, zone=name)
    assert found == [utc_of(moment(text), zone) for text in texts]


naive = st.datetimes(min_value=moment("1972-01-01"), max_value=moment("2037-01-01"))


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(ZONES), several=st.lists(naive, min_size=1, max_size=30))
def test_a_local_time_is_the_moment_that_zoneinfo_says(
    connection: duckdb.DuckDBPyConnection, name: str, several: list[datetime]
) -> None:
    texts = [at.isoformat() for at in several]
    expected = [utc_of(at, ZoneInfo(name)) for at in several]
    assert outcomes(connection, "timestamptz", texts, zone=name) == expected


def test_an_offset_in_the_text_comes_before_the_zone(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    texts = ["2024-07-01T12:00:00Z", "2024-07-01 12:00+02", "2024-07-01 12:00", "2024-07-01"]
    assert outcomes(connection, "timestamp", texts, zone="America/New_York") == [
        moment("2024-07-01 12:00"),
        moment("2024-07-01 10:00"),
        moment("2024-07-01 16:00"),
        Reason.NOT_A_TIMESTAMP,
    ]


def test_formats_and_a_zone_work_together(connection: duckdb.DuckDBPyConnection) -> None:
    texts = ["1/7/2024 12:00", "7/1/2024 12:00 +0000", "10/3/2024 02:30", "1.7.2024"]
    declared = {"formats": ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M %z"], "zone": "America/New_York"}
    assert outcomes(connection, "timestamp", texts, **declared) == [
        moment("2024-07-01 16:00"),
        moment("2024-07-01 12:00"),
        Reason.NO_SUCH_LOCAL_TIME,
        Reason.NOT_A_TIMESTAMP,
    ]


def test_declared_texts_arrive_in_the_file_as_utc() -> None:
    of = contract(
        [
            {"name": "sold", "type": "date", "formats": ["%d.%m.%Y"]},
            {"name": "at", "type": "timestamptz", "zone": "Europe/Berlin"},
        ],
        {"type": "csv"},
    )
    result = converted(of, b"sold,at\n1.2.2024,2024-07-01 12:00\n1.2.24,2024-03-31 02:30\n")
    assert result.rows == [
        {"sold": date(2024, 2, 1), "at": datetime(2024, 7, 1, 10, tzinfo=UTC)},
    ]
    assert [(column, reason) for _, column, reason, _ in result.reasons] == [
        ("sold", Reason.NOT_A_DATE),
        ("at", Reason.NO_SUCH_LOCAL_TIME),
    ]
