"""Dagster's daemon as sensors meet it, step by step, so that a test can end it at each of them.

It follows the commit protocol of `dagster/_daemon/sensor.py`: the requests and the cursor of a tick
are written down before the runs are made, the cursor counts only after all are made, a run key that
has a run makes no second one, and what was written down is resumed after a crash.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.events import DagsterEvent, StepMaterializationData

from etl_platform.components.assets import source_assets
from etl_platform.components.past import RANGE_END_TAG, RANGE_START_TAG, marks_of
from etl_platform.components.s3_to_redshift import job_name
from etl_platform.components.stages import asset_key
from etl_platform.contract.hour import Hour
from etl_platform.contract.source import SourceContract
from etl_platform.ingest.arrivals import Arrival

_RUN_KEY = "dagster/run_key"
_SENSOR = "dagster/sensor_name"
_PARTITION = "dagster/partition"


class Death(Enum):
    """Where a tick ends too early."""

    EVALUATED = auto()  # the sensor has returned, and nothing is written down
    WRITTEN_DOWN = auto()  # requests and cursor are written down, and no run is made
    HALFWAY = auto()  # some runs are made
    RUNS_MADE = auto()  # every run is made, and the cursor does not count yet


@dataclass
class Daemon:
    """One daemon with its instance. `cursors` are the cursors that count."""

    instance: dg.DagsterInstance
    repository: dg.RepositoryDefinition
    cursors: dict[str, str | None] = field(default_factory=dict)
    _written_down: dict[str, SensorExecutionData] = field(default_factory=dict)

    def tick(self, sensor: dg.SensorDefinition, death: Death | None = None) -> list[dg.RunRequest]:
        """One tick, or what comes before its death; the requests whose runs are made."""
        result = self._written_down.pop(sensor.name, None)
        if result is None:
            context = dg.build_sensor_context(
                instance=self.instance,
                cursor=self.cursors.get(sensor.name),
                repository_def=self.repository,
                sensor_name=sensor.name,
            )
            result = sensor.evaluate_tick(context)
            for event in result.asset_events:
                self.instance.report_runless_asset_event(event)
        if death is Death.EVALUATED:
            return []
        if death is not None:
            self._written_down[sensor.name] = result
        requests = list(result.run_requests or ())
        if death is Death.WRITTEN_DOWN:
            return []
        made = [
            request
            for request in requests[: len(requests) // 2 if death is Death.HALFWAY else None]
            if self._make(sensor.name, request)
        ]
        if death is None:
            self.cursors[sensor.name] = result.cursor
        return made

    def forget_what_is_written_down(self) -> None:
        """As after a day: Dagster resumes no tick that is older."""
        self._written_down.clear()

    def runs(self, *statuses: dg.DagsterRunStatus) -> list[dg.RunRecord]:
        wanted = dg.RunsFilter(statuses=list(statuses)) if statuses else None
        return list(self.instance.get_run_records(wanted, ascending=True))

    def _make(self, sensor: str, request: dg.RunRequest) -> bool:
        if request.run_key is not None:
            same = self.instance.get_runs(dg.RunsFilter(tags={_RUN_KEY: request.run_key}))
            if any(run.tags.get(_SENSOR) == sensor for run in same):
                return False
        own = {_SENSOR: sensor, **({_RUN_KEY: request.run_key} if request.run_key else {})}
        partition = {_PARTITION: request.partition_key} if request.partition_key else {}
        self.instance.add_run(self.run(request, {**request.tags, **own, **partition}))
        return True

    def run(self, request: dg.RunRequest, tags: dict[str, str]) -> dg.DagsterRun:
        """The run of a request, which waits to be started."""
        return dg.DagsterRun(job_name=str(request.job_name), run_id=str(uuid.uuid4()), tags=tags)


def source_of(run: dg.DagsterRun) -> str:
    return run.job_name.removeprefix(job_name(""))


def hours_of(tags: "dict[str, str] | dg.RunRequest") -> set[Hour]:
    """The hours that a run, or a request for one, is for."""
    if isinstance(tags, dg.RunRequest):
        partition = {_PARTITION: tags.partition_key} if tags.partition_key else {}
        return hours_of({**tags.tags, **partition})
    one = tags.get(_PARTITION, "")
    first, last = tags.get(RANGE_START_TAG, one), tags.get(RANGE_END_TAG, one)
    return set(Hour.parse(first).through(Hour.parse(last)))


def asked(run: dg.DagsterRun) -> dict[Hour, int]:
    """The attempt that a run is in each hour that it was asked for."""
    return {hour: attempt for hour, (_, attempt) in marks_of(source_of(run), run).items()}


def end(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    how: dg.DagsterEventType,
    at: datetime | None = None,
) -> None:
    """Let a run end."""
    event = DagsterEvent(how.value, run.job_name, message="")
    instance.report_dagster_event(
        event, run.run_id, timestamp=None if at is None else at.timestamp()
    )


def succeed(
    instance: dg.DagsterInstance, run: dg.DagsterRun, *loaded: Arrival, at: datetime | None = None
) -> None:
    """Let a run load some batches and end well."""
    for one in loaded:
        data = StepMaterializationData(_materialization(one))
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION.value
        event = DagsterEvent(kind, run.job_name, event_specific_data=data)
        instance.report_dagster_event(event, run.run_id)
    end(instance, run, dg.DagsterEventType.RUN_SUCCESS, at)


def load(instance: dg.DagsterInstance, one: Arrival) -> None:
    """Tell Dagster that a batch is loaded, as `redshift/<source>` does, whatever run it was."""
    instance.report_runless_asset_event(_materialization(one))


def _materialization(one: Arrival) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key("redshift", one.source),
        partition=str(one.hour),
        tags={"dagster/data_version": one.batch_id},
    )


def repository_of(
    contracts: dict[str, SourceContract], sensors: Callable[[list[Any]], list[Any]]
) -> dg.RepositoryDefinition:
    """What Dagster loads for some sources, with the sensors that are made for their jobs."""
    assets = [source_assets(contract) for contract in contracts.values()]
    jobs = [
        dg.define_asset_job(job_name(source), selection=dg.AssetSelection.assets(one))
        for source, one in zip(contracts, assets, strict=True)
    ]
    glue_jobs = dg.ResourceDefinition.none_resource()
    return dg.Definitions(
        assets=assets, jobs=jobs, sensors=sensors(jobs), resources={"glue_jobs": glue_jobs}
    ).get_repository_def()
