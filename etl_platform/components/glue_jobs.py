"""Launch a Glue job through Dagster Pipes and wait for its report on every hour.

PipesGlueClient of dagster-aws is not used: it polls for ever on EXPIRED, leaves the job running
when anything but an interrupt ends the step, and accepts a job that reported nothing.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import dagster as dg

from etl_platform.aws import glue
from etl_platform.aws.glue import GlueRun, JobState
from etl_platform.aws.s3 import S3
from etl_platform.components.glue_watch import Patience, Watch
from etl_platform.components.pipes import messages_of, pipes_session
from etl_platform.contract.errors import (
    JobBusy,
    JobUnaccounted,
    PlatformError,
    ServiceRefused,
    ServiceUnavailable,
)
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.order import CONVERT, Order, Report
from etl_platform.contract.sizing import WORKER_TYPE, sized

_DOLLARS_PER_DPU_HOUR: Final = 0.44
"""Glue's price for Spark jobs in us-east-1 (https://aws.amazon.com/glue/pricing/)."""

_ORDER_ID: Final = "--order_id"
_DAGSTER_RUN: Final = "--dagster_run"


@dataclass(frozen=True)
class JobOutcome:
    """One finished run of a job with what it said of each hour."""

    run: GlueRun
    reports: dict[Hour, Report]

    @property
    def facts(self) -> dict[str, float | str | int]:
        """The cost and the place of the whole run, for the metadata of each of its hours."""
        return {
            "glue_job": self.run.job,
            "glue_run_id": self.run.run_id,
            "glue_log_group": self.run.log_group,
            "glue_attempt": self.run.attempt,
            "glue_workers": f"{self.run.workers} x {self.run.worker_type}",
            "glue_wait_seconds": self.run.waited_s,
            "glue_seconds": self.run.execution_s,
            "glue_dpu_seconds": self.run.dpu_seconds,
            "glue_dollars": round(self.run.dpu_seconds / 3600 * _DOLLARS_PER_DPU_HOUR, 6),
            "glue_hours_in_run": len(self.reports),
        }


@dataclass
class _Launch:
    """A start of a job, of which it may be unknown whether it made a run."""

    job: str
    order_id: str
    dagster_run: str
    arguments: dict[str, str] = field(default_factory=dict)
    run_id: str | None = None
    is_uncertain: bool = False


