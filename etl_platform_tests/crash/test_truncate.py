"""A refresh that truncates dies between its two transactions: nothing is claimed, and the next load
ends it."""

import pytest

from etl_platform.load.ledger import Outcome
from etl_platform.load.target import Target
from etl_platform_tests.crash.feeds import Loads
from etl_platform_tests.crash.places import TRUNCATE, WAYS


@pytest.fixture
def truncating(loads: Loads) -> Loads:
    return Loads.new(loads.endpoint, strategy="refresh", method="truncate")


def _outcomes(loads: Loads) -> list[str]:
    ledger = Target(loads.contract).ledger.sql
    return [str(row[0]) for row in loads.ask(f"SELECT outcome FROM {ledger} ORDER BY hour")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", TRUNCATE)
def test_the_table_is_empty_and_the_batch_no_more_than_begun_until_the_load_is_tried_again(
    truncating: Loads, place: str, way: str
) -> None:
    """P1, P4, P8."""
    hour = truncating.batch(2, [(5, 1, "new"), (6, 1, "new")])
    with truncating.start(hour, armed=f"{place}={way}", run="first") as job:
        WAYS[way](job)
    assert truncating.is_free()
    assert truncating.rows == []
    assert _outcomes(truncating) == [Outcome.LOADED, Outcome.BEGUN]
    (report,) = truncating.load(hour, run="second")
    assert report.outcome == "done"
    assert truncating.rows == [(5, 1, "new"), (6, 1, "new")]
    assert _outcomes(truncating) == [Outcome.LOADED, Outcome.LOADED]


def test_an_older_hour_that_comes_meanwhile_ends_what_was_begun(truncating: Loads) -> None:
    """P4: whichever load of the table comes next."""
    newest = truncating.batch(4, [(5, 1, "new")])
    with truncating.start(newest, armed=f"{TRUNCATE[0]}=kill") as job:
        WAYS["kill"](job)
    assert truncating.rows == []
    (report,) = truncating.load(truncating.batch(2, [(9, 1, "older")]))
    assert report.outcome == "outdated"
    assert truncating.rows == [(5, 1, "new")]
    (report,) = truncating.load(newest)
    assert report.outcome in ("already", "done")
    assert truncating.rows == [(5, 1, "new")]
