from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.contract.errors import HourInvalid
from etl_platform.contract.hour import Hour, stretches

hours = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(  # noqa: DTZ001
    lambda moment: Hour.containing(moment.replace(tzinfo=UTC))
)


@given(hours)
def test_key_and_folder_read_back_as_the_same_hour(hour: Hour) -> None:
    assert Hour.parse(hour.key) == hour
    assert Hour.of_folder(hour.folder) == hour


@given(hours, hours)
def test_keys_folders_and_partitions_sort_as_time_does(one: Hour, other: Hour) -> None:
    assert (one < other) == (one.key < other.key) == (one.folder < other.folder)
    assert (one < other) == (one.partition < other.partition)


@pytest.mark.parametrize(
    "text",
    ["2026-11-23-3", "2026-11-23-24", "2026-02-29-00", "2026-11-23-03:30", "2026-11-23 03", "",
     "٢٠٢٦-11-23-03", "2026-11-23-03\n"],
)  # fmt: skip
def test_text_that_is_no_hour_is_refused(text: str) -> None:
    with pytest.raises(HourInvalid):
        Hour.parse(text)


def test_an_hour_is_in_utc_and_full() -> None:
    with pytest.raises(HourInvalid):
        Hour(datetime(2026, 1, 1, 1, 30, tzinfo=UTC))
    with pytest.raises(HourInvalid):
        Hour(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))))


def test_a_moment_in_another_zone_lies_in_its_utc_hour() -> None:
    moment = datetime(2026, 1, 1, 1, 45, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert Hour.containing(moment).key == "2025-12-31-20"


_FIRST = Hour.parse("2026-01-01-00")


@given(st.lists(st.integers(0, 60)), st.integers(1, 10), st.integers(0, 4))
def test_stretches_cover_the_hours_once_and_bridge_no_more_than_allowed(
    offsets: list[int], most: int, bridged: int
) -> None:
    asked = {_FIRST.plus(offset) for offset in offsets}
    runs = [list(first.through(last)) for first, last in stretches(list(asked), most, bridged)]
    covered = [hour for run in runs for hour in run]
    assert covered == sorted(set(covered))
    assert asked <= set(covered)
    assert all(len(run) <= most for run in runs)
    for run in runs:
        absent = "".join("." if hour in asked else "x" for hour in run)
        assert "x" * (bridged + 1) not in absent
        assert absent[0] == absent[-1] == "."


def test_hours_that_touch_are_one_stretch() -> None:
    day = [_FIRST.plus(number) for number in range(24)]
    assert list(stretches(day, 168)) == [(day[0], day[-1])]
    assert len(list(stretches(day, 10))) == 3
