"""The schedule of a source without manifests."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from etl_platform.components.collection import collections
from etl_platform.contract.errors import ServiceUnavailable
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.storage import StoredObject
from etl_platform_tests.components.clock import Clock
from etl_platform_tests.components.sources import contract
from etl_platform_tests.fakes.storage import DirectoryStorage

NAMES = Names("etl-test")
CONTRACTS = {
    "clocked": contract("clocked", arrives={"schedule": "15 * * * *", "settle_minutes": 0}),
    "told": contract("told"),
}


class Lost(DirectoryStorage):
    def list(self, prefix: Location) -> Iterator[StoredObject]:
        raise ServiceUnavailable("s3", f"ListObjectsV2 {prefix}", "503 SlowDown")


def _tick(storage: DirectoryStorage, clock: Clock) -> str:
    (schedule,) = collections(CONTRACTS, storage, NAMES, clock)
    with dg.build_schedule_context() as context:
        return str(schedule.evaluate_tick(context).skip_message)


def test_only_a_source_without_manifests_has_a_schedule(tmp_path: Path) -> None:
    (schedule,) = collections(CONTRACTS, DirectoryStorage(tmp_path), NAMES)
    assert schedule.name == "collect_clocked"
    assert schedule.cron_schedule == "15 * * * *"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_a_tick_writes_manifests_and_says_so(tmp_path: Path) -> None:
    storage, clock = DirectoryStorage(tmp_path), Clock()
    clock.now = clock.now.replace(year=2100)
    hour = clock.hour.plus(-1)
    storage.write(NAMES.raw_folder("clocked", hour) / "a.json", b"{}")
    assert _tick(storage, clock) == "1 hours: its manifest was written, 23 hours: no files"
    assert storage.find(NAMES.manifest("clocked", hour)) is not None


def test_a_bucket_that_does_not_answer_is_told_and_looked_at_again(tmp_path: Path) -> None:
    assert "SERVICE_UNAVAILABLE" in _tick(Lost(tmp_path), Clock())
