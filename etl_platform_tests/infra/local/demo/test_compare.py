from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from etl_platform.contract.hour import Hour
from etl_platform.load.ledger import Entry, Outcome
from etl_platform.status import LandedHour
from infra.local.demo.compare import differences
from infra.local.demo.dirt import Dirt, Spot
from infra.local.demo.follow import Seen
from infra.local.demo.recount import Counted, recount

HOUR = Hour.parse("2013-01-01-12")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def counted() -> Counted:
    return recount("weather", str(HOUR), str(HOUR), [Spot("weather", str(HOUR), Dirt.DOUBLED_ROW)])


@pytest.fixture
def seen() -> Seen:
    entry = Entry(
        target="nyc.weather",
        source="weather",
        hour=HOUR,
        batch_id="b",
        manifest_version="1",
        manifest_at=NOW,
        outcome=Outcome.LOADED,
        rows_read=4,
        rows_written=3,
        rows_rejected=0,
        rows_superseded=1,
        rows_applied=3,
        rows_outdated=0,
        files=1,
        size_bytes=1,
        contract_digest="",
        order_id="",
        run_id="",
        loaded_at=NOW,
    )
    return Seen([LandedHour(HOUR, "1", "b", NOW)], {"b": entry})


def test_what_agrees_has_no_differences(counted: Counted, seen: Seen) -> None:
    assert differences(counted, seen, counted.rows) == []


@pytest.mark.parametrize(
    "field", ["rows_read", "rows_rejected", "rows_superseded", "rows_written", "rows_applied"]
)
def test_every_count_of_the_ledger_is_held_against_the_recount(
    counted: Counted, seen: Seen, field: str
) -> None:
    entry = seen.entries["b"]
    seen.entries = {"b": replace(entry, **{field: getattr(entry, field) + 1})}
    assert differences(counted, seen, counted.rows)


def test_a_row_too_many_and_a_row_too_few_are_both_shown(counted: Counted, seen: Seen) -> None:
    row = next(iter(counted.rows))
    changed = (*row[:-1], -1.0)
    found = differences(counted, seen, counted.rows - Counter([row]) + Counter([changed]))
    assert [text.split(": ")[1].split(" of ")[0].split(" in ")[0] for text in found] == [
        "1 rows",
        "1 rows",
    ]
    assert repr(changed) in found[0]
    assert repr(row) in found[1]


def test_a_row_that_is_there_twice_is_a_difference(counted: Counted, seen: Seen) -> None:
    assert differences(counted, seen, counted.rows + Counter([next(iter(counted.rows))]))


def test_an_hour_blocked_against_expectation_is_a_difference(counted: Counted, seen: Seen) -> None:
    seen.blocked["2013-01-01-12"] = "why"
    (found,) = differences(counted, seen, counted.rows)
    assert "hours blocked" in found


def test_hours_neither_loaded_nor_blocked_are_waiting(seen: Seen) -> None:
    assert seen.waiting == []
    seen.entries = {}
    assert [item.hour for item in seen.waiting] == [HOUR]
    seen.blocked[str(HOUR)] = "why"
    assert seen.waiting == []
