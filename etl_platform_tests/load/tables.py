"""Tables of a real warehouse that batches held in memory are loaded into."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from etl_platform.contract.batch import Batch
from etl_platform.contract.commit import Commit, ParquetFile
from etl_platform.contract.layout import part
from etl_platform.contract.order import Report
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load.ledger import Run
from etl_platform.load.quoting import Identifier, Literal, RoleArn, joined
from etl_platform.load.target import Target
from etl_platform.load.transaction import Loader, RetryPolicy
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.doubles import Faults, FaultyConnections, Inserting
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
    files: dict[str, list[list[Literal]]] = field(default_factory=dict)
    """The rows of each file, by its URL."""

    def clear(self) -> None:
        target = Target(self.contract)
        with self.endpoint.connect() as warehouse:
            for table in filter(
                None, (target.table, target.ledger, target.tombstones, target.journal)
            ):
                warehouse.execute(f"DELETE FROM {table.sql}", name="the reset")
            warehouse.commit()

    def load(
        self, samples: Sequence[Arrival], faults: Faults | None = None, attempts: int = 1
    ) -> None:
        """Load together. With one attempt a fault is a crash of the job."""
        assert all(report.error is None for report in self.reports(samples, faults, attempts))

    def reports(
        self, samples: Sequence[Arrival], faults: Faults | None = None, attempts: int = 1
    ) -> list[Report]:
        """What a load of samples says of them."""
        commits = [self._commit(sample) for sample in samples]
        loader = Loader(
            Target(self.contract),
            NAMES,
            ROLE,
            Run("order", "run"),
            FaultyConnections(self.connect, {} if faults is None else faults),
            self.storage,
            RetryPolicy(attempts=attempts),
            lambda _: None,
        )
        return list(loader.load(commits))

    def connect(self) -> AbstractContextManager[Warehouse]:
        """A connection whose COPY finds the rows of the samples that were loaded."""
        return self._connected()

    @contextmanager
    def _connected(self) -> Iterator[Warehouse]:
        with self.endpoint.connect() as warehouse:
            yield Inserting(warehouse, self.storage, self.files)

    def _commit(self, sample: Arrival) -> Commit:
        made: Batch = batch(self.contract, sample.hour, sample.manifest)
        attempt = NAMES.attempt(made.source, made.hour, made.batch_id, "a1")
        place = part(attempt, 0, 0)
        file = ParquetFile(bucket=place.bucket, key=place.key, size_bytes=1, rows=len(sample.rows))
        self.files[file.url] = [
            [*(Literal(value) for value in row), Literal(made.hour.start), Literal(made.batch_id)]
            for row in sample.rows
        ]
        self.storage.write(place, b"{}")
        told = commit(self.contract, made, [file] if sample.rows else [])
        where = NAMES.commit(made.source, made.hour, made.batch_id)
        self.storage.write(where, told.model_dump_json().encode())
        return told

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
