"""The sweep as the sure way: what no event announced is asked for, and nothing else."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from etl_platform.components import sweep as module
from etl_platform.components.events import ERROR_CODE_TAG
from etl_platform.components.forgotten import Loaded
from etl_platform.components.past import ATTEMPT_TAG, HOURS_TAG, PRIORITY_TAG
from etl_platform.components.sensor import MANIFEST_SENSOR, Queues, manifest_sensor
from etl_platform.components.stages import PARQUET, RAW, REDSHIFT, asset_key
from etl_platform.components.sweep import MANIFEST_SWEEP, manifest_sweep
from etl_platform.contract.errors import (
    PlatformError,
    ServiceUnavailable,
    WarehouseUnavailable,
)
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.messaging import Outgoing
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Page
from etl_platform.ingest.arrivals import Arrival
from etl_platform.ingest.message import BatchRequest
from etl_platform.load.ledger import Entry, Outcome
from etl_platform_tests.components import daemon
from etl_platform_tests.components.clock import Clock
from etl_platform_tests.components.daemon import Daemon, Death, hours_of, load
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
        self.ledger[arrival.batch_id] = Entry(
            *("shop.table", arrival.source, arrival.hour, arrival.batch_id),
            *(arrival.manifest_version, self.clock.now, Outcome.LOADED, 3, 2, 1, 0, 2, 0, 1, 99),
            *("contract", "order", "jr_1"),
        )

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


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with daemon.instance() as instance:
        yield Stage(instance, tmp_path)


def test_an_hour_that_no_event_announced_is_asked_for_once(stage: Stage) -> None:
    """B3."""
    stage.land("orders", stage.clock.hour)
    (request,) = stage.sweep()
    assert (request.job_name, hours_of(request)) == ("load_orders", {stage.clock.hour})
    assert stage.sweep() == []
    assert stage.asked == [("orders", stage.clock.hour)]


def test_a_manifest_that_has_just_come_is_left_to_the_queue(stage: Stage) -> None:
    stage.land("orders", stage.clock.hour, grace=False)
    assert stage.sweep() == []
    stage.clock.pass_by(minutes=5)
    assert len(stage.sweep()) == 1


def test_what_the_queue_has_asked_for_is_not_asked_for_again(stage: Stage) -> None:
    stage.announce(stage.land("orders", stage.clock.hour, grace=False))
    assert len(stage.daemon.tick(stage.sensor)) == 1
    stage.clock.pass_by(minutes=30)
    assert stage.sweep() == []


def test_an_event_that_comes_after_the_sweep_asks_for_nothing(stage: Stage) -> None:
    arrival = stage.land("orders", stage.clock.hour)
    stage.sweep()
    stage.announce(arrival)
    assert stage.daemon.tick(stage.sensor) == []
    assert len(stage.queue) == 0
    assert stage.asked == [("orders", stage.clock.hour)]


def test_what_a_backfill_has_loaded_is_not_asked_for(stage: Stage) -> None:
    load(stage.daemon.instance, stage.land("orders", stage.clock.hour))
    assert stage.sweep() == []


def test_a_manifest_that_is_written_again_is_asked_for_again(stage: Stage) -> None:
    """B4."""
    load(stage.daemon.instance, stage.land("orders", stage.clock.hour))
    stage.land("orders", stage.clock.hour)
    assert len(stage.sweep()) == 1


def test_hours_that_landed_while_everything_was_down_are_few_runs(stage: Stage) -> None:
    now = stage.clock.hour
    for number in range(1, 31):
        stage.land("orders", now.plus(-number), grace=False)
    stage.clock.pass_by(minutes=6)
    requests = stage.sweep()
    assert [len(hours_of(request)) for request in requests] == [1, 24, 5]
    assert [int(request.tags[PRIORITY_TAG]) for request in requests] == [10, 0, 0]
    assert len(stage.asked) == 30


def test_an_old_hour_of_any_source_is_found_by_the_walk(stage: Stage) -> None:
    old = Hour.parse("2013-03-01-05")
    stage.land("closed", old)
    stage.land("visits", old)
    stage.sweep()
    assert stage.asked == [("closed", old), ("visits", old)]


def _fail(stage: Stage, code: str | None = None) -> None:
    """Let the newest run fail now, by an error of a step if it has a code."""
    run = stage.daemon.runs()[-1].dagster_run
    if code is not None:
        stage.daemon.instance.add_run_tags(run.run_id, {ERROR_CODE_TAG: code})
    daemon.end(stage.daemon.instance, run, dg.DagsterEventType.RUN_FAILURE, stage.clock.now)


@pytest.mark.parametrize(
    "code",
    ["WAREHOUSE_UNAVAILABLE", "JOB_CUT_SHORT", "COMMIT_UNKNOWN", "JOB_UNACCOUNTED", None],
)
def test_an_hour_that_failed_by_a_passing_fault_is_asked_for_again_after_a_while(
    stage: Stage, code: str | None
) -> None:
    """P4. Without a code: the process of the run was lost."""
    stage.land("orders", stage.clock.hour)
    stage.sweep()
    _fail(stage, code)
    stage.clock.pass_by(minutes=9)
    assert stage.sweep() == []
    stage.clock.pass_by(minutes=1)
    (again,) = stage.sweep()
    assert again.tags[ATTEMPT_TAG] == "2"
    assert stage.sweep() == []


def test_each_wait_is_twice_the_one_before_and_the_retries_end(stage: Stage) -> None:
    stage.land("visits", stage.clock.hour)
    stage.sweep()
    minutes = []
    for _ in range(RETRIES.times):
        _fail(stage, "JOB_BUSY")
        waited = 0
        while not stage.sweep():
            stage.clock.pass_by(minutes=5)
            waited += 5
        minutes.append(waited)
    assert minutes == [10, 20, 40, 80, 160, 320]
    _fail(stage, "JOB_BUSY")
    stage.clock.pass_by(minutes=60 * 24)
    assert stage.sweep() == []


@pytest.mark.parametrize("code", ["REJECT_LIMIT", "MANIFEST_INVALID", "JOB_FAILED"])
def test_an_hour_that_is_blocked_for_good_is_left_to_people(stage: Stage, code: str) -> None:
    stage.land("orders", stage.clock.hour)
    stage.sweep()
    _fail(stage, code)
    stage.clock.pass_by(minutes=60 * 24)
    assert stage.sweep() == []


def test_a_run_that_failed_and_whose_hour_is_loaded_since_is_forgotten(stage: Stage) -> None:
    arrival = stage.land("orders", stage.clock.hour)
    stage.sweep()
    _fail(stage, "JOB_BUSY")
    load(stage.daemon.instance, arrival)
    stage.clock.pass_by(minutes=60)
    assert stage.sweep() == []


def test_a_contract_may_want_no_retries(stage: Stage) -> None:
    stage.land("closed", Hour.parse("2013-02-01-00"))
    stage.sweep()
    _fail(stage, "JOB_BUSY")
    stage.clock.pass_by(minutes=60 * 24)
    assert stage.sweep() == []


def test_what_dagster_has_forgotten_is_told_to_it_again_and_not_asked_for(stage: Stage) -> None:
    """P4, P8: the events of a run that is deleted are gone with it."""
    arrival = stage.land("orders", stage.clock.hour)
    stage.sweep()
    stage.load(arrival)
    stage.daemon.instance.delete_run(stage.newest_run.run_id)
    assert stage.known(arrival) == []
    assert stage.sweep() == []
    told = [record.asset_materialization for record in stage.known(arrival)]
    assert [one.asset_key.path[0] for one in told if one] == [RAW, PARQUET, REDSHIFT]
    assert all(one.tags["dagster/data_version"] == arrival.batch_id for one in told if one)
    loaded = told[-1]
    assert loaded is not None
    assert (loaded.metadata["rows_read"].value, loaded.metadata["rows_applied"].value) == (3, 2)
    assert stage.sweep() == []
    assert len(stage.known(arrival)) == 3


@pytest.mark.parametrize("code", ["JOB_BUSY", None])
def test_an_hour_whose_run_was_lost_after_its_commit_is_told_and_not_tried_again(
    stage: Stage, code: str | None
) -> None:
    """P8."""
    arrival = stage.land("orders", stage.clock.hour)
    stage.sweep()
    stage.commit(arrival)
    _fail(stage, code)
    stage.clock.pass_by(minutes=10)
    assert stage.sweep() == []
    assert len(stage.known(arrival)) == 3


def test_many_hours_that_dagster_has_forgotten_are_told_by_several_ticks(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_TOLD", 2)
    first = Hour.parse("2013-02-01-00")
    arrivals = [stage.land("visits", first.plus(number), grace=False) for number in range(5)]
    stage.clock.pass_by(minutes=6)
    stage.sweep()
    for arrival in arrivals:
        stage.load(arrival)
    stage.daemon.instance.delete_run(stage.newest_run.run_id)
    told = []
    for _ in range(3):
        assert stage.sweep() == []
        told.append(sum(bool(stage.known(arrival)) for arrival in arrivals))
    assert told == [2, 4, 5]


def test_a_ledger_that_does_not_answer_leaves_the_hour_to_its_run(stage: Stage) -> None:
    stage.land("orders", stage.clock.hour)
    stage.ledgers_fail_with = WarehouseUnavailable("here", "paused")
    (request,) = stage.sweep()
    assert hours_of(request) == {stage.clock.hour}


def test_the_ledger_is_not_asked_for_hours_that_are_blocked(stage: Stage) -> None:
    stage.land("orders", stage.clock.hour.plus(-3))
    stage.sweep()
    stage.asked_of_ledger.clear()
    _fail(stage, "REJECT_LIMIT")
    stage.clock.pass_by(minutes=60)
    stage.sweep()
    assert stage.asked_of_ledger == []


def test_hours_that_are_none_of_the_contract_are_passed_over(stage: Stage) -> None:
    stage.land("closed", Hour.parse("2013-06-01-00"))
    stage.land("orders", Hour.parse("2012-12-31-23"))
    stage.land("orders", stage.clock.hour.plus(1))
    assert stage.sweep() == []


@pytest.mark.parametrize("death", Death)
def test_a_tick_that_dies_anywhere_makes_each_run_once(stage: Stage, death: Death) -> None:
    """P1, P4."""
    now = stage.clock.hour
    hours = [now.plus(-number) for number in (0, 20, 21, 400)]
    for hour in hours:
        stage.land("orders", hour)
    stage.sweep(death)
    stage.daemon.forget_what_is_written_down()
    for _ in range(3):
        stage.sweep()
    assert [hour for _, hour in stage.asked] == sorted(hours)


def test_a_walk_that_a_tick_cannot_end_goes_on_in_the_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEEP_MANIFESTS", 3)
    stage.storage = Watched(stage.storage.root, objects_a_page=2)
    first = Hour.parse("2013-02-01-00")
    hours = [first.plus(24 * number) for number in range(10)]
    for source in ("closed", "visits"):
        for hour in hours:
            stage.land(source, hour, grace=False)
    stage.clock.pass_by(minutes=6)
    asked = []
    for _ in range(12):
        stage.sweep()
        asked.append(len(stage.asked))
    assert asked[0] < 20
    assert asked[-1] == 20
    assert asked == sorted(asked)


def test_more_hours_than_a_tick_may_ask_for_are_asked_for_by_the_next_ones(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_REQUESTS", 2)
    first = Hour.parse("2013-02-01-00")
    for number in range(5):
        stage.land("visits", first.plus(240 * number), grace=False)
    stage.clock.pass_by(minutes=6)
    assert [len(stage.sweep()) for _ in range(4)] == [2, 2, 1, 0]


def test_a_bucket_that_cannot_be_listed_stops_no_other_source(stage: Stage) -> None:
    """P5."""
    stage.land("orders", stage.clock.hour)
    stage.land("visits", stage.clock.hour)
    Watched.lost = frozenset({NAMES.raw_bucket("orders")})
    try:
        stage.sweep()
        assert stage.asked == [("visits", stage.clock.hour)]
    finally:
        Watched.lost = frozenset()
    stage.sweep()
    assert len(stage.asked) == 2


@pytest.mark.parametrize("cursor", ["", "null", "[]", "{", '{"form": 1}', "[" * 100_000])
def test_a_cursor_that_cannot_be_read_begins_the_walk_again(stage: Stage, cursor: str) -> None:
    stage.land("visits", Hour.parse("2013-02-01-00"))
    stage.daemon.cursors[MANIFEST_SWEEP] = cursor
    assert len(stage.sweep()) == 1


def test_many_files_of_an_hour_cost_no_more_requests_than_a_few(stage: Stage) -> None:
    hour = stage.clock.hour.plus(-3)
    stage.land("orders", hour)
    Watched.pages = 0
    stage.sweep()
    few = Watched.pages
    for number in range(500):
        stage.storage.write(
            Location(NAMES.raw_bucket("orders"), f"{hour.folder}n-{number:04d}.csv"), b""
        )
    stage.storage = Watched(stage.storage.root, objects_a_page=10)
    Watched.pages = 0
    stage.sweep()
    assert Watched.pages <= few + 2


def test_a_tick_that_finds_nothing_says_how_far_it_has_looked(stage: Stage) -> None:
    load(stage.daemon.instance, stage.land("orders", stage.clock.hour))
    result = stage.sweeping.evaluate_tick(
        dg.build_sensor_context(
            stage.daemon.instance,
            repository_def=stage.daemon.repository,
            sensor_name=MANIFEST_SWEEP,
        )
    )
    assert result.skip_message is not None
    assert "nothing is missing among 1 recent manifests and 1 of the walk" in result.skip_message


def test_a_run_says_which_hours_it_is_for(stage: Stage) -> None:
    now = stage.clock.hour
    for number in (5, 6):
        stage.land("orders", now.plus(-number))
    (request,) = stage.sweep()
    assert request.tags[HOURS_TAG] == f"{now.plus(-6)} to {now.plus(-5)}"
