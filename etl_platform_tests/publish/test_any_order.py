"""An aggregate that was refreshed now and then is what its query says of the tables at the end.

Against a real warehouse: batches in any order, with corrections, deletions and repetitions, and
refreshes anywhere between them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform.contract.source import SourceContract
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.publish.samples import GONE, Batch, Published, aggregate, at, source

COUNTED = """\
SELECT date_trunc('hour', e."at") AS hour, max(e.value) AS value, count(*) + count(n.id) AS events
FROM {events} AS e LEFT JOIN {names} AS n ON n.id = e.id
GROUP BY 1"""
BY_BATCH_HOUR = """\
SELECT e._hour AS hour, max(n.value) AS value, count(*) AS events
FROM {events} AS e LEFT JOIN {names} AS n ON n."at" = e._hour
GROUP BY e._hour"""
ALL_IN_ONE = """\
SELECT min(e."at") AS hour, n.value, count(*) AS events
FROM {events} AS e LEFT JOIN {names} AS n ON n.id = e.id
GROUP BY n.value"""

HARD = {"column": "value", "values": [GONE], "method": "hard"}


def _reads(
    events: SourceContract, hour: str | None, names: SourceContract, of_names: str | None = None
) -> Mapping[str, tuple[SourceContract, str | None]]:
    return {"events": (events, hour), "names": (names, of_names)}


KINDS = {
    "upsert by version, hard deletes, and a refresh": aggregate(
        _reads(source("upsert", version="revision", deleted=HARD), "at", source("refresh", key=())),
        COUNTED,
    ),
    "upsert by hour": aggregate(
        _reads(source("upsert"), "at", source("upsert", key=("id",))), COUNTED
    ),
    "upsert with a journal": aggregate(
        _reads(source("upsert", null_means="keep"), "at", source("append", key=())), COUNTED
    ),
    "append": aggregate(
        _reads(source("append", key=()), "_hour", source("upsert", version="revision"), "at"),
        BY_BATCH_HOUR,
    ),
    "a whole table, corrections retracted": aggregate(
        _reads(source("upsert", corrected="retract"), None, source("scd2", key=("id",))),
        ALL_IN_ONE,
        grain="table",
        hour=None,
    ),
}


@dataclass(frozen=True)
class Load:
    """A load of one of the sources."""

    source: int
    batch: Batch


@st.composite
def stories(draw: st.DrawFn) -> list[Load | None]:
    """Loads in any order, some of them twice; None is a refresh."""
    # Mostly events: a change of the names makes everything anew, and so hides a mistake.
    which, number, small = st.sampled_from([0, 0, 0, 1]), st.integers(0, 1), st.integers(0, 2)
    places = draw(st.sets(st.tuples(which, small, number), min_size=3, max_size=6))
    values = st.sampled_from(["a", "b", None, GONE])
    rows = st.dictionaries(st.tuples(number, small), st.tuples(small, values), max_size=3)
    loads = [
        Load(
            of,
            Batch(
                hour,
                manifest,
                tuple((id_, at(moment), *rest) for (id_, moment), rest in draw(rows).items()),
            ),
        )
        for of, hour, manifest in sorted(places)
    ]
    story: list[Load | None] = []
    for load in [
        *draw(st.permutations(loads)),
        *draw(st.lists(st.sampled_from(loads), max_size=2)),
    ]:
        story += [load, None] if draw(st.booleans()) else [load]
    return story


@pytest.fixture(scope="module")
def published(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Published]:
    folder: Path = tmp_path_factory.mktemp("storage")
    return {kind: Published.made(endpoint, folder, of) for kind, of in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(story=stories())
def test_the_aggregate_depends_on_the_tables_at_the_end_only(
    published: dict[str, Published], kind: str, story: list[Load | None]
) -> None:
    of = published[kind]
    of.clear()
    for part in story:
        if part is None:
            of.refresh()
        else:
            of.load(part.source, part.batch)
    of.refresh()
    query = of.aggregate.query
    for number, table in enumerate(of.sources):
        query = query.replace(f"{{{table.contract.source}}}", of.name_of(number))
    assert of.rows == of.select(f"SELECT hour, value, events FROM ({query}) AS q")