class GlueJobs(dg.ConfigurableResource[None]):
    """The two Glue jobs of the installation."""

    namespace: str
    first_poll_s: float = 0.25
    """The end of a job of two seconds is seen within half a second: the wait grows by a fifth each
    time, up to `slowest_poll_s`."""
    slowest_poll_s: float = 15.0
    slot_wait_s: float = 1800.0
    """How long a start waits for a free slot, here or in Glue's own queue, before the step fails
    with JOB_BUSY."""
    blind_s: float = 600.0
    """How long Glue may give no answer about a run before the step gives it up."""
    longest_run_s: float = 9 * 3600.0
    """No run is waited for longer. The jobs have a time limit of their own, which is shorter."""
    log_interval_s: float = 5.0
    most_log_lines: int = 5000
    """What of the output of a job is copied to the compute logs of its step."""

    def run(self, context: dg.OpExecutionContext, order: Order) -> JobOutcome:
        """Carry out an order and give the outcome.

        The run is stopped if this call is left early. A run that works on the same order, or has
        done so for this run of Dagster, is taken over instead of a second one being started.

        Raises JobBusy, JobFailed, JobCutShort, JobUnaccounted, ServiceRefused, ServiceUnavailable.
        """
        names = Names(self.namespace)
        job = names.convert_job if order.stage == CONVERT else names.load_job
        place = names.order(order.stage, order.order_id)
        S3().write(place, order.to_json())
        launch = _Launch(job, order.order_id, context.run_id)
        taken_over = self._taken_over(context, launch, order)
        if taken_over is not None:
            return taken_over
        attempt = f"{context.run_id}/{order.order_id}/{context.retry_number}/"
        folder = Location(names.artifacts_bucket, f"pipes/{attempt}")
        with pipes_session(context, folder) as session:
            launch.arguments = {
                "--order": str(place),
                _ORDER_ID: order.order_id,
                _DAGSTER_RUN: context.run_id,
                **session.get_bootstrap_cli_arguments(),
            }
            with self._stopped_on_exit(context, launch):
                run_id = self._start(context, launch, sized(order).workers)
                ended = self._watch(context, job, run_id).to_the_end()
        outcome = _outcome(ended, session.get_custom_messages())
        silent = _silent(order, outcome)
        if silent:
            raise JobUnaccounted(job, ended.run_id, silent)
        return outcome

    def _taken_over(
        self, context: dg.OpExecutionContext, launch: _Launch, order: Order
    ) -> JobOutcome | None:
        """What came of a run that a lost worker left behind, or that another step waits for."""
        twin = self._twin(launch)
        if twin is None:
            return None
        context.log.info(f"Glue run {twin.run_id} works on this order: it is taken over")
        if twin.arguments.get(_DAGSTER_RUN) == launch.dagster_run:
            # Nobody else waits for it, so it must not outlive this step.
            launch.run_id = twin.run_id
        with self._stopped_on_exit(context, launch):
            ended = self._watch(context, launch.job, twin.run_id).to_the_end()
        outcome = _outcome(ended, messages_of(ended.arguments))
        # Its session may have ended before it: then the order is given again, and found done.
        return None if _silent(order, outcome) else outcome

    def _twin(self, launch: _Launch) -> GlueRun | None:
        for run in glue.since(launch.job, self._horizon()):
            if run.arguments.get(_ORDER_ID) != launch.order_id:
                continue
            is_ours = run.arguments.get(_DAGSTER_RUN) == launch.dagster_run
            if not run.state.ended or (is_ours and run.state is JobState.SUCCEEDED):
                return run
        return None

    def _start(self, context: dg.OpExecutionContext, launch: _Launch, workers: int) -> str:
        began = time.monotonic()
        fault: JobBusy | ServiceUnavailable
        for pause_s in self._patience.pauses():
            try:
                launch.run_id = self._started(launch) if launch.is_uncertain else None
                if launch.run_id is None:
                    launch.is_uncertain = True
                    launch.run_id = glue.start(launch.job, launch.arguments, WORKER_TYPE, workers)
                launch.is_uncertain = False
            except JobBusy as error:
                launch.is_uncertain, fault = False, error
            except ServiceRefused:
                launch.is_uncertain = False
                raise
            except ServiceUnavailable as error:
                context.log.warning(f"{error}; whether there is a run is looked up")
                fault = error
            else:
                context.log.info(
                    f"Started Glue job {launch.job}, run {launch.run_id},"
                    f" on {workers} workers {WORKER_TYPE}"
                )
                return launch.run_id
            waited_s = time.monotonic() - began
            if waited_s > self.slot_wait_s:
                raise JobBusy(launch.job, waited_s) if isinstance(fault, JobBusy) else fault
            time.sleep(pause_s)
        raise AssertionError("the pauses never end")

    def _started(self, launch: _Launch) -> str | None:
        """The run that a start has made; its arguments name the session, so no other has them."""
        for run in glue.since(launch.job, self._horizon()):
            if run.arguments == launch.arguments:
                return run.run_id
        return None

    def _horizon(self) -> datetime:
        """No run that was asked for before can still be active."""
        return datetime.now(UTC) - timedelta(seconds=self.slot_wait_s + self.longest_run_s)

    @contextmanager
    def _stopped_on_exit(self, context: dg.OpExecutionContext, launch: _Launch) -> Iterator[None]:
        try:
            yield
        except BaseException:
            try:
                # An interrupt can come between a start and its answer.
                run_id = self._started(launch) if launch.is_uncertain else launch.run_id
                if run_id is not None:
                    glue.stop(launch.job, run_id)
            except PlatformError as error:
                context.log.error(f"The Glue run may go on: {error}")
            raise

    def _watch(self, context: dg.OpExecutionContext, job: str, run_id: str) -> Watch:
        return Watch(job, run_id, self._patience, context.log)

    @property
    def _patience(self) -> Patience:
        return Patience(
            self.first_poll_s,
            self.slowest_poll_s,
            self.slot_wait_s,
            self.blind_s,
            self.longest_run_s,
            self.log_interval_s,
            self.most_log_lines,
        )


def _outcome(run: GlueRun, said: Sequence[Any]) -> JobOutcome:
    reports = [Report.model_validate(report) for report in said]
    return JobOutcome(run, {report.hour: report for report in reports})


def _silent(order: Order, outcome: JobOutcome) -> list[str]:
    return [str(batch.hour) for batch in order.batches if batch.hour not in outcome.reports]
