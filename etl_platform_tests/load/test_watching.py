"""Hours that should be there, as many rows as usual, and one row of each key: told by the ledger
and the table of a real warehouse."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl_platform.components.checks import completeness, doubled_keys, uniqueness, volume
from etl_platform.contract.hour import Hour
from etl_platform.contract.source import SourceContract
from etl_platform.ingest.blocked import write_blocked
from etl_platform.load.quoting import Identifier, Literal
from etl_platform.load.sql import insert_rows
from etl_platform.load.target import Target
from etl_platform.status import StatusReader
from etl_platform.watching import Missing, expected_hours, missing_hours, unusual_hours
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import NAMES, START, contract
from etl_platform_tests.load.test_reconcile import Hours

NOW = START.plus(48).start + timedelta(minutes=20)
WEEK = 7 * 24


def _feed(**watch: object) -> SourceContract:
    return contract("append", watch={"hours": 4, "within_hours": 1, **watch})


def test_an_hour_is_expected_once_it_has_been_over_for_long_enough() -> None:
    hours = expected_hours(_feed(), NOW)
    assert (hours[0], hours[-1], len(hours)) == (START.plus(43), START.plus(46), 4)
    assert expected_hours(_feed(within_hours=0), NOW)[-1] == START.plus(47)


def test_no_hour_is_expected_before_the_start_or_after_the_end() -> None:
    begins = contract("append", starts=str(START.plus(45)), watch={"hours": 4, "within_hours": 1})
    assert expected_hours(begins, NOW) == [START.plus(45), START.plus(46)]
    ended = contract("append", ends="2026-11-01-00")
    assert expected_hours(ended, NOW) == []


@pytest.fixture
def hours(endpoint: Endpoint, tmp_path: Path) -> Hours:
    return Hours(endpoint, _feed(), tmp_path)


def _missing(hours: Hours) -> list[Missing]:
    reader = StatusReader(hours.storage, NAMES, hours.of)
    with hours.endpoint.connect() as warehouse:
        return missing_hours(reader, warehouse, expected_hours(hours.of, NOW))


def test_each_missing_hour_has_its_reason(hours: Hours) -> None:
    first, blocked, waiting, absent = expected_hours(hours.of, NOW)
    hours.land(first, 2, 2, 2)
    for hour in (blocked, waiting):
        hours.storage.write(NAMES.manifest(hours.of.source, hour), b'{"entries": []}')
    (landed,) = StatusReader(hours.storage, NAMES, hours.of).landed([blocked])
    write_blocked(
        hours.storage, NAMES, hours.of.source, blocked, "raw", "MANIFEST_INVALID", "it is bad"
    )
    found = {one.hour: one.why for one in _missing(hours)}
    assert found.pop(waiting) == "landed and not loaded"
    assert found.pop(absent) == "no manifest has landed"
    assert found == {landed.hour: "blocked by MANIFEST_INVALID"}


def test_an_old_hour_that_is_loaded_now_makes_no_source_complete(hours: Hours) -> None:
    hours.land(START.plus(-500), 2, 2, 2)
    assert len(_missing(hours)) == 4


def test_an_hour_whose_manifest_was_written_again_is_missing_until_it_is_loaded(
    hours: Hours,
) -> None:
    looked_at = expected_hours(hours.of, NOW)
    for hour in looked_at:
        hours.land(hour, 2, 2, 2)
    assert _missing(hours) == []
    hours.storage.write(NAMES.manifest(hours.of.source, looked_at[1]), b'{"entries":  []}')
    assert [one.hour for one in _missing(hours)] == [looked_at[1]]


def test_a_source_that_sends_no_empty_hours_misses_none_that_has_not_landed(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    quiet = Hours(endpoint, _feed(empty_hours=False), tmp_path)
    assert _missing(quiet) == []
    hour = expected_hours(quiet.of, NOW)[0]
    quiet.storage.write(NAMES.manifest(quiet.of.source, hour), b'{"entries": []}')
    assert [one.hour for one in _missing(quiet)] == [hour]


def test_an_unusual_number_of_rows_is_seen_against_the_same_hour_of_past_weeks(
    hours: Hours,
) -> None:
    usual, few, young = (START.plus(number) for number in (40, 41, 42))
    for week, rows in enumerate((9, 10, 11), start=1):
        hours.land(usual.plus(-week * WEEK), rows, rows, rows)
        hours.land(few.plus(-week * WEEK), rows, rows, rows)
    hours.land(young.plus(-WEEK), 10, 10, 10)
    for hour, rows in ((usual, 28), (few, 3), (young, 1)):
        hours.land(hour, rows, rows, rows)
    with hours.endpoint.connect() as warehouse:
        unusual, compared = unusual_hours(hours.of, warehouse, [usual, few, young])
    assert compared == 2
    assert [(one.hour, one.rows, one.usual) for one in unusual] == [(few, 3, 10)]


def test_hours_that_are_usually_empty_are_unusual_once_they_are_not(hours: Hours) -> None:
    hour = START.plus(40)
    for week in (1, 2, 3):
        hours.land_empty(hour.plus(-week * WEEK))
    hours.land(hour, 1, 1, 1)
    with hours.endpoint.connect() as warehouse:
        unusual, _ = unusual_hours(hours.of, warehouse, [hour])
    assert [one.rows for one in unusual] == [1]


@pytest.mark.parametrize(("numbers", "doubled"), [((1, 1, 2, 1), 1), ((1, 2, 3), 0), ((), 0)])
def test_a_key_with_more_than_one_row_is_counted(
    endpoint: Endpoint, numbers: tuple[int, ...], doubled: int
) -> None:
    target = Target(contract("upsert", "revision"))
    endpoint.bootstrap(target.contract)
    names = ("id", "revision", "value", "_hour", "_batch_id", "_loaded_at")
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    rows = [
        [Literal(value) for value in (number, 1, "a", moment, "b", moment)] for number in numbers
    ]
    with endpoint.connect() as warehouse:
        if rows:
            statement = insert_rows(target.table, [Identifier(n) for n in names], rows)
            warehouse.execute(statement, name="rows by hand")
        assert doubled_keys(warehouse, target) == doubled


def test_the_results_say_what_happened_and_what_to_do() -> None:
    hour = Hour.parse("2026-11-23-04")
    result = completeness("feed", 24, [Missing(hour, "blocked by REJECT_LIMIT", "See it")])
    assert not result.passed
    assert result.description == (
        "1 of 24 hours are missing, the first 2026-11-23-04: blocked by REJECT_LIMIT. See it."
    )
    assert completeness("feed", 0, []).description == "No hour is expected."
    assert volume("feed", 3, []).passed
    target = Target(contract("upsert"))
    assert not uniqueness(target, 2, is_known=True).passed
    assert "2 keys" in str(uniqueness(target, 2, is_known=True).description)
