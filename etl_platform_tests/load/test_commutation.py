"""The table is a function of the set of batches, whatever their order, grouping and repetition.

Against a real warehouse; the expected table is computed by a model of a few lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform.load.target import Target
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import contract
from etl_platform_tests.load.tables import Table

DELETED = "gone"


def _load(method: str, version: str | None) -> dict[str, Any]:
    deleted = {"column": "value", "values": [DELETED], "method": method}
    return {"strategy": "upsert", "version": version, "deleted": deleted}


def _merge(version: str | None) -> dict[str, Any]:
    return {"strategy": "upsert", "version": version, "method": "merge"}


CONTRACTS = {
    "upsert by version": contract("upsert", "revision"),
    "upsert by hour": contract("upsert"),
    "upsert by version, soft deletes": contract("upsert", load=_load("soft", "revision")),
    "upsert by version, hard deletes": contract("upsert", load=_load("hard", "revision")),
    "upsert by hour, hard deletes": contract("upsert", load=_load("hard", None)),
    "upsert by version, merge": contract("upsert", load=_merge("revision")),
    "upsert by hour, merge": contract("upsert", load=_merge(None)),
    "upsert by version, soft deletes, merge": contract(
        "upsert", load=_load("soft", "revision") | {"method": "merge"}
    ),
    "append": contract("append"),
    "refresh": contract("refresh"),
    "refresh by truncate": contract("refresh", load={"strategy": "refresh", "method": "truncate"}),
    "refresh by swap": contract("refresh", load={"strategy": "refresh", "method": "swap"}),
}


@dataclass(frozen=True)
class Sample:
    """A batch that says in every row where it came from."""

    hour: int
    manifest: int
    revisions: tuple[tuple[int, tuple[int, bool]], ...]
    """Of each key its revision, and whether the row says that the key is deleted."""

    @property
    def rows(self) -> set[tuple[int, int, str]]:
        origin = f"{self.hour}.{self.manifest}"
        return {
            (number, revision, DELETED if is_deleted else origin)
            for number, (revision, is_deleted) in self.revisions
        }


@dataclass(frozen=True)
class History:
    """Batches, each version of an hour once, and the loads in which they arrive."""

    samples: tuple[Sample, ...]
    loads: tuple[tuple[Sample, ...], ...]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Hours with corrections, in any order, cut into ranges, some of them loaded again."""
    places = draw(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=6))
    revision = st.tuples(st.integers(0, 2), st.booleans())
    revisions = st.dictionaries(st.integers(0, 3), revision, max_size=4)
    samples = tuple(
        Sample(hour, manifest, tuple(sorted(draw(revisions).items())))
        for hour, manifest in sorted(places)
    )
    arrivals = list(draw(st.permutations(samples)))
    arrivals += draw(st.lists(st.sampled_from(samples), max_size=3))
    loads = []
    while arrivals:
        size = draw(st.integers(1, len(arrivals)))
        loads.append(tuple(dict.fromkeys(arrivals[:size])))
        arrivals = arrivals[size:]
    return History(samples, tuple(loads))


def expected(kind: str, samples: Sequence[Sample]) -> list[tuple[int, int, str]]:
    """What each strategy promises, said once more."""
    ordered = sorted(samples, key=lambda sample: (sample.hour, sample.manifest))
    if kind.startswith("refresh"):
        return list(ordered[-1].rows)
    if kind == "append":
        latest = {sample.hour: sample for sample in ordered}
        return [row for sample in latest.values() for row in sample.rows]
    newest: dict[int, tuple[int, int, str]] = {}
    for sample in ordered:
        for row in sorted(sample.rows):
            known = newest.get(row[0])
            if "by hour" in kind or known is None or row[1] >= known[1]:
                newest[row[0]] = row
    removed = "hard" in kind
    return [row for row in newest.values() if not (removed and row[2] == DELETED)]


@pytest.fixture(scope="module")
def tables(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    endpoint.bootstrap(*CONTRACTS.values())
    root: Path = tmp_path_factory.mktemp("storage")
    return {kind: Table(endpoint, c, DirectoryStorage(root)) for kind, c in CONTRACTS.items()}


@pytest.mark.parametrize("kind", CONTRACTS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=histories())
def test_the_table_depends_on_the_set_of_batches_only(
    tables: dict[str, Table], kind: str, history: History
) -> None:
    table = tables[kind]
    table.clear()
    for samples in history.loads:
        table.load(samples)
    assert sorted(table.rows) == sorted(expected(kind, history.samples))


@pytest.mark.parametrize(
    "kind", ["upsert by version, soft deletes", "upsert by version, soft deletes, merge"]
)
def test_the_mark_of_a_deleted_row_follows_the_newest_row_of_its_key(
    tables: dict[str, Table], kind: str
) -> None:
    table = tables[kind]
    table.clear()
    table.load([Sample(0, 0, ((1, (2, True)), (2, (2, True)), (3, (0, False))))])
    table.load([Sample(1, 0, ((1, (1, False)), (2, (3, False))))])
    with table.endpoint.connect() as warehouse:
        marked = warehouse.fetch(
            f"SELECT id, _deleted FROM {Target(table.contract).table.sql} ORDER BY id",
            name="the marks",
        )
    assert marked == [(1, True), (2, False), (3, False)]
