"""Faults that the runner is told to show."""

import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from etl_platform_tests.infra.local.glue.conftest import Runner

QUICK = "print('ran')"
SLEEP = "import time; print('begun', flush=True); time.sleep(60)"


def test_so_many_calls_fail_as_they_are_told_and_the_next_one_does_not(runner: Runner) -> None:
    job = runner.job(QUICK)
    run_id = runner.start(job)
    # The test's client sends a refused call again once or twice: each of them counts.
    refusal = {"operation": "GetJobRun", "code": "InvalidInputException", "message": "by a knob"}
    runner.turn(calls=[{**refusal, "times": 2}])
    for _ in range(2):
        with pytest.raises(ClientError, match="by a knob"):
            runner.run(job, run_id)
    assert runner.wait(job, run_id)["JobRunState"] == "SUCCEEDED"


def test_an_answer_is_lost_and_its_call_was_carried_out(runner: Runner) -> None:
    job = runner.job(QUICK, ExecutionProperty={"MaxConcurrentRuns": 9})
    runner.turn(calls=[{"operation": "StartJobRun", "is_carried_out": True, "times": 9}])
    with pytest.raises(ConnectionClosedError):
        runner.start(job)
    runner.turn()
    # A client that sends a start again whose answer was lost has made more than one run.
    assert len(runner.glue.get_job_runs(JobName=job)["JobRuns"]) > 1


@pytest.mark.parametrize("state", ["FAILED", "TIMEOUT", "ERROR", "STOPPED"])
def test_a_run_ends_in_any_state_while_its_script_still_runs(runner: Runner, state: str) -> None:
    job = runner.job(SLEEP)
    runner.turn(runs=[{"job_name": job, "state": state, "message": "by a knob", "after_s": 0.3}])
    run = runner.wait(job, runner.start(job))
    assert (run["JobRunState"], run["ErrorMessage"]) == (state, "by a knob")
    second = runner.start(job)
    assert runner.wait(job, second, "RUNNING")["JobRunState"] == "RUNNING"
    runner.glue.batch_stop_job_run(JobName=job, JobRunIds=[second])
    runner.wait(job, second)


def test_a_run_waits_for_a_slot_until_it_expires(runner: Runner) -> None:
    job = runner.job(QUICK)
    runner.turn(runs=[{"job_name": job, "state": "EXPIRED", "after_s": 0.5}])
    began = time.monotonic()
    run_id = runner.start(job)
    assert runner.run(job, run_id)["JobRunState"] == "WAITING"
    run = runner.wait(job, run_id)
    assert run["JobRunState"] == "EXPIRED"
    assert run["ExecutionTime"] == 0
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize(
    "knobs",
    [
        {"calls": [{"operation": "DeleteJob"}]},
        {"runs": [{"job_name": "j", "state": "SUCCEEDED"}]},
        {"other": []},
    ],
)
def test_a_knob_that_the_runner_has_not_is_refused(
    runner: Runner, knobs: dict[str, list[dict[str, str]]]
) -> None:
    with pytest.raises(ValueError, match="400"):
        runner.turn(**knobs)
