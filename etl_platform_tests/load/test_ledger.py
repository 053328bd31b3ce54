"""What is written into the ledger is what is read from it."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from etl_platform.commands.rendering import table
from etl_platform.contract.commit import Commit, Counts
from etl_platform.contract.hour import Hour
from etl_platform.load import ledger
from etl_platform.load.ledger import Entry, Outcome, Run, Work
from etl_platform.load.ledger_sql import HOUR_COLUMNS
from etl_platform.load.target import HOURS_VIEW, Target
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import START, batch, commit, contract

RUN = Run("order", "jr_1", "dagster-run")


@pytest.fixture
def target(endpoint: Endpoint) -> Target:
    of = contract("append")
    endpoint.bootstrap(of)
    return Target(of)


def _commit(target: Target, hour: int, manifest: int = 0) -> Commit:
    made = commit(target.contract, batch(target.contract, hour, manifest), [])
    counts = Counts(read=9, written=5, rejected=3, superseded=1)
    return made.model_copy(update={"counts": counts})


def _write(endpoint: Endpoint, target: Target, *entries: Entry) -> None:
    with endpoint.connect() as warehouse:
        ledger.write(warehouse, target, entries)
        warehouse.commit()


def test_an_entry_comes_back_with_the_clock_of_the_warehouse(
    endpoint: Endpoint, target: Target
) -> None:
    made = _commit(target, 0)
    entry = replace(Entry.new(target, made, Outcome.LOADED, 4, RUN, Work(7, 1.25)), copy_query_id=7)
    _write(endpoint, target, entry)
    with endpoint.connect() as warehouse:
        found = ledger.loaded(warehouse, target, [made.batch.batch_id, "unknown"])
    (read,) = found.values()
    assert read.loaded_at is not None
    assert read.values == entry.values
    assert (read.rows_read, read.rows_applied, read.rows_outdated) == (9, 4, 1)
    assert (read.dagster_run_id, read.copy_query_id, read.load_seconds) == ("dagster-run", 7, 1.25)
    assert read.version.hour == START


def test_no_batches_are_asked_for_without_a_query(endpoint: Endpoint, target: Target) -> None:
    with endpoint.connect() as warehouse:
        assert ledger.loaded(warehouse, target, []) == {}


def test_a_range_has_both_of_its_ends(endpoint: Endpoint, target: Target) -> None:
    _write(
        endpoint,
        target,
        *(Entry.new(target, _commit(target, h), Outcome.LOADED, 5, RUN) for h in range(4)),
    )
    with endpoint.connect() as warehouse:
        found = ledger.between(warehouse, target, START.plus(1), START.plus(2))
    assert sorted(entry.hour for entry in found) == [START.plus(1), START.plus(2)]


def test_the_newest_entry_is_of_the_latest_manifest_of_the_latest_hour(
    endpoint: Endpoint, target: Target
) -> None:
    with endpoint.connect() as warehouse:
        assert ledger.newest(warehouse, target) is None
    places = [(0, 2), (1, 1), (1, 0)]
    commits = [_commit(target, hour, manifest) for hour, manifest in places]
    entries = [Entry.new(target, made, Outcome.LOADED, 5, RUN) for made in commits]
    _write(endpoint, target, *entries)
    with endpoint.connect() as warehouse:
        newest = ledger.newest(warehouse, target)
    assert newest is not None
    assert newest.batch_id == commits[1].batch.batch_id
    by_hour = ledger.newest_of_each_hour(entries)
    assert [by_hour[START.plus(hour)].batch_id for hour in (0, 1)] == [
        commits[0].batch.batch_id,
        commits[1].batch.batch_id,
    ]


def test_the_summary_has_every_source(endpoint: Endpoint, target: Target) -> None:
    _write(
        endpoint,
        target,
        Entry.new(target, _commit(target, 0), Outcome.LOADED, 5, RUN),
        Entry.new(target, _commit(target, 3), Outcome.OUTDATED, 0, RUN),
    )
    with endpoint.connect() as warehouse:
        (summary,) = [
            line for line in ledger.summary(warehouse) if line.source == target.contract.source
        ]
    assert (summary.hours, summary.batches, summary.outdated, summary.rows_applied) == (2, 2, 1, 5)
    assert summary.newest_hour == START.plus(3)


def test_what_was_loaded_last_is_shown_first(endpoint: Endpoint, target: Target) -> None:
    made = [Entry.new(target, _commit(target, h), Outcome.OUTDATED, 0, RUN) for h in (1, 0, 2)]
    _write(endpoint, target, *made)
    with endpoint.connect() as warehouse:
        found = ledger.latest(warehouse, target, 2)
    assert [entry.hour for entry in found] == [START.plus(2), START.plus(1)]
    shown = dict(zip(ledger.SHOWN, found[1].shown, strict=True))
    assert (shown["hour"], shown["outcome"], shown["rows_rejected"], shown["run_id"]) == (
        "2026-11-23-01",
        "outdated",
        3,
        "jr_1",
    )


def test_a_row_of_millions_fits_into_a_terminal_of_80_columns(target: Target) -> None:
    made = _commit(target, 0)
    counts = Counts(read=9_999_999, written=9_999_999, rejected=0, superseded=0)
    entry = Entry.new(
        target, made.model_copy(update={"counts": counts}), Outcome.OUTDATED, 9_999_999, RUN
    )
    told = replace(entry, rows_rejected=9_999_999, loaded_at=made.converted_at).narrow
    drawn = table(ledger.NARROW, [told])
    assert Console(width=10_000).measure(drawn).maximum <= 80


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 3), st.sampled_from(Outcome)),
        unique_by=lambda place: place[:2],
        max_size=8,
    )
)
def test_the_view_of_the_hours_is_what_the_entries_say(
    endpoint: Endpoint, target: Target, places: list[tuple[int, int, Outcome]]
) -> None:
    made = [Entry.new(target, _commit(target, h, m), o, 5, RUN) for h, m, o in places]
    _clear(endpoint, target)
    if made:
        _write(endpoint, target, *made)
    seen = _hours(endpoint, target)
    newest = ledger.newest_of_each_hour(made)
    before: Hour | None = None
    for row, hour in zip(seen, sorted(newest), strict=True):
        entry, manifests = newest[hour], sum(other.hour == hour for other in made)
        gap = before and (hour.start - before.start) // timedelta(hours=1) - 1
        assert row == {
            "source": entry.source,
            "target": entry.target,
            "hour": hour.start.replace(tzinfo=None),
            "outcome": entry.outcome,
            "manifests": manifests,
            "is_corrected": manifests > 1,
            "missing_before": gap,
            "manifest_at": entry.manifest_at.replace(tzinfo=None),
            "batch_id": entry.batch_id,
            "rows_applied": 5,
        }
        before = hour


def _clear(endpoint: Endpoint, target: Target) -> None:
    with endpoint.connect() as warehouse:
        warehouse.execute(f"DELETE FROM {target.ledger.sql}", name="the reset")
        warehouse.commit()


def _hours(endpoint: Endpoint, target: Target) -> list[dict[str, Any]]:
    """What the view says of a target, without the clock."""
    names = [column.name for column in HOUR_COLUMNS if column.name != "loaded_at"]
    with endpoint.connect() as warehouse:
        rows = warehouse.fetch(
            f"SELECT {', '.join(names)} FROM {HOURS_VIEW.sql} WHERE target = %s ORDER BY hour",
            [str(target.table)],
            name="the hours",
        )
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_the_query_of_the_page_finds_corrected_and_missing_hours(
    endpoint: Endpoint, target: Target
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "load.md").read_text()
    (query,) = re.findall(r"```sql\n(SELECT source, hour.*?)```", page, re.DOTALL)
    places = [(0, 0), (1, 0), (2, 0), (2, 1), (6, 0)]
    made = [Entry.new(target, _commit(target, *p), Outcome.LOADED, 5, RUN) for p in places]
    _write(endpoint, target, *made)
    with endpoint.connect() as warehouse:
        rows = warehouse.fetch(query, name="the query of the page")
    of_target = [row[1:] for row in rows if row[0] == target.contract.source]
    corrected, after_a_gap = (START.plus(hour).start.replace(tzinfo=None) for hour in (2, 6))
    assert of_target == [(corrected, 2, 0), (after_a_gap, 1, 3)]
