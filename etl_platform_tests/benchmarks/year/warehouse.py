"""A warehouse that keeps the promises of the load, and forgets nothing that was done to it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from etl_platform.components.forgotten import Loaded
from etl_platform.contract.batch import Batch
from etl_platform.contract.errors import WarehouseUnavailable
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location
from etl_platform.load.ledger import Entry, Outcome
from etl_platform_tests.benchmarks.year.feed import Buckets
from etl_platform_tests.benchmarks.year.world import NAMES


@dataclass
class Warehouse:
    """The rows of each hour are the texts of its files. What is promised of the transaction itself
    other tests hold; here it is what the load is: whole, and once by its ledger."""

    buckets: Buckets
    rows: dict[tuple[str, Hour], list[str]] = field(default_factory=dict)
    ledger: dict[str, Entry] = field(default_factory=dict)
    found_loaded: int = 0
    """Batches that a run brought and that were there."""
    _newest: dict[tuple[str, Hour], datetime] = field(default_factory=dict)

    def load(self, batches: Sequence[Batch], run_id: str, now: datetime) -> dict[Hour, str]:
        """What a report says of each batch."""
        return {batch.hour: self._load(batch, run_id, now) for batch in batches}

    def entries(self, source: str) -> list[Entry]:
        return [entry for entry in self.ledger.values() if entry.source == source]

    @contextmanager
    def ledgers(self) -> Iterator[Loaded]:
        if self.is_out:
            raise WarehouseUnavailable(NAMES.namespace, "paused")
        yield lambda _, batch_ids: {b: self.ledger[b] for b in batch_ids if b in self.ledger}

    @property
    def is_out(self) -> bool:
        # Every second outage is one of the warehouse, the others are of S3.
        world = self.buckets.world
        return any(stretch.has(world.now) for stretch in world.outages[::2])

    def _load(self, batch: Batch, run_id: str, now: datetime) -> str:
        if batch.batch_id in self.ledger:
            self.found_loaded += 1
            return "already"
        place = batch.source, batch.hour
        newest = self._newest.get(place)
        is_outdated = newest is not None and newest > batch.manifest_at
        texts = [
            self.buckets.read(Location(file.bucket, file.key), file.version_id).decode()
            for file in batch.files
        ]
        if not is_outdated:
            self.rows[place] = texts
            self._newest[place] = batch.manifest_at
        self.ledger[batch.batch_id] = Entry(
            target=f"public.{batch.source}",
            source=batch.source,
            hour=batch.hour,
            batch_id=batch.batch_id,
            manifest_version=batch.manifest_version,
            manifest_at=batch.manifest_at,
            outcome=Outcome.OUTDATED if is_outdated else Outcome.LOADED,
            rows_read=len(texts),
            rows_written=len(texts),
            rows_rejected=0,
            rows_superseded=0,
            rows_applied=0 if is_outdated else len(texts),
            rows_outdated=0,
            files=len(batch.files),
            size_bytes=batch.size_bytes,
            contract_digest="",
            order_id="",
            run_id=run_id,
            loaded_at=now,
        )
        return "outdated" if is_outdated else "done"
