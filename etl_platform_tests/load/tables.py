"""Tables of a real warehouse that batches held in memory are loaded into."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from etl_platform.contract.batch import Batch
from etl_platform.contract.commit import Commit, ParquetFile
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load.ledger import Run
from etl_platform.load.quoting import Identifier, Literal, RoleArn, joined
from etl_platform.load.target import Target
from etl_platform.load.transaction import Loader
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.doubles import Inserting
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import NAMES, batch, commit

ROLE = RoleArn("arn:aws:iam::000000000000:role/load-tests-copy")


class Arrival(Protocol):
    """One version of an hour, with its rows in the columns of the contract."""

    @property
    def hour(self) -> int: ...

    @property
    def manifest(self) -> int: ...

    @property
    def rows(self) -> Collection[tuple[Any, ...]]: ...


@dataclass
class Table:
    """A table of a real warehouse that samples are loaded into."""

    endpoint: Endpoint
    contract: SourceContract
    storage: DirectoryStorage

    def clear(self) -> None:
        target = Target(self.contract)
        with self.endpoint.connect() as warehouse:
            for table in filter(
                None, (target.table, target.ledger, target.tombstones, target.journal)
            ):
                warehouse.execute(f"DELETE FROM {table.sql}", name="the reset")
            warehouse.commit()

    def load(self, samples: Sequence[Arrival]) -> None:
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

    def _commit(self, sample: Arrival, rows: dict[str, list[list[Literal]]]) -> Commit:
        made: Batch = batch(self.contract, sample.hour, sample.manifest)
        file = ParquetFile(bucket="b", key=made.batch_id, size_bytes=1, rows=len(sample.rows))
        rows[file.url] = [
            [*(Literal(value) for value in row), Literal(made.hour.start), Literal(made.batch_id)]
            for row in sample.rows
        ]
        return commit(self.contract, made, [file] if sample.rows else [])

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """What the table has in the columns of the contract."""
        return self.select([column.name for column in self.contract.columns])

    def select(self, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        names = joined(Identifier(name) for name in columns)
        with self.endpoint.connect() as warehouse:
            found = warehouse.fetch(
                f"SELECT {names} FROM {Target(self.contract).table.sql}", name="the rows"
            )
        return [tuple(row) for row in found]
