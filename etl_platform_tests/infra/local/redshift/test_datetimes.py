"""DATEFORMAT and TIMEFORMAT.

https://docs.aws.amazon.com/redshift/latest/dg/r_DATEFORMAT_and_TIMEFORMAT_strings.html
"""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.redshift.datetimes import date_reader, timestamp_reader

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2069, 12, 31))  # noqa: DTZ001 - made UTC below


@pytest.mark.parametrize(
    ("form", "text", "found"),
    [
        ("YYYY-MM-DD", "2026-02-28", date(2026, 2, 28)),
        ("YYYY-MM-DD", "2026-2-8", date(2026, 2, 8)),
        ("YYYY-MM-DD", "2026-02-29", None),
        ("YYYY-MM-DD", "2026-13-01", None),
        ("YYYY-MM-DD", "2026-02-28 ", None),
        ("YYYY-MM-DD", "٢٠٢٦-02-28", None),
        ("YYYYMMDD", "20260228", date(2026, 2, 28)),
        ("YYYYMMDD", "2026228", None),
        ("DD.MM.YY", "28.02.69", date(2069, 2, 28)),
        ("DD.MM.YY", "28.02.70", date(1970, 2, 28)),
        ("DD MONTH YYYY", "28 February 2026", date(2026, 2, 28)),
        ("DD MONTH YYYY", "28 Febtember 2026", None),
        ("YYYY.DDD", "2024.366", date(2024, 12, 31)),
        ("YYYY.DDD", "2026.366", None),
        ("auto", "28-FEB-2026", date(2026, 2, 28)),
        ("auto", "2026-02-28 23:00:00", date(2026, 2, 28)),
        ("auto", "the day before", None),
    ],
)
def test_a_date_is_read_by_its_format(form: str, text: str, found: date | None) -> None:
    assert date_reader(form)(text) == found


@pytest.mark.parametrize(
    ("form", "text", "found"),
    [
        (None, "2026-02-28 03:04:05.678901", "2026-02-28 03:04:05.678901"),
        (None, "2026-02-28 03:04:05-02:30", "2026-02-28 05:34:05"),
        (None, "2026-02-28 24:00:00", None),
        (None, "2026-02-28T03:04:05", None),
        ("auto", "2026-02-28T03:04:05+0100", "2026-02-28 02:04:05"),
        ("auto", "2026-02-28 12:04 am", "2026-02-28 00:04:00"),
        ("auto", "2026-02-28 13:04 pm", None),
        ("YYYY-MM-DD HH12:MI:SS PM", "2026-02-28 12:04:05 PM", "2026-02-28 12:04:05"),
        ("epochsecs", "-1", "1969-12-31 23:59:59"),
        ("epochsecs", "1.5", "1970-01-01 00:00:01.500000"),
        ("epochmillisecs", "1500", "1970-01-01 00:00:01.500000"),
        ("epochsecs", "99999999999999999", None),
        ("epochsecs", "soon", None),
    ],
)
def test_a_timestamp_is_read_by_its_format(form: str | None, text: str, found: str | None) -> None:
    moment = timestamp_reader(form)(text)
    assert (None if moment is None else str(moment.replace(tzinfo=None))) == found


@given(MOMENTS, st.integers(-14 * 60, 14 * 60).map(lambda minutes: timedelta(minutes=minutes)))
def test_auto_reads_what_python_writes(moment: datetime, offset: timedelta) -> None:
    aware = moment.replace(tzinfo=UTC)
    sign = "-" if offset < timedelta(0) else "+"
    hours, minutes = divmod(abs(offset) // timedelta(minutes=1), 60)
    local = (aware + offset).replace(tzinfo=None)
    for gap in " T":
        text = f"{local.isoformat(gap, 'microseconds')}{sign}{hours:02}:{minutes:02}"
        assert timestamp_reader("auto")(text) == aware
