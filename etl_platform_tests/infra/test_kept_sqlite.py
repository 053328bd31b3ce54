"""Dagster's state in SQLite with connections that are kept: the same state, seen by all at once."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterInstance
from dagster._core.events import (
    DagsterEvent,
    DagsterEventBatchMetadata,
    StepMaterializationData,
    generate_event_batch_id,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)
from sqlalchemy import event
from sqlalchemy.engine import Engine

from infra.dagster.kept_sqlite import KeptSqlite
from infra.local.demo.dagster_dev import CONFIGURATION

KEY = dg.AssetKey("hours")


@dg.asset(partitions_def=dg.StaticPartitionsDefinition([str(n) for n in range(50)]), name="hours")
def hours() -> None:
    """Some partitions."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def kept(home: Path) -> DagsterInstance:
    shutil.copyfile(CONFIGURATION, home / "dagster.yaml")
    return DagsterInstance.get()


def stock(home: Path) -> DagsterInstance:
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return DagsterInstance.get()


@pytest.fixture
def instance(home: Path) -> Iterator[DagsterInstance]:
    with kept(home) as instance:
        yield instance


def is_kept(instance: DagsterInstance) -> bool:
    storages = instance.run_storage, instance.event_log_storage, instance.schedule_storage
    return {type(storage).__module__ for storage in storages} == {KeptSqlite.__module__}


def load(instance: DagsterInstance, partition: int) -> str:
    result = dg.materialize([hours], instance=instance, partition_key=str(partition))
    return result.run_id


def loaded(instance: DagsterInstance) -> set[str]:
    return instance.get_materialized_partitions(KEY)


def test_one_machine_keeps_its_state_so(instance: DagsterInstance) -> None:
    assert is_kept(instance)
    with DagsterInstance.from_ref(instance.get_ref()) as workers:
        assert is_kept(workers)


def test_a_home_goes_on_when_its_storage_changes_there_and_back(home: Path) -> None:
    with stock(home) as instance:
        assert not is_kept(instance)
        first = load(instance, 1)
    with kept(home) as instance:
        assert loaded(instance) == {"1"}
        second = load(instance, 2)
        assert {run.run_id for run in instance.get_runs()} == {first, second}
    with stock(home) as instance:
        assert loaded(instance) == {"1", "2"}
        assert instance.all_logs(second)


def loads_in_another_process(home: Path, partition: int, then: str = "") -> int:
    """The exit code of a process that loads a partition."""
    code = (
        "import os, signal, dagster as dg;"
        "from etl_platform_tests.infra.test_kept_sqlite import load;"
        f"load(dg.DagsterInstance.get(), {partition}); {then}"
    )
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def test_what_another_process_stores_is_seen_at_once(home: Path, instance: DagsterInstance) -> None:
    load(instance, 1)
    assert loads_in_another_process(home, 2) == 0
    assert loaded(instance) == {"1", "2"}
    assert instance.get_runs_count() == 2


def test_threads_store_and_read_at_the_same_time(instance: DagsterInstance) -> None:
    load(instance, 49)

    def work(number: int) -> None:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(KEY, partition=str(number), metadata={"number": number})
        )
        instance.add_run(dg.DagsterRun(job_name=f"load_{number}"))
        assert str(number) in loaded(instance)

    with ThreadPoolExecutor(24) as pool:
        list(pool.map(work, range(48)))
    assert loaded(instance) == {*map(str, range(48)), "49"}
    assert instance.get_runs_count() == 49


def test_the_databases_of_the_last_runs_are_open_and_those_of_older_ones_are_not(
    home: Path, instance: DagsterInstance
) -> None:
    runs = [instance.add_run(dg.DagsterRun(job_name="load")) for _ in range(10)]
    for run in runs:
        instance.report_engine_event("said", run)
    loaded(instance)
    folder = home / "history" / "runs"
    links = Path("/proc/self/fd").iterdir()
    open_files = {os.readlink(link) for link in links if os.path.lexists(link)}
    is_open = [str(folder / f"{run.run_id}.db") in open_files for run in runs]
    assert is_open == [False, False, *[True] * 8]
    assert str(folder / "index.db") in open_files
    assert not [name for run in runs[:2] for name in open_files if run.run_id in name]
    assert all(instance.all_logs(run.run_id) for run in runs)


