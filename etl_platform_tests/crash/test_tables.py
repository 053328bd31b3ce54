"""A change of a table and a refresh die; the next one does what is left, and no more."""

from pathlib import Path
from typing import Any

import pytest

from etl_platform.contract.source import SourceContract
from etl_platform.load import evolution
from etl_platform.load.target import SCHEMA_CHANGES, Target
from etl_platform_tests.crash.places import APPLY, REFRESH, WAYS
from etl_platform_tests.crash.processes import step
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import contract
from etl_platform_tests.publish.samples import Batch, Published, aggregate, at, source

COLUMNS = (
    {"name": "id", "type": "integer", "required": True},
    {"name": "value", "type": "varchar(5)"},
)
CHANGED = (COLUMNS[0], {"name": "value", "type": "varchar(50)"}, {"name": "more", "type": "date"})
PLACED = {"strategy": "upsert", "distkey": "id", "sortkey": ["more"]}
QUERY = """\
SELECT date_trunc('hour', e."at") AS hour, e.value, count(*) AS events
FROM {events} AS e GROUP BY 1, 2"""


def _contract(*columns: dict[str, Any], **more: Any) -> SourceContract:
    return contract("upsert", columns=list(columns), key=["id"], **more)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", APPLY)
def test_of_a_change_that_dies_the_next_one_does_what_is_left(
    endpoint: Endpoint, place: str, way: str
) -> None:
    """P4."""
    before = _contract(*COLUMNS)
    endpoint.bootstrap(before)
    after = _contract(*CHANGED, source=before.source, load=PLACED)
    target = Target(after)
    with step("apply", after.model_dump(mode="json", by_alias=True), f"{place}={way}") as applying:
        WAYS[way](applying)
    with endpoint.connect() as warehouse:
        left = evolution.plan(warehouse, target)
    assert [change.alone for change in left] == [False, True]
    assert evolution.apply(endpoint.connect, target) == left
    with endpoint.connect() as warehouse:
        assert evolution.plan(warehouse, target) == []
        recorded = warehouse.fetch(
            f"SELECT statement FROM {SCHEMA_CHANGES.sql} WHERE source = %s",
            [after.source],
            name="the record",
        )
    assert len(recorded) == 3


@pytest.fixture
def published(endpoint: Endpoint, tmp_path: Path) -> Published:
    """An aggregate of one event, and a second event that it has not seen yet."""
    events = source("upsert", version="revision")
    made = Published.made(endpoint, tmp_path, aggregate({"events": (events, "at")}, QUERY))
    made.load(0, Batch(0, 0, ((1, at(0), 0, "one"),)))
    made.refresh()
    made.load(0, Batch(1, 0, ((2, at(1), 0, "two"),)))
    return made


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", REFRESH)
def test_a_refresh_that_dies_leaves_all_or_nothing_and_the_next_one_ends_it(
    published: Published, place: str, way: str
) -> None:
    """P1, P2, P4."""
    definition = published.aggregate
    asked = {
        "aggregate": definition.contract.model_dump(mode="json", by_alias=True),
        "query": definition.query,
        "sources": [
            of.model_dump(mode="json", by_alias=True) for of in definition.sources.values()
        ],
    }
    with step("refresh", asked, f"{place}={way}") as refreshing:
        WAYS[way](refreshing)
    first = (at(0).replace(tzinfo=None), "one", 1)
    both = [first, (at(1).replace(tzinfo=None), "two", 1)]
    is_made = place == "refresh.after_commit"
    assert published.rows == (both if is_made else [first])
    done = published.refresh()
    assert (done.number, done.made_anew) == (2, "nothing" if is_made else "hours")
    assert published.rows == both
