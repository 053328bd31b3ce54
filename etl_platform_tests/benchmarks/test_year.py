"""Days of live operation with their faults come out right, whatever the seed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from etl_platform.contract.hour import Hour
from etl_platform_tests.benchmarks.__main__ import SPANS
from etl_platform_tests.benchmarks.year import figures
from etl_platform_tests.benchmarks.year.feed import Quality
from etl_platform_tests.benchmarks.year.recount import Recount
from etl_platform_tests.benchmarks.year.simulation import Year, year
from etl_platform_tests.benchmarks.year.world import TOLD, Odds, Span

FIRST = TOLD, Hour.parse("2014-01-01-00")
HARD = Odds(
    absent_hour=0.03,
    late_hour=0.1,
    rewritten_hour=0.15,
    bad_data=0.05,
    bad_manifest=0.03,
    early_manifest=0.03,
    lost_event=0.1,
    late_event=0.1,
    doubled_event=0.2,
    poison=0.05,
    passing_fault=0.1,
    lost_run=0.04,
    lost_after_commit=0.04,
    unknown_commit=0.03,
    failed_for_good=0.02,
    unaccounted=0.03,
    cancelled=0.02,
    dead_tick=0.05,
    lost_cursor=0.01,
)


def test_hours_are_loaded_once_and_told_though_everything_fails_at_times() -> None:
    """P1, P4, P5, P8."""
    found, growth = figures.of_year(replace(SPANS["quick"], odds=HARD))
    assert [target.text for target in found.targets if not target.is_met] == []
    counts = {row[0]: int(row[1].replace(",", "")) for row in found.rows}
    assert counts["events lost"] > 0
    assert counts["batches that a run brought again, and that were there"] > 0
    assert counts["old runs deleted at the end"] > 0
    assert len(growth.rows) == 2


@pytest.fixture(scope="module")
def quiet() -> Iterator[Year]:
    """Some hours without a fault."""
    none = Odds(**dict.fromkeys(Odds.__dataclass_fields__, 0.0))
    with year(Span(hours=6, clocked_hours=1, downs=0, outages=0, odds=none)) as lived:
        lived.run()
        yield lived


def test_the_recount_finds_an_hour_that_is_not_loaded(
    quiet: Year, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(quiet.warehouse.rows, FIRST)
    assert wrong(quiet) == {"lost": {FIRST}}


def test_the_recount_finds_rows_that_are_there_twice(
    quiet: Year, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(quiet.warehouse.rows, FIRST, quiet.warehouse.rows[FIRST] * 2)
    assert wrong(quiet) == {"lost": {FIRST}}


def test_the_recount_finds_rows_that_nobody_sent(
    quiet: Year, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = TOLD, FIRST[1].plus(-1)
    monkeypatch.setitem(quiet.warehouse.rows, nowhere, ["from nowhere"])
    assert wrong(quiet) == {"unsent": {nowhere}}


def test_the_recount_finds_a_broken_hour_that_is_loaded_and_not_blocked(
    quiet: Year, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(quiet.feed.sent[FIRST], quality=Quality.BAD_DATA)
    monkeypatch.setitem(quiet.feed.sent, FIRST, broken)
    assert wrong(quiet) == {"unsent": {FIRST}, "blocked_otherwise": {FIRST}}


def test_the_recount_finds_a_load_that_dagster_knows_and_the_ledger_does_not(
    quiet: Year, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quiet.warehouse, "ledger", {})
    assert wrong(quiet) == {"told_otherwise": set(quiet.feed.sent)}


def wrong(lived: Year) -> dict[str, set[tuple[str, Hour]]]:
    count = Recount(lived)
    names = ("lost", "unsent", "blocked_otherwise", "told_otherwise", "replayed_in_vain")
    return {name: found for name in names if (found := getattr(count, name))}
