"""Let go of old runs: Dagster itself keeps them, and all of their events, for ever.

What they said of hours is told to Dagster again from the ledger, by the sweep.
"""

from datetime import timedelta
from typing import Final

import dagster as dg

from etl_platform.components.sensor import Clock, utc_now

FORGET: Final = "forget_runs"

_STEP: Final = "delete_old_runs"
_NIGHTLY: Final = "23 3 * * *"
_AT_ONCE: Final = 100
_ENDED: Final = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]


class Keep(dg.Config):
    """How long runs are kept after their end."""

    days: int = 90


def retention(clock: Clock = utc_now) -> dg.Definitions:
    """The job that deletes old runs, and its schedule, which is off until somebody wants it."""

    @dg.op(name=_STEP, description="Deletes runs that ended long ago, with their events.")
    def delete_old_runs(context: dg.OpExecutionContext, config: Keep) -> None:
        forgotten = forget(context.instance, clock, config.days)
        context.log.info(f"{forgotten} runs that ended more than {config.days} days ago are gone")

    @dg.job(
        name=FORGET,
        executor_def=dg.in_process_executor,
        description="Deletes old runs. What the warehouse has of their hours is told again.",
    )
    def forget_runs() -> None:
        delete_old_runs()

    schedule = dg.ScheduleDefinition(
        job=forget_runs, cron_schedule=_NIGHTLY, execution_timezone="UTC"
    )
    return dg.Definitions(jobs=[forget_runs], schedules=[schedule])


def forget(instance: dg.DagsterInstance, clock: Clock, days: int) -> int:
    """Delete the runs that ended so long ago; how many there were."""
    old = dg.RunsFilter(statuses=_ENDED, updated_before=clock() - timedelta(days=days))
    forgotten = 0
    while ids := instance.get_run_ids(old, limit=_AT_ONCE):
        for run_id in ids:
            instance.delete_run(run_id)
        forgotten += len(ids)
    return forgotten
