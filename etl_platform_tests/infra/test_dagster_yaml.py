"""The dagster.yaml files are ones that this release of Dagster takes."""

import shutil
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.instance.config import dagster_instance_config
from dagster._core.run_coordinator import QueuedRunCoordinator

from infra.local.demo.dagster_dev import CONFIGURATION

FILES = sorted(CONFIGURATION.parent.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_is_read_without_a_complaint(file: Path, tmp_path: Path) -> None:
    shutil.copyfile(file, tmp_path / "dagster.yaml")
    config, _ = dagster_instance_config(str(tmp_path))
    assert config["concurrency"]["pools"]["granularity"] == "run"
    assert config["run_monitoring"]["enabled"] is True


def test_one_machine_queues_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    shutil.copyfile(CONFIGURATION, tmp_path / "dagster.yaml")
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        queue = instance.get_concurrency_config()
        assert queue.run_queue_config is not None
        assert queue.run_queue_config.max_concurrent_runs == 4
        assert queue.pool_config.default_pool_limit == 2
        assert instance.run_monitoring_enabled
