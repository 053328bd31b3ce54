"""Jobs as boto3 starts, watches and stops them."""

import time

import psutil
import pytest
from botocore.exceptions import ClientError

from etl_platform_tests.infra.local.glue.conftest import BUCKET, Runner

SLEEP = "import time; print('begun', flush=True); time.sleep(60)"


def _begun(runner: Runner, job: str, run_id: str) -> None:
    runner.wait(job, run_id, "RUNNING")
    while True:
        try:
            if runner.output(run_id):
                return
        except ClientError:
            pass
        time.sleep(0.05)


def _slots(count: int) -> dict[str, object]:
    return {"ExecutionProperty": {"MaxConcurrentRuns": count}}


def test_a_script_runs_with_the_arguments_of_the_job_and_of_the_run(runner: Runner) -> None:
    job = runner.job(
        "import sys; print(sys.argv[1:])",
        DefaultArguments={"--order": "default", "--kept": "yes", "--enable-metrics": "true"},
        NonOverridableArguments={"--fixed": "1"},
    )
    run_id = runner.start(job, Arguments={"--order": "s3://a/b", "--fixed": "2"})
    run = runner.wait(job, run_id)
    assert run["JobRunState"] == "SUCCEEDED"
    (line,) = runner.output(run_id)
    words = eval(line)  # noqa: S307 - the test's own output
    arguments = dict(zip(words[::2], words[1::2], strict=True))
    assert arguments.pop("--JOB_ID").startswith("j_")
    assert arguments == {
        "--JOB_RUN_ID": run_id,
        "--JOB_NAME": job,
        "--order": "s3://a/b",
        "--kept": "yes",
        "--fixed": "1",
    }


def test_a_run_is_described_as_aws_describes_it(runner: Runner) -> None:
    job = runner.job("import time; time.sleep(1.2)")
    run = runner.wait(job, runner.start(job, Arguments={"--a": "b"}))
    assert run["Arguments"] == {"--a": "b"}
    assert run["LogGroupName"] == "/aws-glue/jobs"
    assert (run["WorkerType"], run["NumberOfWorkers"], run["MaxCapacity"]) == ("G.2X", 3, 6.0)
    assert (run["GlueVersion"], run["Timeout"], run["Attempt"]) == ("6.0", 5, 0)
    assert run["StartedOn"] <= run["CompletedOn"]
    assert run["ExecutionTime"] >= 1
    assert run["DPUSeconds"] == run["ExecutionTime"] * 6
    assert "ErrorMessage" not in run


def test_a_script_that_raises_fails_with_its_exception(runner: Runner) -> None:
    job = runner.job("import sys; print('out'); print('err', file=sys.stderr); {}['missing']")
    run_id = runner.start(job)
    run = runner.wait(job, run_id)
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", "KeyError: 'missing'")
    assert runner.output(run_id) == ["out"]
    errors = runner.output(run_id, "error")
    assert errors[0] == "err"
    assert errors[-1] == "KeyError: 'missing'"


def test_an_exit_code_without_a_word_fails_with_the_code(runner: Runner) -> None:
    job = runner.job("raise SystemExit(3)")
    run = runner.wait(job, runner.start(job))
    assert (run["JobRunState"], run["ErrorMessage"]) == (
        "FAILED",
        "Command failed with exit code 3",
    )


def test_a_script_that_is_not_there_fails_the_run_and_names_it(runner: Runner) -> None:
    command = {"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/nowhere.py"}
    job = runner.job("", Command=command)
    run = runner.wait(job, runner.start(job))
    assert run["JobRunState"] == "FAILED"
    assert "nowhere.py" in run["ErrorMessage"]


def test_output_reaches_cloudwatch_while_the_job_runs(runner: Runner) -> None:
    job = runner.job(SLEEP)
    run_id = runner.start(job)
    _begun(runner, job, run_id)
    assert runner.run(job, run_id)["JobRunState"] == "RUNNING"
    runner.glue.batch_stop_job_run(JobName=job, JobRunIds=[run_id])
    runner.wait(job, run_id)


