"""Buckets, a queue, ledgers and both sensors, for tests of the sweep."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from etl_platform.components.forgotten import Loaded
from etl_platform.components.sensor import MANIFEST_SENSOR, Queues, manifest_sensor
from etl_platform.components.stages import PARQUET, RAW, REDSHIFT, asset_key
from etl_platform.components.sweep import MANIFEST_SWEEP, manifest_sweep
from etl_platform.contract.errors import (
    PlatformError,
    ServiceUnavailable,
)
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.messaging import Outgoing
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Page
from etl_platform.ingest.arrivals import Arrival
from etl_platform.ingest.message import BatchRequest
from etl_platform.load.ledger import Entry, Outcome
from etl_platform_tests.components import daemon
from etl_platform_tests.components.clock import Clock
from etl_platform_tests.components.daemon import Daemon, Death
from etl_platform_tests.components.sources import contract
from etl_platform_tests.fakes.queue import MemoryQueue
from etl_platform_tests.fakes.storage import DirectoryStorage

NAMES = Names("etl-test")
CONTRACTS = {source: contract(source) for source in ("orders", "visits")}
CONTRACTS["closed"] = contract("closed", ends="2013-06-01-00", retries={"times": 0})
RETRIES = CONTRACTS["orders"].retries


class Watched(DirectoryStorage):
    """Counts the pages that were asked for; some buckets cannot be reached."""

    pages = 0
    lost: frozenset[str] = frozenset()

    def page(self, bucket: str, after: str) -> Page:
        type(self).pages += 1
        if bucket in self.lost:
            raise ServiceUnavailable("s3", f"ListObjectVersions {bucket}", "503 SlowDown")
        return super().page(bucket, after)


class Stage:
    """Buckets, the queue, a daemon and both sensors."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path) -> None:
        self.clock = Clock()
        self.storage = Watched(folder)
        self.queue = MemoryQueue(self.clock)
        queues = Queues(self.queue, MemoryQueue(self.clock))
        repository = daemon.repository_of(
            CONTRACTS,
            lambda jobs: [
                manifest_sensor(CONTRACTS, queues, jobs, self.clock),
                manifest_sweep(CONTRACTS, self.storage, NAMES, self.ledgers, jobs, self.clock),
            ],
        )
        self.daemon = Daemon(instance, repository)
        self.ledger: dict[str, Entry] = {}
        self.asked_of_ledger: list[str] = []
        self.ledgers_fail_with: PlatformError | None = None
        self.sensor = repository.get_sensor_def(MANIFEST_SENSOR)
        self.sweeping = repository.get_sensor_def(MANIFEST_SWEEP)

    def land(self, source: str, hour: Hour, *, grace: bool = True) -> Arrival:
        """Write a manifest, and let the time pass that a sweep leaves to the queue."""
        place = NAMES.manifest(source, hour)
        self.storage.write(place, b"{}")
        stored = self.storage.find(place)
        assert stored is not None
        version = str(stored.version_id)
        written_at = self.clock.now.timestamp()
        folder = self.storage.root / place.bucket
        for file in folder.glob(f"*/{version}"):
            if file.parent.name.startswith(hour.folder.replace("/", "%2F")):
                os.utime(file, (written_at, written_at))
        if grace:
            self.clock.pass_by(minutes=6)
        return Arrival(source, hour, version)

    def announce(self, arrival: Arrival) -> None:
        request = BatchRequest(
            arrival.source,
            arrival.hour,
            NAMES.raw_bucket(arrival.source),
            arrival.hour.folder,
            arrival.manifest_version,
            "01",
            self.clock.now,
        )
        self.queue.send([Outgoing(request.to_json(), request.message_group_id, "double")])

    def load(self, arrival: Arrival) -> None:
        """Let the run of an hour load it, and end."""
        self.commit(arrival)
        daemon.succeed(self.daemon.instance, self.newest_run, arrival, at=self.clock.now)

    def commit(self, arrival: Arrival) -> None:
        """Load an hour, and tell nobody."""
        batch = ("shop.table", arrival.source, arrival.hour, arrival.batch_id)
        rest: tuple[Any, ...] = (
            *(arrival.manifest_version, self.clock.now, Outcome.LOADED, 3, 2, 1, 0, 2, 0, 1, 99),
            *("contract", "order", "jr_1"),
        )
        self.ledger[arrival.batch_id] = Entry(*batch, *rest)

    @contextmanager
    def ledgers(self) -> Iterator[Loaded]:
        if self.ledgers_fail_with is not None:
            raise self.ledgers_fail_with

        def loaded(contract: SourceContract, batch_ids: Collection[str]) -> dict[str, Entry]:
            self.asked_of_ledger.append(contract.source)
            return {one: self.ledger[one] for one in batch_ids if one in self.ledger}

        yield loaded

    def known(self, arrival: Arrival) -> list[dg.EventLogRecord]:
        """What Dagster has of an hour, in all stages."""
        instance, hours = self.daemon.instance, [str(arrival.hour)]
        return [
            record
            for stage in (RAW, PARQUET, REDSHIFT)
            for record in instance.fetch_materializations(
                dg.AssetRecordsFilter(asset_key(stage, arrival.source), asset_partitions=hours),
                limit=10,
            ).records
        ]

    @property
    def newest_run(self) -> dg.DagsterRun:
        return self.daemon.runs()[-1].dagster_run

    def sweep(self, death: Death | None = None) -> list[dg.RunRequest]:
        return self.daemon.tick(self.sweeping, death)

    @property
    def asked(self) -> list[tuple[str, Hour]]:
        runs = [record.dagster_run for record in self.daemon.runs()]
        return sorted((daemon.source_of(run), hour) for run in runs for hour in daemon.asked(run))