def test_planned_hours_are_stored_together_and_are_what_they_are_one_by_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definitions = dg.Definitions(assets=[hours], jobs=[dg.define_asset_job("load")])
    job = definitions.resolve_job_def("load")
    several = {
        ASSET_PARTITION_RANGE_START_TAG: "10",
        ASSET_PARTITION_RANGE_END_TAG: "29",
    }

    def planned(size: int) -> tuple[list[object], list[object], int]:
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(size))
        transactions = 0

        def count(*_: object) -> None:
            nonlocal transactions
            transactions += 1

        with kept(home) as instance:
            event.listen(Engine, "commit", count)
            run = instance.create_run_for_job(job, tags=several)
            event.remove(Engine, "commit", count)
            of_run = [_told(log) for log in instance.all_logs(run.run_id)]
            of_asset = instance.event_log_storage.get_event_records(
                dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
            )
            key = instance.get_asset_records([KEY])[0].asset_entry
            assert key.last_run_id == run.run_id
            own = [_told(r.event_log_entry) for r in of_asset if r.run_id == run.run_id]
        return of_run, own, transactions

    together, one_by_one = planned(1000), planned(0)
    assert together[:2] == one_by_one[:2]
    assert len(together[1]) == 20
    assert together[2] < 20
    assert one_by_one[2] > 40


def _told(log: dg.EventLogEntry) -> object:
    return log.dagster_event and (
        log.dagster_event.event_type,
        log.dagster_event.asset_key,
        log.dagster_event.partition,
        log.dagster_event.message,
    )


def test_materializations_that_are_stored_together_are_those_of_their_hours(
    instance: DagsterInstance,
) -> None:
    run_id = load(instance, 49)
    batch = generate_event_batch_id()
    for number in range(3):
        told = dg.AssetMaterialization(
            KEY, partition=str(number), tags={"dagster/data_version": f"v{number}"}
        )
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION
        instance.report_dagster_event(
            DagsterEvent(kind.value, "load", event_specific_data=StepMaterializationData(told)),
            run_id,
            batch_metadata=DagsterEventBatchMetadata(batch, number == 2),
        )
    assert loaded(instance) == {"0", "1", "2", "49"}
    latest = instance.get_latest_materialization_event(KEY)
    assert latest
    assert latest.get_dagster_event().partition == "2"
    records = instance.fetch_materializations(KEY, limit=3).records
    assert [record.partition_key for record in records] == ["2", "1", "0"]
    tags = instance.event_log_storage.get_event_tags_for_asset(KEY, {"dagster/data_version": "v1"})
    assert len(tags) == 1
    of_run = [log.dagster_event for log in instance.all_logs(run_id)]
    assert [e.partition for e in of_run if e and e.is_step_materialization] == ["49", "0", "1", "2"]


def test_what_a_process_has_stored_outlives_its_death(
    home: Path, instance: DagsterInstance
) -> None:
    load(instance, 1)
    then = "os.kill(os.getpid(), signal.SIGKILL)"
    assert loads_in_another_process(home, 2, then) == -signal.SIGKILL
    assert loaded(instance) == {"1", "2"}
    (newest,) = instance.get_runs(limit=1)
    *_, last = instance.all_logs(newest.run_id)
    assert last.dagster_event_type == dg.DagsterEventType.RUN_SUCCESS


def test_a_storage_that_was_wiped_takes_new_runs(home: Path, instance: DagsterInstance) -> None:
    load(instance, 1)
    instance.wipe()
    assert not loaded(instance)
    run_id = load(instance, 2)
    assert loaded(instance) == {"2"}
    assert instance.all_logs(run_id)
    assert [f.stem for f in (home / "history" / "runs").glob("*.db")].count(run_id) == 1


def test_a_deleted_run_leaves_nothing_and_the_others_stay(instance: DagsterInstance) -> None:
    gone, stays = load(instance, 1), load(instance, 2)
    instance.delete_run(gone)
    assert not instance.all_logs(gone)
    assert instance.all_logs(stays)
    assert [run.run_id for run in instance.get_runs()] == [stays]


def test_a_run_is_watched_while_it_stores(instance: DagsterInstance) -> None:
    definitions = dg.Definitions(assets=[hours], jobs=[dg.define_asset_job("load")])
    run = instance.create_run_for_job(definitions.resolve_job_def("load"))
    seen = threading.Event()
    instance.watch_event_logs(run.run_id, None, lambda *_: seen.set())
    instance.report_engine_event("said", run)
    assert seen.wait(10)


def test_a_storage_at_rest_holds_no_snapshot_that_keeps_a_log_from_being_written_back(
    home: Path, instance: DagsterInstance
) -> None:
    load(instance, 1)
    loaded(instance)
    instance.get_runs()
    for file in (home / "history" / "runs.db", home / "history" / "runs" / "index.db"):
        with sqlite3.connect(file) as other:
            busy, _, _ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        other.close()
        assert busy == 0
        assert file.with_name(f"{file.name}-wal").stat().st_size == 0


def test_a_run_goes_on_when_its_storage_was_wiped_by_another_process(
    home: Path, instance: DagsterInstance
) -> None:
    run = instance.add_run(dg.DagsterRun(job_name="load"))
    instance.report_engine_event("before", run)
    with DagsterInstance.from_ref(instance.get_ref()) as other:
        other.wipe()
    instance.add_run(run)
    instance.report_engine_event("after", run)
    with DagsterInstance.from_ref(instance.get_ref()) as other:
        assert [log.message for log in other.all_logs(run.run_id)] == ["after"]
