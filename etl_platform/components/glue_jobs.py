"""Launch a Glue job through Dagster Pipes and wait for its report on every hour.

PipesGlueClient of dagster-aws is not used: it polls for ever on EXPIRED, leaves the job running
when anything but an interrupt ends the step, and accepts a job that reported nothing.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from etl_platform.aws import glue
from etl_platform.aws.glue import GlueRun, JobState
from etl_platform.aws.s3 import S3
from etl_platform.components.pipes import pipes_session
from etl_platform.contract.errors import JobBusy, JobFailed, JobUnaccounted
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.order import CONVERT, Order, Report
from etl_platform.contract.sizing import WORKER_TYPE, sized

_DOLLARS_PER_DPU_HOUR = 0.44
"""Glue's price for Spark jobs in us-east-1 (https://aws.amazon.com/glue/pricing/)."""


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
            "glue_workers": f"{self.run.workers} x {self.run.worker_type}",
            "glue_seconds": self.run.execution_s,
            "glue_dpu_seconds": self.run.dpu_seconds,
            "glue_dollars": round(self.run.dpu_seconds / 3600 * _DOLLARS_PER_DPU_HOUR, 6),
            "glue_hours_in_run": len(self.reports),
        }


class GlueJobs(dg.ConfigurableResource[None]):
    """The two Glue jobs of the installation."""

    namespace: str
    first_poll_s: float = 0.25
    """The end of a job of two seconds is seen within half a second: the wait grows by a fifth each
    time, up to `slowest_poll_s`."""
    slowest_poll_s: float = 15.0
    slot_wait_s: float = 1800.0
    """How long a start waits for a free slot before the step fails with JOB_BUSY."""
    message_interval_s: float = 0.5

    def run(self, context: dg.OpExecutionContext, order: Order) -> JobOutcome:
        """Carry out an order and give the outcome.

        Raises JobBusy, JobFailed, JobUnaccounted. The job is stopped if this call is left early.
        """
        names = Names(self.namespace)
        job = names.convert_job if order.stage == CONVERT else names.load_job
        place = names.order(order.stage, order.order_id)
        S3().write(place, order.to_json())
        self._await_twin(context, job, order.order_id)
        folder = Location(names.artifacts_bucket, f"pipes/{context.run_id}/{order.order_id}/")
        with pipes_session(context, folder, self.message_interval_s) as session:
            arguments = {
                "--order": str(place),
                "--order_id": order.order_id,
                **session.get_bootstrap_cli_arguments(),
            }
            run_id = self._start(context, job, arguments, sized(order).workers)
            with _stopped_on_exit(job, run_id):
                ended = self._await_end(context, job, run_id)
        if ended.state is not JobState.SUCCEEDED:
            raise JobFailed(job, run_id, ended.state, ended.message)
        reports = [Report.model_validate(said) for said in session.get_custom_messages()]
        outcome = JobOutcome(ended, {report.hour: report for report in reports})
        silent = [str(b.hour) for b in order.batches if b.hour not in outcome.reports]
        if silent:
            raise JobUnaccounted(job, run_id, silent)
        return outcome

    def _await_twin(self, context: dg.OpExecutionContext, job: str, order_id: str) -> None:
        """Let a run of the same order end first: a lost worker may have left one behind.

        The order is then given again, and the job finds the work of its twin done.
        """
        for run in glue.recent(job):
            if not run.state.ended and run.arguments.get("--order_id") == order_id:
                context.log.info(f"Glue run {run.run_id} works on this order: waiting for its end")
                self._await_end(context, job, run.run_id)

    def _start(
        self, context: dg.OpExecutionContext, job: str, arguments: dict[str, str], workers: int
    ) -> str:
        began = time.monotonic()
        for pause_s in self._pauses():
            try:
                run_id = glue.start(job, arguments, WORKER_TYPE, workers)
            except JobBusy:
                waited_s = time.monotonic() - began
                if waited_s > self.slot_wait_s:
                    raise JobBusy(job, waited_s) from None
                time.sleep(pause_s)
            else:
                context.log.info(
                    f"Started Glue job {job}, run {run_id}, on {workers} workers {WORKER_TYPE}"
                )
                return run_id
        raise AssertionError("the pauses never end")

    def _await_end(self, context: dg.OpExecutionContext, job: str, run_id: str) -> GlueRun:
        state: JobState | None = None
        for pause_s in self._pauses():
            run = glue.find(job, run_id)
            if run.state is not state:
                state = run.state
                context.log.info(f"Glue run {run_id} is {state}")
            if state.ended:
                return run
            time.sleep(pause_s)
        raise AssertionError("the pauses never end")

    def _pauses(self) -> Iterator[float]:
        pause_s = self.first_poll_s
        while True:
            # Jitter: a hundred runs that start together must not ask Glue together for ever.
            yield pause_s * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret
            pause_s = min(pause_s * 1.2, self.slowest_poll_s)


@contextmanager
def _stopped_on_exit(job: str, run_id: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        glue.stop(job, run_id)
        raise
