"""How a step ends by an error of the platform."""

import dagster as dg
import pytest

from etl_platform.components import events
from etl_platform.components.events import ERROR_CODE_TAG
from etl_platform.components.stages import PARQUET
from etl_platform.contract.errors import JobBusy, JobFailed, PlatformError


def _ended_by(error: Exception, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    @dg.op
    def step(context: dg.OpExecutionContext) -> None:
        with events.errors_told(context, PARQUET, "feed"):
            raise error

    @dg.job
    def failing() -> None:
        step()

    return failing.execute_in_process(instance=instance, raise_on_error=False)


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (failure,) = (e for e in result.all_events if e.is_step_failure)
    told = failure.step_failure_data.user_failure_data
    assert told is not None
    return {name: value.value for name, value in told.metadata.items()}


def test_a_failed_job_is_told_with_the_newest_line_of_its_log_first(
    instance: dg.DagsterInstance,
) -> None:
    error = JobFailed("convert", "jr_1", "FAILED", "KeyError", ["first", "last"])
    result = _ended_by(error, instance)
    metadata = _metadata(result)
    assert metadata["error_code"] == "JOB_FAILED"
    assert metadata["glue_run_id"] == "jr_1"
    assert metadata["glue_last_errors_newest_first"] == "```\nlast\nfirst\n```"
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[ERROR_CODE_TAG] == "JOB_FAILED"


@pytest.mark.parametrize("error", [JobBusy("convert", 1)])
def test_an_error_that_may_pass_is_tried_again_before_the_run_ends(
    instance: dg.DagsterInstance, error: PlatformError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_FIRST_RETRY_S", 0)
    result = _ended_by(error, instance)
    assert len([e for e in result.all_events if e.is_step_up_for_retry]) == 3
    assert _metadata(result)["error_code"] == "JOB_BUSY"


def test_a_defect_keeps_its_traceback_and_gets_no_code(instance: dg.DagsterInstance) -> None:
    result = _ended_by(ValueError("a defect"), instance)
    (failure,) = (e for e in result.all_events if e.is_step_failure)
    assert failure.step_failure_data.error is not None
    assert "a defect" in failure.step_failure_data.error.to_string()
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert ERROR_CODE_TAG not in run.tags
