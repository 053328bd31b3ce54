"""What the end-to-end tests do with the platform, in the words of its users."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from etl_platform.aws import clients, glue, queue
from etl_platform.aws.glue import GlueRun
from etl_platform.aws.secrets import read_secret
from etl_platform.aws.warehouse import connect
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.order import LOAD
from etl_platform.definitions import defs
from infra.local.demo.dirt import Spot
from infra.local.demo.feeder import Feeder, deliveries

_BEFORE_ALL = datetime(2013, 1, 1, tzinfo=UTC)
START_TAG = "dagster/asset_partition_range_start"
END_TAG = "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class Run:
    """One Dagster run with what it said of each hour."""

    result: dg.ExecuteInProcessResult

    @property
    def succeeded(self) -> bool:
        return self.result.success

    def materialized(self, *key: str) -> dict[str, dict[str, object]]:
        """The metadata of each hour of an asset."""
        events = (e for e in self.result.all_events if e.is_step_materialization)
        found = [e.step_materialization_data.materialization for e in events]
        return {
            str(m.partition): {name: value.value for name, value in m.metadata.items()}
            for m in found
            if m.asset_key == dg.AssetKey(list(key))
        }

    def failed_checks(self) -> dict[tuple[str, str], str]:
        """Check name and hour -> description."""
        found = self.result.get_asset_check_evaluations()
        return {(c.check_name, str(c.partition)): str(c.description) for c in found if not c.passed}

    def checks_about_their_hour(self, *key: str) -> set[str]:
        """The hours whose check names the materialization of this very run."""
        return {
            str(c.partition)
            for c in self.result.get_asset_check_evaluations()
            if c.asset_key == dg.AssetKey(list(key))
            and c.target_materialization_data is not None
            and c.target_materialization_data.run_id == self.result.run_id
        }

    def failures(self) -> list[str]:
        events = (e for e in self.result.all_events if e.is_step_failure)
        return [str(e.step_failure_data.error_display_string) for e in events]


@dataclass(frozen=True)
class Platform:
    """The laptop as a user has it."""

    names: Names
    feeder: Feeder
    instance: dg.DagsterInstance

    def land(self, source: str, first: Hour, last: Hour, spots: Iterable[Spot] = ()) -> list[Hour]:
        """Land real hours; the hours landed."""
        landed = list(deliveries(source, first, last, tuple(spots)))
        for delivery in landed:
            self.feeder.land(delivery)
        return [delivery.hour for delivery in landed]

    def run(self, source: str, first: Hour, last: Hour) -> Run:
        """Have the job of a source load a stretch of hours, as the sensor does."""
        job = defs().resolve_job_def(f"load_{source}")
        return self._executed(job, first, last)

    def materialize(self, *keys: str, first: Hour, last: Hour) -> Run:
        """Materialize some assets (`raw/weather`) for a stretch, as a backfill of the UI does."""
        assets = [dg.AssetKey(key.split("/")) for key in keys]
        job = defs().resolve_implicit_global_asset_job_def()
        return self._executed(job.get_subset(asset_selection=set(assets)), first, last)

    def _executed(self, job: dg.JobDefinition, first: Hour, last: Hour) -> Run:
        tags = {START_TAG: str(first), END_TAG: str(last)}
        return Run(job.execute_in_process(instance=self.instance, tags=tags, raise_on_error=False))

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What the service user sees in the warehouse."""
        with connect(read_secret(self.names.service_secret)) as warehouse:
            return [tuple(row) for row in warehouse.fetch(sql, name="a look into the warehouse")]

    def write(self, sql: str) -> None:
        """Change the warehouse by hand, as its service user."""
        with connect(read_secret(self.names.service_secret)) as warehouse:
            warehouse.execute(sql, name="a change by hand")
            warehouse.commit()

    def glue_runs(self, stage: str) -> list[GlueRun]:
        job = self.names.load_job if stage == LOAD else self.names.convert_job
        return list(glue.since(job, _BEFORE_ALL))


def until(seconds: float, condition: object) -> None:
    """Wait for a callable to come true."""
    assert callable(condition)
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.2)


def forget_clients() -> None:
    """Clients are kept for a process, and the process of a test meets several AWS endpoints."""
    clients.client.cache_clear()
    queue._url_of.cache_clear()
