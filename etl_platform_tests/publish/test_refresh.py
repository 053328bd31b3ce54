"""What one refresh makes anew: the hours that changed and no others, or everything and why."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform.contract.aggregate import AggregateDefinition
from etl_platform.contract.errors import AggregateAstray, CommitUnknown, TargetDiffers
from etl_platform.load.transaction import RetryPolicy
from etl_platform.publish.refresh import Refresher
from etl_platform_tests.load.doubles import Fault, FaultyConnections
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.publish.samples import GONE, Batch, Published, aggregate, at, source

QUERY = """\
SELECT date_trunc('hour', e."at") AS hour, n.value, count(*) AS events
FROM {events} AS e LEFT JOIN {names} AS n ON n.id = e.id
GROUP BY 1, 2 -- of an hour"""
HARD = {"column": "value", "values": [GONE], "method": "hard"}
EVENTS, NAMES = 0, 1
MADE = ("hours", "first_hour", "last_hour")


def definition(query: str = QUERY, **changes: Any) -> AggregateDefinition:
    events = source("upsert", version="revision", deleted=HARD)
    names = source("refresh", key=())
    return aggregate({"events": (events, "at"), "names": (names, None)}, query, **changes)


@pytest.fixture(scope="module")
def shared(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published.made(endpoint, tmp_path_factory.mktemp("storage"), definition())


@pytest.fixture
def published(shared: Published) -> Published:
    """An aggregate that has seen one event in each of three hours, all of them named `one`."""
    shared.clear()
    shared.load(NAMES, Batch(0, 0, ((1, at(0), 0, "one"),)))
    shared.load(EVENTS, Batch(0, 0, tuple((1, at(hour, 30), 0, "") for hour in range(3))))
    shared.refresh()
    return shared


def test_the_first_refresh_makes_everything(published: Published) -> None:
    assert published.rows == [(at(hour).replace(tzinfo=None), "one", 1) for hour in range(3)]


def test_a_refresh_without_news_changes_nothing_and_says_so(published: Published) -> None:
    done = published.refresh()
    assert (done.made_anew, done.number, done.rows_inserted) == ("nothing", 1, 0)


def test_of_a_late_hour_only_the_hours_of_its_rows_are_made_anew(published: Published) -> None:
    published.execute(f"UPDATE {published.table.table.sql} SET events = 99")
    published.load(EVENTS, Batch(5, 0, ((2, at(1, 10), 0, ""),)))
    done = published.refresh()
    assert {name: done.facts[name] for name in MADE} == {
        "hours": 1,
        "first_hour": "2026-11-23-01",
        "last_hour": "2026-11-23-01",
    }
    # The mark shows which rows were left alone.
    assert published.rows == [
        (at(0).replace(tzinfo=None), "one", 99),
        (at(1).replace(tzinfo=None), "one", 1),
        (at(1).replace(tzinfo=None), None, 1),
        (at(2).replace(tzinfo=None), "one", 99),
    ]


def test_a_deletion_empties_its_hour(published: Published) -> None:
    published.load(EVENTS, Batch(1, 0, ((1, at(2, 30), 1, GONE),)))
    done = published.refresh()
    assert (done.hours, done.rows_deleted, done.rows_inserted) == ((at(2),), 1, 0)
    assert [row[0] for row in published.rows] == [at(h).replace(tzinfo=None) for h in range(2)]


def test_a_late_row_that_fills_a_null_of_a_newer_one_is_found_in_the_journal(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    merged = QUERY.replace("n.value", "max(e.value) AS value").replace(
        "GROUP BY 1, 2", "GROUP BY 1"
    )
    events, names = source("upsert", null_means="keep"), source("refresh", key=())
    of = aggregate({"events": (events, "at"), "names": (names, None)}, merged)
    published = Published.made(endpoint, tmp_path, of)
    published.load(EVENTS, Batch(2, 0, ((1, at(0, 30), 0, None),)))
    published.refresh()
    # The row keeps the batch of the newer one, so only the journal knows of this batch.
    published.load(EVENTS, Batch(1, 0, ((1, at(0, 30), 0, "late"),)))
    assert published.refresh().hours == (at(0),)
    assert [row[1] for row in published.rows] == ["late"]


def test_a_batch_that_lost_to_newer_rows_makes_nothing_anew(published: Published) -> None:
    published.load(EVENTS, Batch(7, 0, ((1, at(0, 30), 5, ""),)))
    published.refresh()
    published.load(EVENTS, Batch(6, 0, ((1, at(0, 30), 4, ""),)))
    done = published.refresh()
    assert (done.made_anew, done.batches, done.hours) == ("hours", 1, ())
    assert published.refresh().made_anew == "nothing"


def test_a_source_without_an_hour_makes_everything_anew(published: Published) -> None:
    published.load(NAMES, Batch(1, 0, ((1, at(0), 0, "uno"),)))
    done = published.refresh()
    assert done.made_anew == "whole"
    assert {row[1] for row in published.rows} == {"uno"}


def test_an_outdated_delivery_of_such_a_source_changes_nothing(published: Published) -> None:
    published.load(NAMES, Batch(2, 0, ((1, at(0), 0, "uno"),)))
    published.refresh()
    published.load(NAMES, Batch(1, 0, ((1, at(0), 0, "late"),)))
    assert published.refresh().made_anew == "nothing"


def test_a_table_that_was_made_again_makes_everything_anew(published: Published) -> None:
    published.sources[EVENTS].clear()
    assert published.refresh().cause == "1 batches are no longer in the ledger"
    assert published.rows == []


def test_another_query_makes_everything_anew(published: Published) -> None:
    old = published.aggregate
    other = AggregateDefinition(old.contract, old.query.replace("count(*)", "2"), old.sources)
    changed = Published(published.endpoint, other, published.sources)
    assert changed.refresh().cause == "the aggregate was redefined"
    assert {row[2] for row in changed.rows} == {2}


def test_everything_can_be_asked_for(published: Published) -> None:
    assert published.refresh(whole=True).cause == "it was asked for"
    assert len(published.rows) == 3


def test_the_history_says_what_each_refresh_did(published: Published) -> None:
    published.load(EVENTS, Batch(5, 0, ((2, at(1, 10), 0, ""),)))
    published.refresh()
    history = published.select(
        "SELECT number, made_anew, batches, hours, rows_deleted, rows_inserted"
        f" FROM etl_platform.aggregates WHERE aggregate = '{published.table.name}'"
    )
    assert history == [(1, "whole", 2, None, 0, 3), (2, "hours", 1, 1, 1, 2)]


@pytest.mark.parametrize(
    "hour", ['e."at"', "date_trunc('hour', e.\"at\") + INTERVAL '1 hour'"], ids=["part", "other"]
)
def test_a_query_that_gives_other_hours_is_refused_and_changes_nothing(
    endpoint: Endpoint, tmp_path: Path, hour: str
) -> None:
    astray = definition(QUERY.replace("date_trunc('hour', e.\"at\")", hour))
    published = Published.made(endpoint, tmp_path, astray)
    published.load(EVENTS, Batch(0, 0, ()))
    published.refresh()
    published.load(EVENTS, Batch(1, 0, ((1, at(3, 30), 0, ""),)))
    with pytest.raises(AggregateAstray, match="gives 1 rows whose hour"):
        published.refresh()
    assert published.rows == []


@pytest.mark.parametrize("is_done", [True, False], ids=["committed", "lost"])
def test_after_a_lost_answer_to_commit_the_next_attempt_does_what_is_left(
    published: Published, is_done: bool
) -> None:
    published.load(EVENTS, Batch(5, 0, ((2, at(1, 10), 0, ""),)))
    lost = Fault(CommitUnknown("a transaction", "the line is dead"), after=is_done)
    connect = FaultyConnections(published.endpoint.connect, {"COMMIT": [lost]})
    retry = RetryPolicy(attempts=2, first_wait_s=0)
    done = Refresher(published.table, "test", connect, retry).refresh()
    assert done.made_anew == ("nothing" if is_done else "hours")
    assert done.number == 2
    assert len(published.rows) == 4


def test_bootstrap_finds_the_table_as_it_made_it(published: Published) -> None:
    assert published.bootstrap() == []


def test_a_table_that_was_dropped_is_made_and_filled_again(published: Published) -> None:
    published.execute(f"DROP TABLE {published.table.table.sql}")
    assert published.bootstrap() == [str(published.table.table)]
    assert published.refresh().cause == "it is the first refresh"
    assert len(published.rows) == 3


def test_a_table_with_other_columns_is_refused(published: Published) -> None:
    contract = published.aggregate.contract
    columns = [*contract.columns, contract.columns[1].model_copy(update={"name": "more"})]
    wider = contract.model_copy(update={"columns": tuple(columns)})
    other = AggregateDefinition(wider, published.aggregate.query, published.aggregate.sources)
    with pytest.raises(TargetDiffers, match="more character varying"):
        Published(published.endpoint, other, published.sources).bootstrap()
