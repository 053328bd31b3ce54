"""Dagster's state in SQLite with connections that are kept: the same state, seen by all at once."""

import os
import shutil
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


def test_what_another_process_stores_is_seen_at_once(home: Path, instance: DagsterInstance) -> None:
    load(instance, 1)
    other = (
        "import dagster as dg; from etl_platform_tests.infra.test_kept_sqlite import load;"
        "load(dg.DagsterInstance.get(), 2)"
    )
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    subprocess.run([sys.executable, "-c", other], env=environment, check=True, capture_output=True)
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


def test_the_database_of_a_run_is_open_only_while_it_is_used(
    home: Path, instance: DagsterInstance
) -> None:
    run_id = load(instance, 1)
    folder = home / "history" / "runs"
    assert [file.name for file in folder.glob(f"{run_id}*")] == [f"{run_id}.db"]
    open_files = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.exists()]
    assert str(folder / "index.db") in open_files
    assert not [name for name in open_files if run_id in name]


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
