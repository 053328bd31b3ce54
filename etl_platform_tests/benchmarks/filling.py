"""A long past, filled by `etl-platform backfill`: what it takes, and what a run an hour would."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from etl_platform.aws.s3 import S3
from etl_platform.components.backfill import Backfill
from etl_platform.contract.reading import read_contracts
from etl_platform.dagster_api import DagsterApi
from etl_platform.status import LandedHour
from etl_platform_tests.benchmarks.living import STATE, Extent, land, laptop
from etl_platform_tests.benchmarks.tables import Finding
from infra.local.demo.dagster_dev import WORKSPACE
from infra.local.demo.feeder import Feeder
from infra.local.demo.figures import GlueUse, glue_use
from infra.local.demo.follow import Follower
from infra.local.demo.story import FIRST


def of_past(extent: Extent) -> Iterator[Finding]:
    """A long past of three sources, asked for as `etl-platform backfill` does. Some hours of it
    have runs of their own before, so that as many runs as hours can be told."""
    contracts = read_contracts()
    with laptop() as follower:
        _stop_sensors(follower.dagster)
        sent = land(Feeder(S3(), follower.names, contracts), FIRST, extent.past_hours)
        asked = {
            source: Backfill(contracts[source], reader, follower.warehouse, follower.dagster)
            for source, reader in follower.readers.items()
        }
        landed = {
            source: reader.landed(d.hour for d in sent if d.source == source)
            for source, reader in follower.readers.items()
        }
        alone = [
            _filled(follower, {source: asked[source]}, {source: [hour]})
            for source, hours in landed.items()
            for hour in hours[: extent.alone]
        ]
        filled = _filled(follower, asked, landed)
    yield _of_filled(landed, filled, alone)


@dataclass(frozen=True)
class _Filled:
    """What hours took that were asked for together."""

    seconds: float
    runs: Mapping[str, int]
    glue: Mapping[str, GlueUse]


def _filled(
    follower: Follower,
    asked: Mapping[str, Backfill],
    landed: Mapping[str, Sequence[LandedHour]],
) -> _Filled:
    since = time.time()
    run_ids = {source: backfill.ask(landed[source]) for source, backfill in asked.items()}
    for source, backfill in asked.items():
        look = backfill.follow(landed[source], run_ids[source], lambda _: None)
        assert look.is_whole, look
    runs = {source: len(ids) for source, ids in run_ids.items()}
    return _Filled(time.time() - since, runs, glue_use(S3(), follower.names, since))


def _of_filled(
    landed: Mapping[str, Sequence[LandedHour]], filled: _Filled, alone: Sequence[_Filled]
) -> Finding:
    rows = []
    for source, hours in landed.items():
        own = [one for one in alone if source in one.runs]
        dpu_seconds = sum(one.glue[source].dpu_seconds for one in own) / len(own)
        seconds = sum(one.seconds for one in own) / len(own)
        used = filled.glue[source]
        rows.append(
            (
                *(source, f"{len(hours):,}", f"{filled.runs[source]:,}", f"{used.runs:,}"),
                f"{used.dpu_seconds:,.0f}",
                *(f"{len(hours):,}", f"{2 * len(hours):,}", f"{dpu_seconds * len(hours):,.0f}"),
                f"{seconds * len(hours) / 3600:.1f}",
            )
        )
    every = sum(len(found) for found in landed.values())
    return Finding(
        f"A past of {every:,} hours of three sources, in {filled.seconds:,.0f} s",
        (
            *("source", "hours", "runs", "Glue runs", "DPU-seconds"),
            *("a run for each hour: runs", "Glue runs", "DPU-seconds", "one by one, h"),
        ),
        rows,
        [],
    )


def _stop_sensors(dagster: DagsterApi) -> None:
    for sensor in dagster.sensors():
        if sensor.is_running:
            stop = ("dagster", "sensor", "stop", sensor.name, "--workspace", str(WORKSPACE))
            environment = {**os.environ, "DAGSTER_HOME": str(STATE / "dagster")}
            subprocess.run(
                [sys.executable, "-m", *stop], env=environment, check=True, capture_output=True
            )
