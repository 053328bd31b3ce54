"""Old runs are let go of, and nothing else."""

from datetime import timedelta

import dagster as dg
import pytest

from etl_platform.components import retention
from etl_platform.components.retention import FORGET, forget
from etl_platform_tests.components import daemon
from etl_platform_tests.components.clock import Clock

ENDS = (
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
)


def _run(
    instance: dg.DagsterInstance, clock: Clock, days_ago: float, how: dg.DagsterEventType | None
) -> str:
    run = dg.DagsterRun(job_name="load_orders", status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    if how is not None:
        daemon.end(instance, run, how, clock.now - timedelta(days=days_ago))
    return run.run_id


@pytest.mark.parametrize("how", ENDS)
def test_runs_that_ended_long_ago_are_deleted_with_their_events(
    instance: dg.DagsterInstance, how: dg.DagsterEventType
) -> None:
    clock = Clock()
    old, young = (_run(instance, clock, days, how) for days in (90.1, 89.9))
    assert forget(instance, clock, 90) == 1
    assert instance.get_run_ids() == [young]
    assert instance.all_logs(old) == []
    assert instance.all_logs(young) != []


def test_a_run_that_has_not_ended_is_kept_however_old_it_is(instance: dg.DagsterInstance) -> None:
    clock = Clock()
    under_way = _run(instance, clock, 0, None)
    clock.pass_by(days=36500)
    assert forget(instance, clock, 1) == 0
    assert instance.get_run_ids() == [under_way]


def test_more_runs_than_are_looked_at_at_once_are_deleted_too(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 3)
    clock = Clock()
    for _ in range(7):
        _run(instance, clock, 2, ENDS[0])
    assert forget(instance, clock, 1) == 7
    assert instance.get_run_ids() == []


def test_the_job_keeps_as_many_days_as_it_is_told(instance: dg.DagsterInstance) -> None:
    clock = Clock()
    job = retention.retention(clock).resolve_job_def(FORGET)
    step = {"delete_old_runs": {"config": {"days": 3}}}
    old, young = (_run(instance, clock, days, ENDS[0]) for days in (4, 2))
    assert job.execute_in_process(run_config={"ops": step}, instance=instance).success
    kept = instance.get_run_ids()
    assert young in kept
    assert old not in kept


def test_the_schedule_is_off_until_somebody_wants_it() -> None:
    (schedule,) = retention.retention().schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
