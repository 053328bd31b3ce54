"""The client of Glue against a runner that shows every state and fault."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from etl_platform.aws import clients, glue
from etl_platform.components import glue_jobs
from etl_platform.contract.errors import (
    JobBusy,
    JobCutShort,
    JobFailed,
    JobUnaccounted,
    PlatformError,
    ServiceRefused,
    ServiceUnavailable,
    UnknownOutcome,
)
from etl_platform.contract.layout import Names
from etl_platform_tests.components.glue import HOURS, Launcher, bundle_in, reporting
from etl_platform_tests.infra.local.glue.conftest import BUCKET, Runner
from infra.local.servers import CREDENTIALS, REGION

LONG = reporting("    time.sleep(60)")
FAST_POLLS = {"slowest_poll_s": 0.3, "log_interval_s": 0.2}


@pytest.fixture(scope="session")
def bundle(runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> str:
    return bundle_in(runner, tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def launcher(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launcher]:
    upstream = runner.s3.meta.endpoint_url
    place = {"AWS_ENDPOINT_URL": upstream, "AWS_ENDPOINT_URL_GLUE": runner.url}
    for name, value in {**CREDENTIALS, **place, "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()
    names = Names(f"t-{uuid4().hex[:8]}")
    runner.s3.create_bucket(Bucket=names.artifacts_bucket)
    runner.turn()
    with dg.instance_for_test() as instance:
        yield Launcher(runner, names, dict(FAST_POLLS), instance)
    runner.turn()
    clients.client.cache_clear()


def _errors(launcher: Launcher) -> set[str]:
    return {run["JobRunState"] for run in launcher.runs()}


def test_a_job_reports_on_every_hour_and_its_output_and_cost_are_told(
    launcher: Launcher, bundle: str, capfd: pytest.CaptureFixture[str]
) -> None:
    launcher.with_script(reporting(), bundle)
    launched = launcher.launch()
    assert launched.outcome is not None
    assert sorted(launched.outcome.reports) == HOURS
    facts: Mapping[str, Any] = launched.outcome.facts
    assert facts["glue_hours_in_run"] == 3
    assert facts["glue_attempt"] == 0
    assert facts["glue_workers"] == "2 x G.1X"
    assert facts["glue_dpu_seconds"] == facts["glue_seconds"] * 2
    assert 0 <= facts["glue_wait_seconds"] < 30
    assert "reported 2026-11-23-02" in capfd.readouterr().out
    keys = [
        found["Key"]
        for found in launcher.runner.s3.list_objects_v2(Bucket=launcher.names.artifacts_bucket)[
            "Contents"
        ]
    ]
    # A policy lets the jobs write there and nowhere else.
    assert {key.split("/")[0] for key in keys} == {"orders", "pipes"}


def test_a_long_output_is_copied_up_to_a_limit(
    launcher: Launcher, bundle: str, capfd: pytest.CaptureFixture[str]
) -> None:
    launcher.with_script(reporting("    print('x\\n' * 3000)"), bundle)
    launched = replace(launcher, settings={**FAST_POLLS, "most_log_lines": 100}).launch()
    assert launched.result.success
    out = capfd.readouterr().out
    assert 50 < out.count("x\n") <= 100
    assert "the rest is in CloudWatch" in out


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("FAILED", JobFailed),
        ("STOPPED", JobFailed),
        ("TIMEOUT", JobCutShort),
        ("ERROR", JobCutShort),
        ("EXPIRED", JobCutShort),
    ],
)
def test_each_end_of_a_run_is_an_error_of_its_kind(
    launcher: Launcher, bundle: str, state: str, expected: type[PlatformError]
) -> None:
    launcher.with_script(LONG, bundle)
    launcher.runner.turn(runs=[{"job_name": launcher.job, "state": state, "message": "by a knob"}])
    launched = launcher.launch()
    assert type(launched.error) is expected
    assert f"as {state}" in str(launched.error)


def test_a_script_that_fails_is_told_with_the_end_of_its_log(
    launcher: Launcher, bundle: str
) -> None:
    launcher.with_script("import sys\nprint('before', file=sys.stderr)\n{}['missing']", bundle)
    error = launcher.launch().error
    assert isinstance(error, JobFailed)
    assert "KeyError: 'missing'" in str(error)
    assert error.log_tail[0] == "before"
    assert error.log_tail[-1] == "KeyError: 'missing'"


def test_a_script_that_failed_by_a_passing_error_may_be_tried_again(
    launcher: Launcher, bundle: str
) -> None:
    fails = "    from etl_platform.contract.errors import WarehouseUnavailable\n"
    fails += "    raise WarehouseUnavailable('here', 'paused')"
    launcher.with_script(reporting(fails), bundle)
    error = launcher.launch().error
    assert isinstance(error, JobCutShort)
    assert "WAREHOUSE_UNAVAILABLE" in str(error)


def test_a_job_that_says_nothing_of_an_hour_is_given_its_order_again(
    launcher: Launcher, bundle: str
) -> None:
    """P8: it may have done its work."""
    silent = reporting().replace("run.order.batches", "run.order.batches[:2]")
    launcher.with_script(silent, bundle)
    error = launcher.launch().error
    assert isinstance(error, JobUnaccounted)
    assert isinstance(error, UnknownOutcome)
    assert error.hours == (str(HOURS[2]),)
    launcher.runner.s3.put_object(
        Bucket=BUCKET, Key=f"{launcher.job}.py", Body=reporting().encode()
    )
    outcome = launcher.launch().outcome
    assert outcome is not None
    assert sorted(outcome.reports) == HOURS


def test_a_run_goes_on_while_glue_refuses_to_tell_of_it(launcher: Launcher, bundle: str) -> None:
    launcher.with_script(reporting("    time.sleep(1)"), bundle)
    launcher.runner.turn(
        calls=[
            {
                "operation": "GetJobRun",
                "code": "InternalServiceException",
                "status": 500,
                "times": 9,
            }
        ]
    )
    launched = launcher.launch()
    assert launched.outcome is not None
    assert len(launcher.runs()) == 1


def test_a_run_that_cannot_be_seen_for_too_long_is_stopped(
    launcher: Launcher, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher.with_script(LONG, bundle)

    def blind(job: str, run_id: str) -> glue.GlueRun:
        raise ServiceUnavailable("glue", f"GetJobRun {run_id}", "no answer")

    monkeypatch.setattr(glue, "find", blind)
    launched = replace(launcher, settings={**FAST_POLLS, "blind_s": 0.5}).launch()
    assert isinstance(launched.error, ServiceUnavailable)
    (run,) = launcher.runs()
    assert launcher.runner.wait(launcher.job, run["Id"])["JobRunState"] == "STOPPED"


def test_a_lost_answer_to_a_start_leads_to_no_second_run(launcher: Launcher, bundle: str) -> None:
    launcher.with_script(reporting(), bundle)
    launcher.runner.turn(calls=[{"operation": "StartJobRun", "is_carried_out": True}])
    launched = launcher.launch()
    assert launched.outcome is not None
    assert len(launcher.runs()) == 1


def test_a_throttled_start_is_tried_again(launcher: Launcher, bundle: str) -> None:
    launcher.with_script(reporting(), bundle)
    launcher.runner.turn(calls=[{"operation": "StartJobRun", "times": 2}])
    assert launcher.launch().outcome is not None
    assert len(launcher.runs()) == 1


def test_a_job_that_is_not_there_is_refused_at_once(launcher: Launcher) -> None:
    launched = launcher.launch()
    assert isinstance(launched.error, ServiceRefused)
    assert launcher.job in str(launched.error)


def test_a_start_waits_for_a_slot_and_no_longer_than_it_may(
    launcher: Launcher, bundle: str
) -> None:
    script = "import time; time.sleep(60)"
    launcher.with_script(script, bundle, ExecutionProperty={"MaxConcurrentRuns": 1})
    other = launcher.runner.start(launcher.job)
    launched = replace(launcher, settings={**FAST_POLLS, "slot_wait_s": 1.0}).launch()
    assert isinstance(launched.error, JobBusy)
    launcher.runner.glue.batch_stop_job_run(JobName=launcher.job, JobRunIds=[other])
    launcher.runner.wait(launcher.job, other)


def test_a_run_that_waits_in_the_queue_of_glue_is_given_up(launcher: Launcher, bundle: str) -> None:
    launcher.with_script(reporting(), bundle)
    launcher.runner.turn(runs=[{"job_name": launcher.job, "state": "EXPIRED", "after_s": 60.0}])
    launched = replace(launcher, settings={**FAST_POLLS, "slot_wait_s": 0.5}).launch()
    assert isinstance(launched.error, JobBusy)
    assert _errors(launcher) == {"STOPPED"}


def test_a_run_without_an_end_is_stopped(launcher: Launcher, bundle: str) -> None:
    launcher.with_script(LONG, bundle)
    launched = replace(launcher, settings={**FAST_POLLS, "longest_run_s": 1.0}).launch()
    assert isinstance(launched.error, JobCutShort)
    (run,) = launcher.runs()
    assert launcher.runner.wait(launcher.job, run["Id"])["JobRunState"] == "STOPPED"


@pytest.mark.parametrize("place", ["at a look", "between the start and its answer"])
def test_an_interrupt_stops_the_run_wherever_it_comes(
    launcher: Launcher, bundle: str, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    launcher.with_script(LONG, bundle)
    name = "find" if place == "at a look" else "start"
    real = getattr(glue, name)

    def interrupted(*given: object) -> object:
        real(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(glue, name, interrupted)
    assert isinstance(launcher.launch().error, KeyboardInterrupt)
    monkeypatch.setattr(glue, name, real)
    (run,) = launcher.runs()
    assert launcher.runner.wait(launcher.job, run["Id"])["JobRunState"] == "STOPPED"


def test_an_error_of_the_stop_does_not_hide_why_it_was_to_stop(
    launcher: Launcher, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher.with_script(LONG, bundle)

    real = glue.stop

    def refused(job: str, run_id: str) -> None:
        raise ServiceUnavailable("glue", "BatchStopJobRun", "no answer")

    monkeypatch.setattr(glue, "stop", refused)
    launched = replace(launcher, settings={**FAST_POLLS, "longest_run_s": 0.5}).launch()
    assert isinstance(launched.error, JobCutShort)
    assert any("may go on" in line for line in launched.said)
    monkeypatch.setattr(glue, "stop", real)
    (run,) = launcher.runs()
    glue.stop(launcher.job, run["Id"])


def test_a_stop_of_a_run_that_has_ended_is_no_error(launcher: Launcher, bundle: str) -> None:
    launcher.with_script(reporting(), bundle)
    launched = launcher.launch()
    assert launched.outcome is not None
    glue.stop(launcher.job, launched.outcome.run.run_id)


def test_a_step_that_comes_back_takes_over_the_run_that_it_left(
    launcher: Launcher, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher.with_script(reporting("    time.sleep(2)"), bundle)
    dagster_run = str(uuid4())
    _lose(launcher, monkeypatch, dagster_run)
    (left,) = launcher.runs()
    assert left["JobRunState"] not in ("STOPPED", "STOPPING")
    again = launcher.launch(dagster_run)
    assert again.outcome is not None
    assert again.outcome.run.run_id == left["Id"]
    assert sorted(again.outcome.reports) == HOURS
    assert len(launcher.runs()) == 1


def test_a_step_that_comes_back_late_finds_what_its_run_has_said(
    launcher: Launcher, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher.with_script(reporting(), bundle)
    dagster_run = str(uuid4())
    _lose(launcher, monkeypatch, dagster_run)
    (left,) = launcher.runs()
    launcher.runner.wait(launcher.job, left["Id"])
    again = launcher.launch(dagster_run)
    assert again.outcome is not None
    assert again.outcome.run.run_id == left["Id"]
    assert len(launcher.runs()) == 1


def test_the_same_order_of_another_day_is_carried_out_again(
    launcher: Launcher, bundle: str
) -> None:
    launcher.with_script(reporting(), bundle)
    first, second = launcher.launch(), launcher.launch()
    assert first.outcome is not None
    assert second.outcome is not None
    assert first.outcome.run.run_id != second.outcome.run.run_id


def test_two_steps_of_one_order_share_a_run_and_the_second_does_not_stop_it(
    launcher: Launcher, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher.with_script(reporting("    time.sleep(2)"), bundle)
    _lose(launcher, monkeypatch, str(uuid4()))
    shared = replace(launcher, settings={**FAST_POLLS, "longest_run_s": 0.2}).launch()
    assert isinstance(shared.error, JobCutShort)
    (run,) = launcher.runs()
    assert launcher.runner.wait(launcher.job, run["Id"])["JobRunState"] == "SUCCEEDED"


def _lose(launcher: Launcher, monkeypatch: pytest.MonkeyPatch, dagster_run: str) -> None:
    """Have a step start a job and end without stopping it, as a worker does that is killed."""
    with monkeypatch.context() as patch:

        def gone(job: str, run_id: str) -> glue.GlueRun:
            raise ServiceRefused("worker", "GetJobRun", "killed")

        patch.setattr(glue, "find", gone)
        patch.setattr(glue, "stop", lambda job, run_id: None)
        launcher.launch(dagster_run)
    launcher.instance.delete_run(dagster_run)


def test_the_end_of_a_short_job_is_seen_within_a_second() -> None:
    pauses = glue_jobs.GlueJobs(namespace="n")._patience.pauses()
    waited_s, looks = 0.0, 0
    while waited_s < 2.0:
        step = next(pauses)
        assert step < 1.0
        waited_s, looks = waited_s + step, looks + 1
    assert looks <= 10
    slow = [next(pauses) for _ in range(100)][-1]
    assert 10.0 <= slow <= 20.0
