"""The table is a function of the set of batches, whatever their order, grouping and repetition.

Against a real warehouse; the expected table is computed by a model of a few lines.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform.contract.batch import Batch
from etl_platform.contract.commit import Commit, ParquetFile
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load.ledger import Run
from etl_platform.load.quoting import Literal, RoleArn
from etl_platform.load.target import Target
from etl_platform.load.transaction import Loader
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.doubles import Inserting
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import NAMES, batch, commit, contract

ROLE = RoleArn("arn:aws:iam::000000000000:role/load-tests-copy")
CONTRACTS = {
    "upsert by version": contract("upsert", "revision"),
    "upsert by hour": contract("upsert"),
    "append": contract("append"),
    "refresh": contract("refresh"),
}


@dataclass(frozen=True)
class Sample:
    """A batch that says in every row where it came from."""

    hour: int
    manifest: int
    revisions: tuple[tuple[int, int], ...]

    @property
    def rows(self) -> set[tuple[int, int, str]]:
        origin = f"{self.hour}.{self.manifest}"
        return {(number, revision, origin) for number, revision in self.revisions}


@dataclass(frozen=True)
class History:
    """Batches, each version of an hour once, and the loads in which they arrive."""

    samples: tuple[Sample, ...]
    loads: tuple[tuple[Sample, ...], ...]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Hours with corrections, in any order, cut into ranges, some of them loaded again."""
    places = draw(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=6))
    revisions = st.dictionaries(st.integers(0, 3), st.integers(0, 2), max_size=4)
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


def expected(kind: str, samples: Sequence[Sample]) -> set[tuple[int, int, str]]:
    """What each strategy promises, said once more."""
    ordered = sorted(samples, key=lambda sample: (sample.hour, sample.manifest))
    if kind == "refresh":
        return ordered[-1].rows
    if kind == "append":
        latest = {sample.hour: sample for sample in ordered}
        return {row for sample in latest.values() for row in sample.rows}
    newest: dict[int, tuple[int, int, str]] = {}
    for sample in ordered:
        for row in sorted(sample.rows):
            known = newest.get(row[0])
            if kind == "upsert by hour" or known is None or row[1] >= known[1]:
                newest[row[0]] = row
    return set(newest.values())


@dataclass
class Table:
    """A table of a real warehouse that samples are loaded into."""

    endpoint: Endpoint
    contract: SourceContract
    storage: DirectoryStorage

    def clear(self) -> None:
        target = Target(self.contract)
        with self.endpoint.connect() as warehouse:
            for table in (target.table, target.ledger):
                warehouse.execute(f"DELETE FROM {table.sql}", name="the reset")
            warehouse.commit()

    def load(self, samples: Sequence[Sample]) -> None:
        rows: dict[str, list[list[Literal]]] = {}
        commits = [self._commit(sample, rows) for sample in samples]

        @contextmanager
        def opened() -> Iterator[Warehouse]:
            with self.endpoint.connect() as warehouse:
                yield Inserting(warehouse, self.storage, rows)

        def connect() -> AbstractContextManager[Warehouse]:
            return opened()

        loader = Loader(
            Target(self.contract), NAMES, ROLE, Run("order", "run"), connect, self.storage
        )
        assert all(report.error is None for report in loader.load(commits))

    def _commit(self, sample: Sample, rows: dict[str, list[list[Literal]]]) -> Commit:
        made: Batch = batch(self.contract, sample.hour, sample.manifest)
        file = ParquetFile(bucket="b", key=made.batch_id, size_bytes=1, rows=len(sample.revisions))
        rows[file.url] = [
            [*(Literal(value) for value in row), Literal(made.hour.start), Literal(made.batch_id)]
            for row in sorted(sample.rows)
        ]
        return commit(self.contract, made, [file] if sample.revisions else [])

    @property
    def rows(self) -> list[tuple[int, int, str]]:
        with self.endpoint.connect() as warehouse:
            found = warehouse.fetch(
                f"SELECT id, revision, value FROM {Target(self.contract).table.sql}",
                name="the rows",
            )
        return [(number, revision, value) for number, revision, value in found]


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
