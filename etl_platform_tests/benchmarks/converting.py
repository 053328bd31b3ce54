"""The platform's own side: an order converted by one of its engines, on a storage in a folder."""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from etl_platform.contract.batch import Batch, SourceFile
from etl_platform.contract.commit import Commit
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.order import Order, Report
from etl_platform.contract.source import SourceContract
from etl_platform.convert.conversion import convert
from etl_platform.convert.engine import Engine
from etl_platform.convert.single_node import SingleNode
from etl_platform.convert.spark import Spark
from etl_platform_tests.benchmarks.clock import timed
from etl_platform_tests.benchmarks.data import contract
from etl_platform_tests.benchmarks.local_spark import started_session
from etl_platform_tests.fakes.storage import DirectoryStorage

NAMES = Names("benchmarks")
FIRST_HOUR = Hour.parse("2026-01-01-00")


@dataclass(frozen=True)
class LinkedStorage(DirectoryStorage):
    """Hands files over as links: what a network costs is no part of a conversion."""

    def fetch(self, location: Location, version_id: str | None, to: Path) -> None:
        found = self._version(location, version_id)
        assert found is not None
        to.hardlink_to(found)

    def store(self, file: Path, location: Location) -> int:
        self.take(file, location)
        return file.stat().st_size

    def take(self, file: Path, location: Location) -> None:
        """Make a file the only version of an object."""
        folder = self._folder(location)
        folder.mkdir(parents=True)
        (folder / "1").hardlink_to(file)


class NoCatalog:
    """Partitions are none of a conversion's costs."""

    def point_partitions(self, table: str, places: Mapping[Hour, Location]) -> None:
        pass


def main(job: dict[str, Any]) -> None:
    """`hours` is how many of them the files make up, in equal parts."""
    out = Path(job["out"])
    storage = LinkedStorage(out)
    order = landed(job, storage)
    engine = prepared_engine(job["engine"])
    if job["memory_bytes"]:
        pretend_memory(job["memory_bytes"])
    reports: list[Report] = []
    timed(
        lambda: reports.extend(convert(order, engine, storage, NoCatalog())),
        after=lambda: facts(reports, order, storage, out),
    )


def prepared_engine(name: str) -> Engine:
    if name == "single_node":
        return SingleNode()
    started_session()
    return Spark()


def pretend_memory(size_bytes: int) -> None:
    """Let the engine believe that the machine has no more memory than this."""
    pages = size_bytes // os.sysconf("SC_PAGE_SIZE")
    truth = os.sysconf

    def sysconf(name: str | int, /) -> int:
        return pages if name == "SC_PHYS_PAGES" else truth(name)

    os.sysconf = sysconf


def landed(job: dict[str, Any], storage: LinkedStorage) -> Order:
    size = -(-len(job["files"]) // job["hours"])
    cuts = (job["files"][n * size : (n + 1) * size] for n in range(job["hours"]))
    return order_of(contract(job["kind"]), cuts, storage)


def order_of(
    of: SourceContract, hours: Iterable[Sequence[str | Path]], storage: LinkedStorage
) -> Order:
    """The order to convert the files of some hours, which begin with the first."""
    batches = []
    for number, files in enumerate(hours):
        hour = FIRST_HOUR.plus(number)
        batches.append(
            Batch(
                source=of.source,
                hour=hour,
                manifest_url=str(NAMES.manifest(of.source, hour)),
                manifest_version="1",
                manifest_at=datetime(2026, 1, 1, tzinfo=UTC),
                files=tuple(_take(storage, of.source, hour, Path(file)) for file in files),
            )
        )
    return Order(stage="convert", namespace=NAMES.namespace, contract=of, batches=tuple(batches))


def _take(storage: LinkedStorage, source: str, hour: Hour, file: Path) -> SourceFile:
    place = NAMES.raw_folder(source, hour) / file.name
    storage.take(file, place)
    size_bytes = file.stat().st_size
    return SourceFile(bucket=place.bucket, key=place.key, version_id="1", size_bytes=size_bytes)


def facts(
    reports: Sequence[Report], order: Order, storage: LinkedStorage, out: Path
) -> dict[str, Any]:
    """Leave the rows below `rows`; how many records were kept aside."""
    assert [report.outcome for report in reports] == ["done"] * len(order.batches), reports[:3]
    rows = out / "rows"
    rows.mkdir()
    rejected = 0
    for batch in order.batches:
        body = storage.read(NAMES.commit(batch.source, batch.hour, batch.batch_id))
        commit = Commit.model_validate_json(body)
        rejected += commit.counts.rejected
        for number, file in enumerate(commit.files):
            storage.fetch(
                Location(file.bucket, file.key), "1", rows / f"{batch.hour}-{number}.parquet"
            )
    return {"kept_aside": rejected}


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
