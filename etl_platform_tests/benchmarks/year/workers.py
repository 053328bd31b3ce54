"""What carries out the runs of the year: they pin for real; what Glue does to a batch is made up,
with faults, and Dagster is told of it by the events of the platform."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, Final, cast

import dagster as dg
from dagster._core.events import DagsterEvent, StepMaterializationData
from dagster._core.execution.plan.objects import StepFailureData

from etl_platform.components import events
from etl_platform.components.events import ERROR_CODE_TAG, Blocked
from etl_platform.components.facts import column_lineage
from etl_platform.components.past import PRIORITY_TAG, marks_of
from etl_platform.components.stages import PARQUET, RAW, REDSHIFT
from etl_platform.contract.batch import Batch
from etl_platform.contract.errors import (
    CommitUnknown,
    JobBusy,
    JobCutShort,
    JobFailed,
    JobUnaccounted,
    ManifestMissing,
    PlatformError,
    RejectLimitExceeded,
    ServiceUnavailable,
    WarehouseConflict,
    WarehouseUnavailable,
    may_pass,
)
from etl_platform.contract.hour import Hour
from etl_platform.contract.order import Report
from etl_platform.ingest.blocked import write_blocked
from etl_platform.ingest.pin import pin_all
from etl_platform_tests.benchmarks.year import home
from etl_platform_tests.benchmarks.year.feed import Buckets, Quality
from etl_platform_tests.benchmarks.year.warehouse import Warehouse
from etl_platform_tests.benchmarks.year.world import NAMES, World
from etl_platform_tests.components import daemon

_AT_ONCE: Final = 25
_PASSING: Final = (JobBusy, JobCutShort, ServiceUnavailable, WarehouseConflict)
_FACTS: Final = {
    "rows_rejected": 0,
    "rows_superseded": 0,
    "reasons": [],
    "unreadable_files": [],
    "rejects": [],
    "bytes_out": 6341,
}
_JOB: Final = {
    "glue_job": f"{NAMES.namespace}-convert",
    "glue_run_id": f"jr_{'0' * 64}",
    "glue_log_group": "/aws-glue/jobs",
    "glue_attempt": 1,
    "glue_workers": "2 x G.1X",
    "glue_wait_seconds": 8.0,
    "glue_seconds": 61.0,
    "glue_dpu_seconds": 122.0,
    "glue_dollars": 0.014911,
    "glue_hours_in_run": 1,
}


@dataclass(frozen=True)
class _Fate:
    """How a run ends: with an error, or without a word; before or after its commit."""

    code: str | None = None
    is_lost: bool = False
    has_committed: bool = False
    is_cancelled: bool = False

    @property
    def is_well(self) -> bool:
        return not (self.code or self.is_lost or self.is_cancelled)


@dataclass
class Workers:
    """Dagster's run queue with its workers, and Glue behind them."""

    world: World
    instance: dg.DagsterInstance
    buckets: Buckets
    warehouse: Warehouse
    left_to_people: set[tuple[str, Hour]] = field(default_factory=set)
    """Hours of which a run ended so that no other is asked for by itself."""
    runs: int = 0
    _active: dict[str, dg.DagsterRun] = field(default_factory=dict)

    @property
    def under_way(self) -> int:
        """Runs that have not ended."""
        unended = dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED]
        )
        return self.instance.get_runs_count(unended)

    def dequeue(self) -> None:
        """Start what waits, the most urgent first."""
        free = _AT_ONCE - len(self._active)
        if free <= 0 or any(stretch.has(self.world.now) for stretch in self.world.downs):
            return
        waiting = dg.RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED])
        found = self.instance.get_runs(waiting, ascending=True)
        for run in sorted(found, key=lambda run: -int(run.tags[PRIORITY_TAG]))[:free]:
            self._start(run)

    def go_down(self) -> None:
        """The processes of all runs are gone with Dagster; Glue may have gone on."""
        lost, self._active = self._active, {}
        up = next(stretch.end for stretch in self.world.downs if stretch.has(self.world.now))
        for run in lost.values():
            self._leave_to_people(run, _Fate(is_lost=True))
            self.world.at(up, partial(self._end, run, dg.DagsterEventType.RUN_FAILURE))
            if self.world.happens(0.5) and not self.buckets.is_out:
                self.warehouse.load(self._converted(self._pinned(run)), run.run_id, self.world.now)

    def _start(self, run: dg.DagsterRun) -> None:
        self.runs += 1
        self._active[run.run_id] = run
        daemon.end(self.instance, run, dg.DagsterEventType.RUN_START, self.world.now)
        pinned: Mapping[Hour, Batch | PlatformError] = {}
        fate = self._fate()
        try:
            pinned = self._pinned(run)
        except ServiceUnavailable as error:
            fate = _Fate(error.code)
        minutes = self.world.random.uniform(2, 8)
        self.world.after(partial(self._finish, run, pinned, fate), minutes=minutes)

    def _pinned(self, run: dg.DagsterRun) -> Mapping[Hour, Batch | PlatformError]:
        hours = sorted(daemon.hours_of(dict(run.tags)))
        return pin_all(self.buckets, NAMES, daemon.source_of(run), hours)

    def _fate(self) -> _Fate:
        odds, happens = self.world.span.odds, self.world.happens
        if self.warehouse.is_out:
            return _Fate(WarehouseUnavailable.code)
        for share, fate in (
            (odds.passing_fault, _Fate(self.world.random.choice(_PASSING).code)),
            (odds.lost_run, _Fate(is_lost=True)),
            (odds.lost_after_commit, _Fate(is_lost=True, has_committed=True)),
            (odds.unknown_commit, _Fate(CommitUnknown.code, has_committed=True)),
            (odds.failed_for_good, _Fate(JobFailed.code)),
            (odds.unaccounted, _Fate(JobUnaccounted.code, has_committed=True)),
            (odds.cancelled, _Fate(is_cancelled=True)),
        ):
            if happens(share):
                self.buckets.counts[f"runs: {self._named(fate)}"] += 1
                return fate
        return _Fate()

    def _named(self, fate: _Fate) -> str:
        how = "cancelled" if fate.is_cancelled else "lost" if fate.is_lost else str(fate.code)
        return f"{how} after the commit" if fate.has_committed else how

    def _finish(
        self, run: dg.DagsterRun, pinned: Mapping[Hour, Batch | PlatformError], fate: _Fate
    ) -> None:
        if self._active.pop(run.run_id, None) is None:
            return
        self.world.after(self.dequeue, seconds=1)
        if self.buckets.is_out:
            # Then nothing can be read either, and nothing has come of the run.
            fate, pinned = _Fate(ServiceUnavailable.code), {}
        if not fate.is_lost:
            self._tell_pinned(run, pinned)
        converted = self._converted(pinned)
        if fate.is_well:
            self._tell(run, pinned, converted)
            return
        self._leave_to_people(run, fate)
        if fate.has_committed:
            self.warehouse.load(converted, run.run_id, self.world.now)
        if fate.code:
            self._fail(run, fate.code)
        ended = dg.DagsterEventType.RUN_CANCELED if fate.is_cancelled else None
        self._end(run, ended or dg.DagsterEventType.RUN_FAILURE)

    def _leave_to_people(self, run: dg.DagsterRun, fate: _Fate) -> None:
        """Keep which hours no retry is due for, after a run that has not ended well."""
        source = daemon.source_of(run)
        is_for_good = fate.is_cancelled or (fate.code is not None and not may_pass(fate.code))
        times = self.world.span.contracts[source].retries.times
        for hour, (_, attempt) in marks_of(source, run).items():
            if is_for_good or attempt > times:
                self.left_to_people.add((source, hour))

    def _converted(self, pinned: Mapping[Hour, Batch | PlatformError]) -> list[Batch]:
        return [
            result
            for result in pinned.values()
            if isinstance(result, Batch) and not self._is_bad(result)
        ]

    def _is_bad(self, batch: Batch) -> bool:
        first = NAMES.raw_folder(batch.source, batch.hour) / "a.csv"
        version = next(file.version_id for file in batch.files if file.key == first.key)
        return self.buckets.read(first, version).decode().endswith(Quality.BAD_DATA)

    def _tell_pinned(
        self, run: dg.DagsterRun, pinned: Mapping[Hour, Batch | PlatformError]
    ) -> None:
        """The first step of a source, which is over before Glue begins."""
        batches = [batch for batch in pinned.values() if isinstance(batch, Batch)]
        refused = [
            Blocked.by(hour, error)
            for hour, error in pinned.items()
            if isinstance(error, PlatformError) and not isinstance(error, ManifestMissing)
        ]
        self._tell_stage(run, RAW, {b.hour: events.pinned(b) for b in batches}, refused)

    def _tell(
        self,
        run: dg.DagsterRun,
        pinned: Mapping[Hour, Batch | PlatformError],
        converted: list[Batch],
    ) -> None:
        """Let a run come to its end, hour by hour, as the other two steps of a source do."""
        home.store(self.instance, home.other_events_of(run, self.world.now))
        bad = [
            Blocked.by(batch.hour, RejectLimitExceeded(str(batch), 50, 100, "1%", (), "rejects"))
            for batch in pinned.values()
            if isinstance(batch, Batch) and batch not in converted
        ]
        done = self.warehouse.load(converted, run.run_id, self.world.now)
        parquet = dict(self._reported(run, PARQUET, converted, dict.fromkeys(done, "done")))
        self._tell_stage(run, PARQUET, parquet, bad)
        self._tell_stage(run, REDSHIFT, dict(self._reported(run, REDSHIFT, converted, done)), [])
        if not converted:
            errors = [e.code for e in pinned.values() if isinstance(e, PlatformError)]
            self._fail(run, bad[0].code if bad else errors[0])
        how = dg.DagsterEventType.RUN_SUCCESS if converted else dg.DagsterEventType.RUN_FAILURE
        self._end(run, how)

    def _reported(
        self, run: dg.DagsterRun, stage: str, batches: list[Batch], outcomes: Mapping[Hour, Any]
    ) -> Iterator[tuple[Hour, dg.AssetMaterialization]]:
        contract = self.world.span.contracts[daemon.source_of(run)]
        for batch in batches:
            more = column_lineage(stage, contract) if batch is batches[-1] else {}
            facts = {"rows_read": 1, "rows_written": 1, **_FACTS}
            report = Report(
                hour=batch.hour,
                batch_id=batch.batch_id,
                outcome=outcomes[batch.hour],
                facts=facts,
            )
            yield batch.hour, events.reported(stage, batch, report, _JOB, more)

    def _tell_stage(
        self,
        run: dg.DagsterRun,
        stage: str,
        made: Mapping[Hour, dg.AssetMaterialization],
        blocked: list[Blocked],
    ) -> None:
        source, storage = daemon.source_of(run), self.buckets
        for materialization in made.values():
            self._report(
                run,
                dg.DagsterEventType.ASSET_MATERIALIZATION,
                StepMaterializationData(materialization),
            )
        context = cast(dg.OpExecutionContext, SimpleNamespace(instance=self.instance))
        checks = list(events.passed(context, stage, source, dict.fromkeys(made, _FACTS)))
        for one in blocked:
            write_blocked(storage, NAMES, source, one.hour, stage, one.code, one.message)
            checks.append(events.failed(stage, source, one))
            self.left_to_people.add((source, one.hour))
        for check in checks:
            self._report(run, dg.DagsterEventType.ASSET_CHECK_EVALUATION, check)

    def _fail(self, run: dg.DagsterRun, code: str) -> None:
        self.instance.add_run_tags(run.run_id, {ERROR_CODE_TAG: code})
        self._report(run, dg.DagsterEventType.STEP_FAILURE, StepFailureData(None, None))

    def _end(self, run: dg.DagsterRun, how: dg.DagsterEventType) -> None:
        daemon.end(self.instance, run, how, self.world.now)

    def _report(self, run: dg.DagsterRun, kind: dg.DagsterEventType, data: Any) -> None:
        event = DagsterEvent(kind.value, run.job_name, event_specific_data=data)
        self.instance.report_dagster_event(event, run.run_id, timestamp=self.world.now.timestamp())
