from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from etl_platform.publish.changes import (
    MOST_STRETCHES,
    Standing,
    State,
    stretches_of,
    whole_because,
)

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
_hours = st.sets(st.integers(0, 400).map(lambda number: FIRST + number * HOUR), max_size=200)


def hours_of(stretches: list[tuple[datetime, datetime]]) -> list[datetime]:
    found = []
    for first, last in stretches:
        found += [first + number * HOUR for number in range((last - first) // HOUR + 1)]
    return found


@given(hours=_hours)
def test_stretches_hold_every_hour_once_and_are_few(hours: set[datetime]) -> None:
    stretches = stretches_of(hours)
    covered = hours_of(stretches)
    assert len(stretches) <= MOST_STRETCHES
    assert hours <= set(covered)
    assert len(covered) == len(set(covered))
    if len(stretches) < MOST_STRETCHES:
        assert set(covered) == hours


def test_the_widest_gaps_are_kept() -> None:
    # Gaps of one absent hour each, and two wide ones.
    near = [FIRST + 2 * number * HOUR for number in range(MOST_STRETCHES)]
    far = [FIRST + 10_000 * HOUR, FIRST + 20_000 * HOUR]
    stretches = stretches_of([*near, *far])
    assert stretches[-2:] == [(far[0], far[0]), (far[1], far[1])]


def test_the_last_hour_of_the_calendar_is_an_hour() -> None:
    last = datetime(9999, 12, 31, 23, tzinfo=UTC)
    assert stretches_of([last]) == [(last, last)]


def test_what_is_by_the_table_is_made_anew_for_any_change() -> None:
    standing = Standing(State(1, "d"), {"visits": 2}, 0)
    assert whole_because("d", standing, (), is_by_hour=False) == "visits changed"
    assert whole_because("d", standing, (), is_by_hour=True) is None
    assert whole_because("d", Standing(State(1, "d"), {}, 0), (), is_by_hour=False) is None
