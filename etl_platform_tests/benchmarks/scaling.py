"""Many sources and many manifests: how long Dagster takes to know them, and a tick to look."""

import json
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import dagster as dg

from etl_platform.components.forgotten import Loaded
from etl_platform.components.sensor import MANIFEST_SENSOR, Queues, manifest_sensor
from etl_platform.components.sweep import MANIFEST_SWEEP, manifest_sweep
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.messaging import Outgoing
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Page, StoredObject
from etl_platform.ingest.arrivals import Arrival
from etl_platform.ingest.message import BatchRequest
from etl_platform.ingest.sweep import Position
from etl_platform_tests.benchmarks.tables import Finding, Target
from etl_platform_tests.benchmarks.workspace import YEARS, environment, source_names, workspace
from etl_platform_tests.components import daemon
from etl_platform_tests.components.clock import Clock
from etl_platform_tests.components.daemon import Daemon
from etl_platform_tests.components.sources import contract
from etl_platform_tests.fakes.queue import MemoryQueue

_KEYS_A_PAGE: Final = 1000
"""As S3 answers."""

_LOAD: Final = """
import json, time
began = time.perf_counter()
from etl_platform import definitions
imported, cpu = time.perf_counter(), time.process_time()
repository = definitions.defs().get_repository_def()
assets = len(repository.asset_graph.get_all_asset_keys())
print(json.dumps({"import": imported - began, "load": time.perf_counter() - imported,
                  "cpu": time.process_time() - cpu, "assets": assets}))
"""


@dataclass(frozen=True)
class Breadth:
    """How many sources there are, and how many manifests are new to a tick."""

    sources: int
    manifests: tuple[int, ...]
    known: tuple[int, ...]
    """Manifests that lie in the buckets and are loaded."""
    rounds: int = 3


def of_definitions(breadth: Breadth) -> Iterator[Finding]:
    """The definitions of many sources, loaded by a new process."""
    with workspace(breadth.sources) as folder:
        found = [_loaded(folder) for _ in range(breadth.rounds)]
    load_s = median(one["load"] for one in found)
    yield Finding(
        f"{breadth.sources} sources with {YEARS} years of hours",
        ("", "seconds"),
        [
            ("imports", f"{median(one['import'] for one in found):.1f}"),
            (f"definitions of {found[0]['assets']:,.0f} assets", f"{load_s:.1f}"),
        ],
        [
            Target(
                "seconds until the definitions are loaded",
                load_s,
                5,
                is_least=False,
                by_cpu=median(one["cpu"] for one in found),
            )
        ],
    )


def of_ticks(breadth: Breadth) -> Iterator[Finding]:
    """Ticks of the sensor, the manifests spread over the sources; known ones are many."""
    contracts = {source: contract(source) for source in source_names(breadth.sources)}
    rows = []
    for count in breadth.manifests:
        times, runs = _ticks(contracts, count)
        rows.append((f"{count:,}", str(len(times)), f"{max(times):.2f}", str(runs)))
    yield Finding(
        f"Ticks of the sensor with {breadth.sources} sources",
        ("new manifests", "ticks until all are asked for", "longest tick, s", "runs"),
        rows,
    )


def of_sweeps(breadth: Breadth) -> Iterator[Finding]:
    """Ticks of the sweep over manifests that are loaded, until its walk has seen all of them."""
    rows = []
    for known in breadth.known:
        times = _sweeps(min(breadth.sources, known), known)
        rows.append((f"{known:,}", str(len(times)), f"{median(times):.2f}", f"{max(times):.2f}"))
    yield Finding(
        "Ticks of the sweep",
        ("loaded manifests", "ticks of a walk", "median tick, s", "longest tick, s"),
        rows,
    )


@dataclass(frozen=True)
class _Buckets:
    """What a sweep asks of the storage: the keys of manifests, in order."""

    keys: Mapping[str, Sequence[str]]
    written_at: datetime

    def page(self, bucket: str, after: str) -> Page:
        keys = self.keys[bucket]
        first = bisect_right(keys, after)
        shown = keys[first : first + _KEYS_A_PAGE]
        objects = (
            StoredObject(Location(bucket, key), 1, "etag", "v1", self.written_at) for key in shown
        )
        return Page(tuple(objects), shown[-1] if first + _KEYS_A_PAGE < len(keys) else None)


def _no_ledgers() -> AbstractContextManager[Loaded]:
    """Nothing is asked of them: Dagster knows all that is loaded."""
    raise AssertionError("a ledger was asked")


def _sweeps(sources: int, known: int) -> list[float]:
    clock = Clock()
    names, contracts = (
        Names("bench"),
        {source: contract(source) for source in source_names(sources)},
    )
    arrivals = [
        Arrival(source, clock.hour.plus(-1 - number), "v1")
        for source in contracts
        for number in range(known // sources)
    ]
    keys: dict[str, list[str]] = {names.raw_bucket(source): [] for source in contracts}
    for one in reversed(arrivals):
        keys[names.raw_bucket(one.source)].append(names.manifest(one.source, one.hour).key)
    storage: Any = _Buckets(keys, clock.now - timedelta(hours=1))
    with tempfile.TemporaryDirectory() as home, dg.instance_for_test(temp_dir=home) as instance:
        repository = daemon.repository_of(
            contracts,
            lambda jobs: [manifest_sweep(contracts, storage, names, _no_ledgers, jobs, clock)],
        )
        for one in arrivals:
            daemon.load(instance, one)
        ticking, sensor = Daemon(instance, repository), repository.get_sensor_def(MANIFEST_SWEEP)
        times: list[float] = []
        while not times or Position.read(ticking.cursors[MANIFEST_SWEEP]).deep:
            began = time.perf_counter()
            requests = ticking.tick(sensor)
            times.append(time.perf_counter() - began)
            assert not requests, requests
        return times


def _ticks(contracts: Mapping[str, SourceContract], count: int) -> tuple[list[float], int]:
    clock, dead = Clock(), MemoryQueue()
    queue = MemoryQueue(clock, dead_letters=dead)
    sources = sorted(contracts)
    with tempfile.TemporaryDirectory() as home, dg.instance_for_test(temp_dir=home) as instance:
        repository = daemon.repository_of(
            dict(contracts),
            lambda jobs: [manifest_sensor(contracts, Queues(queue, dead), jobs, clock)],
        )
        queue.send(
            [_message(sources[n % len(sources)], clock, n // len(sources)) for n in range(count)]
        )
        ticking, sensor = Daemon(instance, repository), repository.get_sensor_def(MANIFEST_SENSOR)
        times: list[float] = []
        while not times or len(queue):
            began = time.perf_counter()
            ticking.tick(sensor)
            times.append(time.perf_counter() - began)
        return times, len(ticking.runs())


def _message(source: str, clock: Clock, number: int) -> Outgoing:
    """The announcement of an hour, each the one before the last."""
    hour: Hour = clock.hour.plus(-number)
    request = BatchRequest(source, hour, "bucket", hour.folder, "v1", "01", clock.now)
    return Outgoing(request.to_json(), request.message_group_id, f"{source}.{hour}")


def _loaded(folder: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _LOAD],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        check=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
