"""The whole laptop at work: the way of one hour in its parts, and a backlog of many hours."""

import math
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from rich.console import Console

from etl_platform.aws.s3 import S3
from etl_platform.aws.secrets import read_secret
from etl_platform.aws.warehouse import connect
from etl_platform.contract.hour import Hour
from etl_platform.contract.reading import read_contracts
from etl_platform.settings import Settings
from etl_platform.status import StatusReader
from etl_platform_tests.benchmarks.data import CACHE
from etl_platform_tests.benchmarks.tables import Finding, Target
from etl_platform_tests.e2e.platform import forget_clients
from infra.local.demo.feeder import SOURCES, Delivery, Feeder, deliveries
from infra.local.demo.figures import glue_use
from infra.local.demo.follow import Follower
from infra.local.demo.live import put_live
from infra.local.laptop import bring_up, bring_up_with_dagster, take_down

PARTS: Final = (
    "S3 event, Lambda, message",
    "queue and tick of the sensor",
    "start of the run, manifest checked, files pinned",
    "convert",
    "load",
)
STATE: Final = CACHE / "laptop"
_FIRST: Final = Hour.parse("2013-03-01-00")
_WARM_UP: Final = 2
"""Hours that are not counted: the first ones start what later ones find running."""

_WITHIN_S: Final = 3600.0
_LANDED_AT_ONCE: Final = 2


@dataclass(frozen=True)
class Extent:
    live_hours: int
    backlog_hours: int
    past_hours: int
    """From the first of the data on, landed before anybody asks for them."""
    alone: int
    """Hours of each source that have a run of their own, for what many such runs would take."""


def of_live_hours(extent: Extent) -> Iterator[Finding]:
    """One small hour after the other, each seen from its manifest to its rows."""
    with laptop() as follower:
        feeder = Feeder(S3(), follower.names, read_contracts())
        hours = list(_FIRST.through(_FIRST.plus(2 * (extent.live_hours + _WARM_UP))))
        # An hour without departures has an empty manifest and nothing to convert.
        sent = [d for d in deliveries("flights", hours[0], hours[-1]) if d.files]
        times = []
        for delivery in sent[: extent.live_hours + _WARM_UP]:
            hour = put_live(follower, feeder, delivery)
            times.append([hour.put_at, *(moment for _, moment in hour.steps())])
    yield _of_parts(times[_WARM_UP:])


def _of_parts(times: Sequence[Sequence[float]]) -> Finding:
    parts = [[after - before for before, after in pairwise(t)] for t in times]
    totals = [moments[-1] - moments[0] for moments in times]
    rows = [
        (name, f"{median(part):.1f}", f"{_percentile(part, 0.95):.1f}")
        for name, part in zip(PARTS, zip(*parts, strict=True), strict=True)
    ]
    p50, p95 = median(totals), _percentile(totals, 0.95)
    return Finding(
        f"From the manifest to committed rows, {len(times)} small hours",
        ("part", "p50 s", "p95 s"),
        [*rows, ("all", f"{p50:.1f}", f"{p95:.1f}")],
        [
            Target("seconds, p50", p50, 10, is_least=False),
            Target("seconds, p95", p95, 15, is_least=False),
        ],
    )


def of_backlog(extent: Extent) -> Iterator[Finding]:
    """Hours that landed while Dagster was down, loaded as soon as it is there."""
    try:
        os.environ.update(bring_up(STATE, Console(quiet=True)).environment())
        feeder = Feeder(S3(), Settings.read().names, read_contracts())
        sent = land(feeder, _FIRST, extent.backlog_hours)
        since = time.time()
        with laptop() as follower:
            landed = {
                source: follower.readers[source].landed(d.hour for d in sent if d.source == source)
                for source in SOURCES
            }
            began = time.time()
            seen = follower.until_through(landed, since, _WITHIN_S, lambda *_: None)
            took_s = time.time() - began
            used = glue_use(feeder.storage, feeder.names, since)
            runs = follower.dagster.runs(since)
    finally:
        take_down(STATE, Console(quiet=True), reset=True)
    rows = [
        (
            source,
            f"{len(one.landed):,}",
            f"{len(one.entries):,}",
            str(sum(run.job.endswith(source) for run in runs)),
            str(used[source].runs),
            f"{used[source].dpu_seconds:.0f}",
        )
        for source, one in seen.items()
    ]
    most_runs = max(use.runs for use in used.values())
    yield Finding(
        f"A backlog of {extent.backlog_hours} hours of three sources",
        ("source", "landed", "loaded", "runs", "Glue runs", "DPU-seconds"),
        rows,
        [
            Target("seconds until all is loaded", took_s, 90, is_least=False),
            Target("Glue runs of a source", most_runs, 31, is_least=False),
        ],
    )


def land(feeder: Feeder, first: Hour, hours: int) -> list[Delivery]:
    """Some hours of every source."""
    last = first.plus(hours - 1)
    sent = [d for source in SOURCES for d in deliveries(source, first, last)]
    with ThreadPoolExecutor(_LANDED_AT_ONCE) as pool:
        list(pool.map(feeder.land, sent))
    return sent


@contextmanager
def laptop() -> Iterator[Follower]:
    """A laptop with Dagster, which this process uses; it is gone at the end."""
    environment = dict(os.environ)
    try:
        dagster = bring_up_with_dagster(STATE, Console(quiet=True))
        names, contracts = Settings.read().names, read_contracts()
        readers = {s: StatusReader(S3(), names, contracts[s]) for s in SOURCES}
        with connect(read_secret(names.service_secret)) as warehouse:
            yield Follower(readers, warehouse, dagster, names)
    finally:
        take_down(STATE, Console(quiet=True), reset=True)
        os.environ.clear()
        os.environ.update(environment)
        forget_clients()


def _percentile(values: Sequence[float], share: float) -> float:
    """The least value that so large a share of them does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]