def test_a_stopped_run_lets_the_script_tidy_up(runner: Runner) -> None:
    job = runner.job(
        "import signal, sys, time\n"
        "def end(*_): print('tidied', flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('begun', flush=True); time.sleep(60)"
    )
    run_id = runner.start(job)
    _begun(runner, job, run_id)
    answer = runner.glue.batch_stop_job_run(JobName=job, JobRunIds=[run_id, "jr_unknown"])
    assert answer["SuccessfulSubmissions"] == [{"JobName": job, "JobRunId": run_id}]
    (refused,) = answer["Errors"]
    assert refused["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    assert runner.wait(job, run_id)["JobRunState"] == "STOPPED"
    assert runner.output(run_id) == ["begun", "tidied"]


def test_a_run_that_ended_cannot_be_stopped(runner: Runner) -> None:
    job = runner.job("")
    run_id = runner.start(job)
    runner.wait(job, run_id)
    (refused,) = runner.glue.batch_stop_job_run(JobName=job, JobRunIds=[run_id])["Errors"]
    assert refused["ErrorDetail"]["ErrorCode"] == "InvalidInputException"


def test_more_runs_than_slots_are_refused_in_the_words_of_aws(runner: Runner) -> None:
    job = runner.job(SLEEP)
    run_id = runner.start(job)
    with pytest.raises(ClientError, match=f"Concurrent runs exceeded for {job}") as refused:
        runner.start(job)
    assert refused.value.response["Error"]["Code"] == "ConcurrentRunsExceededException"
    runner.glue.batch_stop_job_run(JobName=job, JobRunIds=[run_id])
    runner.wait(job, run_id)


def test_a_run_that_may_queue_waits_and_then_starts(runner: Runner) -> None:
    job = runner.job(SLEEP, **_slots(1), JobRunQueuingEnabled=True)
    first, second = runner.start(job), runner.start(job)
    third = runner.start(job)
    assert runner.run(job, second)["JobRunState"] == "WAITING"
    runner.glue.batch_stop_job_run(JobName=job, JobRunIds=[third])
    assert runner.run(job, third)["JobRunState"] == "STOPPED"
    runner.glue.batch_stop_job_run(JobName=job, JobRunIds=[first])
    assert runner.wait(job, second, "RUNNING")["JobRunState"] == "RUNNING"
    runner.glue.batch_stop_job_run(JobName=job, JobRunIds=[second])
    runner.wait(job, second)


def test_runs_are_listed_newest_first_page_by_page(runner: Runner) -> None:
    job = runner.job("", **_slots(5))
    ids = [runner.start(job) for _ in range(5)]
    pages = runner.glue.get_paginator("get_job_runs").paginate(
        JobName=job, PaginationConfig={"PageSize": 2}
    )
    pages = [[run["Id"] for run in page["JobRuns"]] for page in pages]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [run_id for page in pages for run_id in page] == ids[::-1]
    for run_id in ids:
        runner.wait(job, run_id)


def test_an_unknown_job_or_run_is_not_found(runner: Runner) -> None:
    job = runner.job("")
    for call in (
        lambda: runner.start("no-such-job"),
        lambda: runner.run(job, "jr_unknown"),
        lambda: runner.glue.get_job_runs(JobName="no-such-job"),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "EntityNotFoundException"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"Arguments": {"order": "x"}}, id="an argument without dashes"),
        pytest.param({"MaxCapacity": 2.0, "WorkerType": "G.1X"}, id="capacity and workers"),
        pytest.param({"WorkerType": "G.9X"}, id="an unknown worker"),
        pytest.param({"NumberOfWorkers": 1}, id="one worker for Spark"),
    ],
)
def test_a_wrong_request_is_refused(runner: Runner, wrong: dict[str, object]) -> None:
    job = runner.job("")
    with pytest.raises(ClientError) as refused:
        runner.start(job, **wrong)
    assert refused.value.response["Error"]["Code"] == "InvalidInputException"


def test_settings_that_the_emulator_forgets_are_kept(runner: Runner) -> None:
    job = runner.job("", **_slots(4), JobRunQueuingEnabled=True)
    described = runner.glue.get_job(JobName=job)["Job"]
    assert described["ExecutionProperty"] == {"MaxConcurrentRuns": 4}
    assert described["JobRunQueuingEnabled"] is True
    runner.glue.update_job(JobName=job, JobUpdate={"Role": "other", **_slots(7)})
    (listed,) = (one for one in runner.glue.get_jobs()["Jobs"] if one["Name"] == job)
    assert (listed["Role"], listed["ExecutionProperty"]) == ("other", {"MaxConcurrentRuns": 7})
    assert "JobRunQueuingEnabled" not in listed


def test_every_other_call_is_the_emulators(runner: Runner) -> None:
    runner.glue.create_database(DatabaseInput={"Name": "through_the_runner"})
    assert runner.glue.get_database(Name="through_the_runner")["Database"]["Name"]
    with pytest.raises(runner.glue.exceptions.EntityNotFoundException):
        runner.glue.get_table(DatabaseName="through_the_runner", Name="missing")


def test_runs_survive_a_restart_and_those_under_way_are_in_error(runner: Runner) -> None:
    job = runner.job(SLEEP, **_slots(1), JobRunQueuingEnabled=True)
    done = runner.job("")
    done_id = runner.start(done)
    runner.wait(done, done_id)
    first, waiting = runner.start(job), runner.start(job)
    _begun(runner, job, first)
    runner.restart()
    assert runner.run(done, done_id)["JobRunState"] == "SUCCEEDED"
    assert runner.run(job, first)["JobRunState"] == "ERROR"
    assert runner.wait(job, waiting, "RUNNING")["JobRunState"] == "RUNNING"
    runner.glue.batch_stop_job_run(JobName=job, JobRunIds=[waiting])
    runner.wait(job, waiting)


def test_a_job_does_not_outlive_a_runner_that_was_killed(runner: Runner) -> None:
    job = runner.job("import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    run_id = runner.start(job)
    _begun(runner, job, run_id)
    pid = int(runner.output(run_id)[0])
    runner.kill()
    run = runner.run(job, run_id)
    assert (run["JobRunState"], run["ErrorMessage"]) == (
        "ERROR",
        "The job runner ended under the run",
    )
    while psutil.pid_exists(pid):
        time.sleep(0.05)
