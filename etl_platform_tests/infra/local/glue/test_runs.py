"""The state machine of a run, and the files that keep it."""

from itertools import product
from pathlib import Path

import pytest

from infra.local.glue.runs import (
    RUNS_KEPT_OF_A_JOB,
    SLOT_STATES,
    TERMINAL_STATES,
    IllegalMove,
    JobRun,
    JobRunState,
    RunStore,
)


def run_in(state: JobRunState, **changes: object) -> JobRun:
    run = JobRun(
        job_name="job",
        command_name="glueetl",
        script_location="s3://b/k.py",
        arguments={},
        all_arguments={},
        state=state,
        timeout_minutes=1,
        capacity_dpu=2.0,
        glue_version="6.0",
        execution_class="STANDARD",
    )
    return run.model_copy(update=changes)


def test_a_state_is_final_or_has_a_slot_or_waits() -> None:
    assert TERMINAL_STATES | SLOT_STATES | {JobRunState.WAITING} == frozenset(JobRunState)
    assert not TERMINAL_STATES & SLOT_STATES


@pytest.mark.parametrize(("final", "after"), list(product(sorted(TERMINAL_STATES), JobRunState)))
def test_an_ended_run_never_moves_again(final: JobRunState, after: JobRunState) -> None:
    with pytest.raises(IllegalMove):
        run_in(final).moved(after)


def test_time_in_the_queue_is_not_execution_time() -> None:
    run = run_in(JobRunState.WAITING, started_on=1.0).moved(JobRunState.STARTING)
    assert run.execution_time_s == 0
    ended = run.moved(JobRunState.RUNNING).moved(JobRunState.SUCCEEDED)
    assert ended.execution_time_s == 0
    assert ended.completed_on is not None


def test_dpu_seconds_are_capacity_times_execution_time() -> None:
    run = run_in(JobRunState.SUCCEEDED, running_since=100.0, completed_on=130.4)
    described = run.described()
    assert (described["ExecutionTime"], described["DPUSeconds"]) == (30, 60.0)


def test_a_kept_run_is_read_as_it_was(tmp_path: Path) -> None:
    runs = [run_in(JobRunState.SUCCEEDED, run_id=f"jr_{n}", started_on=float(n)) for n in range(3)]
    store = RunStore(tmp_path)
    for run in runs:
        store.put(run)
    assert RunStore(tmp_path).of_job("job") == runs[::-1]


def test_one_spoilt_file_does_not_hide_the_others(tmp_path: Path) -> None:
    RunStore(tmp_path).put(run_in(JobRunState.SUCCEEDED, run_id="jr_good"))
    (tmp_path / "jr_spoilt.json").write_text("{")
    assert [run.run_id for run in RunStore(tmp_path).all()] == ["jr_good"]


def test_old_runs_make_room_but_never_a_run_under_way(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.put(run_in(JobRunState.RUNNING, run_id="jr_running"))
    for number in range(RUNS_KEPT_OF_A_JOB + 5):
        store.put(run_in(JobRunState.SUCCEEDED, run_id=f"jr_{number}"))
    kept = {run.run_id for run in RunStore(tmp_path).all()}
    assert len(kept) == RUNS_KEPT_OF_A_JOB + 1
    assert "jr_running" in kept
    assert "jr_0" not in kept
