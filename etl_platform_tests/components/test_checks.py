"""What the checks of hours find in the entries of the ledger, at a moment that the test sets."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.components.checks.hours import (
    WEEKS,
    Watched,
    completeness,
    freshness,
    stretches_to_read,
    volume,
)
from etl_platform.components.checks.verdict import hours_text
from etl_platform.contract.hour import Hour
from etl_platform.contract.watching import Expected
from etl_platform.hour_states import HourState, State
from etl_platform.load.ledger import Entry, Outcome
from etl_platform_tests.components.sources import contract

NOW = datetime(2014, 1, 10, 12, 20, tzinfo=UTC)
FEED = contract("feed", expected={"hours": 4, "within": "2h", "stale_after": "6h"})
LAST_DUE = Hour.parse("2014-01-10-09")
ALL_DUE = list(LAST_DUE.plus(-3).through(LAST_DUE))
A_WEEK = 7 * 24


def entry(hour: Hour, rows: int = 100, took: timedelta = timedelta(minutes=1)) -> Entry:
    manifest_at = hour.plus(1).start
    counts = (rows, rows, 0, 0, rows, 0)
    batch: tuple[Any, ...] = ("nyc.feed", "feed", hour, f"b{hour}", "1", manifest_at)
    rest: tuple[Any, ...] = (Outcome.LOADED, *counts, 1, 10, "digest", "order", "run")
    return replace(Entry(*batch, *rest), loaded_at=manifest_at + took)


def watched(hours: Iterable[Hour], **more: Any) -> Watched:
    return Watched(FEED, NOW, [entry(hour, **more) for hour in hours])


def found(*states: HourState) -> list[HourState]:
    """These hours as they are said to be, and the other due ones loaded."""
    by_hour = {one.hour: one for one in states}
    return [by_hour.get(h, HourState(h, State.LOADED, is_in_ledger=True)) for h in ALL_DUE]


def waiting(hour: Hour, state: State, waited: timedelta, code: str | None = None) -> HourState:
    return HourState(hour, state, state is State.STALE, NOW - waited, code)


def test_an_hour_is_due_when_it_has_been_over_for_as_long_as_the_contract_says() -> None:
    assert watched([]).due == ALL_DUE
    a_little_earlier = NOW - timedelta(minutes=21)
    assert FEED.expected.due(FEED.starts, None, a_little_earlier)[-1] == LAST_DUE.plus(-1)


@given(
    st.integers(0, 168),
    st.integers(1, 600),
    st.integers(-100, 100),
    st.integers(1, 100),
)
def test_due_hours_follow_each_other_within_the_contract(
    count: int, within_minutes: int, start: int, length: int
) -> None:
    within = timedelta(minutes=within_minutes)
    expected = Expected(hours=count, within=within, stale_after=timedelta(days=2))
    starts = LAST_DUE.plus(start)
    due = expected.due(starts, starts.plus(length), NOW)
    assert len(due) <= count
    assert due == (list(due[0].through(due[-1])) if due else [])
    for hour in due:
        assert starts <= hour < starts.plus(length)
        assert hour.plus(1).start + within <= NOW
    older = [due[0].plus(-1)] if due and due[0] > starts else []
    assert all(expected.is_due(hour, starts, starts.plus(length), NOW) for hour in (*due, *older))
    assert not any(
        expected.is_due(h, starts, None, NOW) for h in (starts.plus(-1), LAST_DUE.plus(11))
    )


def test_all_due_hours_in_the_ledger_pass() -> None:
    first, *_ = ALL_DUE
    corrected = HourState(first, State.CORRECTED, is_in_ledger=True)
    verdict = completeness(watched(ALL_DUE), found(corrected))
    assert verdict.grade == "passed"
    assert (verdict.facts["hours_missing"], verdict.facts["hours_stale"]) == (0, 0)
    assert "All 4 hours up to 2014-01-10-09" in verdict.text


def test_missing_hours_are_named_with_what_became_of_each() -> None:
    first, second, third, fourth = ALL_DUE
    minute = timedelta(minutes=1)
    verdict = completeness(
        watched([first]),
        found(
            waiting(first, State.STALE, timedelta(hours=1)),
            waiting(second, State.BLOCKED, minute, "MANIFEST_INVALID"),
            waiting(third, State.LANDED, minute),
            HourState(fourth, State.MISSING, is_in_ledger=False),
        ),
    )
    assert verdict.grade == "error"
    assert (verdict.facts["hours_missing"], verdict.facts["hours_stale"]) == (3, 1)
    assert verdict.facts["hours"] == [str(hour) for hour in ALL_DUE]
    absent, refused, landed, stale = verdict.text.splitlines()[2:]
    assert f"no manifest has landed: {fourth}." in absent
    assert f"blocked by MANIFEST_INVALID: {second}." in refused
    assert f"landed and not loaded: {third}." in landed
    assert f"stale, a newer manifest waits: {first}." in stale


@pytest.mark.parametrize(("waited", "grade"), [(29, "passed"), (31, "error")])
def test_a_corrected_hour_is_stale_once_its_load_has_taken_longer_than_promised(
    waited: int, grade: str
) -> None:
    stale = waiting(LAST_DUE, State.STALE, timedelta(minutes=waited))
    verdict = completeness(watched(ALL_DUE), found(stale))
    assert (verdict.grade, verdict.facts["hours_stale"]) == (grade, int(grade == "error"))


def test_a_backfilled_old_hour_makes_no_stale_table_look_fresh() -> None:
    old = Hour.parse("2013-02-01-05")
    just_loaded = entry(old, took=NOW - old.plus(1).start)
    stale = Watched(FEED, NOW, [just_loaded, entry(LAST_DUE.plus(-5))])
    verdict = freshness(stale)
    assert verdict.grade == "error"
    assert verdict.facts["newest_hour_utc"] == "2014-01-10-04"


@pytest.mark.parametrize(
    ("newest", "grade"),
    [(0, "passed"), (-1, "warn"), (-3, "warn"), (-4, "error")],
)
def test_a_newest_hour_is_fresh_then_overdue_then_stale(newest: int, grade: str) -> None:
    verdict = freshness(watched([LAST_DUE.plus(newest)]))
    assert verdict.grade == grade, verdict.text


def test_a_load_that_took_long_warns() -> None:
    verdict = freshness(watched([LAST_DUE], took=timedelta(minutes=31)))
    assert verdict.grade == "warn"
    assert verdict.facts["manifest_to_ledger_seconds"] == 31 * 60
    assert "took 31 min from its manifest" in verdict.text


def test_a_source_that_has_ended_is_neither_incomplete_nor_stale() -> None:
    ended = FEED.model_copy(update={"ends": Hour.parse("2014-01-01-00")})
    of = Watched(ended, NOW, [entry(Hour.parse("2013-12-31-20"))])
    assert completeness(of, []).grade == freshness(of).grade == "passed"


def test_a_live_source_that_never_loaded_is_stale() -> None:
    assert freshness(watched([])).grade == "error"


def of_weeks(rows: int, past: list[int]) -> Watched:
    weeks = [entry(LAST_DUE.plus(-A_WEEK * n), count) for n, count in enumerate(past, start=1)]
    return Watched(FEED, NOW, [entry(LAST_DUE, rows), *weeks])


@pytest.mark.parametrize(
    ("rows", "past", "grade"),
    [
        (100, [90, 110, 100, 105], "passed"),
        (40, [90, 110, 100, 105], "warn"),
        (0, [90, 110, 100, 105], "warn"),
        (200, [100, 100, 100, 100], "warn"),
        (125, [100, 100, 100, 100], "passed"),  # it hardly ever varies, and that is all
        (160, [50, 150, 100, 180], "passed"),  # it always varies
        (0, [100, 100, 100], "passed"),  # too few weeks to know
        (0, [0, 0, 0, 0], "passed"),
    ],
)
def test_an_hour_is_odd_beside_what_past_weeks_and_their_spread_say(
    rows: int, past: list[int], grade: str
) -> None:
    verdict = volume(of_weeks(rows, past))
    assert verdict.grade == grade, verdict.text
    if grade == "warn":
        assert verdict.facts["hours"] == [str(LAST_DUE)]


def test_a_short_history_is_said_and_not_warned_of() -> None:
    verdict = volume(of_weeks(0, [100, 100]))
    assert (verdict.grade, verdict.facts["hours_compared"]) == ("passed", 0)
    assert "4 weeks of history" in verdict.text


@given(st.lists(st.integers(0, 10_000), min_size=4, max_size=WEEKS))
def test_the_median_of_past_weeks_is_never_odd(past: list[int]) -> None:
    usual = sorted(past)[len(past) // 2]
    if len(past) % 2:
        assert volume(of_weeks(usual, past)).grade == "passed"


def test_every_hour_that_is_compared_is_read() -> None:
    read = stretches_to_read([FEED], NOW)
    for hour in ALL_DUE:
        for week in range(WEEKS + 1):
            assert any(first <= hour.plus(-A_WEEK * week) <= last for first, last in read)


def test_hours_in_a_row_are_named_by_their_ends() -> None:
    hours = [*ALL_DUE[:3], LAST_DUE.plus(4)]
    assert hours_text(hours) == "2014-01-10-06 to 2014-01-10-08, 2014-01-10-13"
    assert hours_text(LAST_DUE.plus(2 * n) for n in range(20)).endswith("and 8 stretches more")


def test_a_contract_that_is_only_watched_otherwise_needs_no_conversion() -> None:
    assert contract("feed").digest == FEED.digest


def test_stale_before_due_is_refused() -> None:
    with pytest.raises(ValueError, match=r"6h is over before the next hour is due; expected 7h"):
        Expected.model_validate({"within": "6h"})


@pytest.mark.parametrize("text", ["0h", "2 h", "h", "-1h", "1.5h", 2])
def test_a_duration_is_a_number_and_a_unit(text: object) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        Expected.model_validate({"within": text})
