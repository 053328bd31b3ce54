"""What the sweep asks for once more, and what it tells Dagster of instead."""

import dagster as dg
import pytest

from etl_platform.components import sweep as module
from etl_platform.components.events import ERROR_CODE_TAG
from etl_platform.components.past import ATTEMPT_TAG
from etl_platform.components.stages import PARQUET, RAW, REDSHIFT
from etl_platform.contract.errors import (
    WarehouseUnavailable,
)
from etl_platform.contract.hour import Hour
from etl_platform_tests.components import daemon
from etl_platform_tests.components.daemon import hours_of, load
from etl_platform_tests.components.sweeping import RETRIES, Stage


def _fail(stage: Stage, code: str | None = None) -> None:
    """Let the newest run fail now, by an error of a step if it has a code."""
    if code is not None:
        stage.daemon.instance.add_run_tags(stage.newest_run.run_id, {ERROR_CODE_TAG: code})
    _end(stage, dg.DagsterEventType.RUN_FAILURE)


def _end(stage: Stage, how: dg.DagsterEventType) -> None:
    """Let the newest run end now."""
    daemon.end(stage.daemon.instance, stage.newest_run, how, stage.clock.now)


@pytest.mark.parametrize(
    "code",
    ["WAREHOUSE_UNAVAILABLE", "JOB_CUT_SHORT", "COMMIT_UNKNOWN", "JOB_UNACCOUNTED", None],
)
def test_an_hour_that_failed_by_a_passing_fault_is_asked_for_again_after_a_while(
    stage: Stage, code: str | None
) -> None:
    """P4. Without a code: the process of the run was lost."""
    stage.land("orders", stage.clock.hour)
    stage.sweep()
    _fail(stage, code)
    stage.clock.pass_by(minutes=9)
    assert stage.sweep() == []
    stage.clock.pass_by(minutes=1)
    (again,) = stage.sweep()
    assert again.tags[ATTEMPT_TAG] == "2"
    assert stage.sweep() == []


def test_each_wait_is_twice_the_one_before_and_the_retries_end(stage: Stage) -> None:
    stage.land("visits", stage.clock.hour)
    stage.sweep()
    minutes = []
    for _ in range(RETRIES.times):
        _fail(stage, "JOB_BUSY")
        waited = 0
        while not stage.sweep():
            stage.clock.pass_by(minutes=5)
            waited += 5
        minutes.append(waited)
    assert minutes == [10, 20, 40, 80, 160, 320]
    _fail(stage, "JOB_BUSY")
    stage.clock.pass_by(minutes=60 * 24)
    assert stage.sweep() == []


@pytest.mark.parametrize("code", ["REJECT_LIMIT", "MANIFEST_INVALID", "JOB_FAILED"])
def test_an_hour_that_is_blocked_for_good_is_left_to_people(stage: Stage, code: str) -> None:
    stage.land("orders", stage.clock.hour)
    stage.sweep()
    _fail(stage, code)
    stage.clock.pass_by(minutes=60 * 24)
    assert stage.sweep() == []


def test_a_run_that_failed_and_whose_hour_is_loaded_since_is_forgotten(stage: Stage) -> None:
    arrival = stage.land("orders", stage.clock.hour)
    stage.sweep()
    _fail(stage, "JOB_BUSY")
    load(stage.daemon.instance, arrival)
    stage.clock.pass_by(minutes=60)
    assert stage.sweep() == []


def test_a_contract_may_want_no_retries(stage: Stage) -> None:
    stage.land("closed", Hour.parse("2013-02-01-00"))
    stage.sweep()
    _fail(stage, "JOB_BUSY")
    stage.clock.pass_by(minutes=60 * 24)
    assert stage.sweep() == []


def test_what_dagster_has_forgotten_is_told_to_it_again_and_not_asked_for(stage: Stage) -> None:
    """P4, P8: the events of a run that is deleted are gone with it."""
    arrival = stage.land("orders", stage.clock.hour)
    stage.sweep()
    stage.load(arrival)
    stage.daemon.instance.delete_run(stage.newest_run.run_id)
    assert stage.known(arrival) == []
    assert stage.sweep() == []
    told = [record.asset_materialization for record in stage.known(arrival)]
    assert [one.asset_key.path[0] for one in told if one] == [RAW, PARQUET, REDSHIFT]
    tags = [one.tags or {} for one in told if one]
    assert all(of_one["dagster/data_version"] == arrival.batch_id for of_one in tags)
    loaded = told[-1]
    assert loaded is not None
    assert (loaded.metadata["rows_read"].value, loaded.metadata["rows_applied"].value) == (3, 2)
    assert stage.sweep() == []
    assert len(stage.known(arrival)) == 3


@pytest.mark.parametrize("code", ["JOB_BUSY", None])
def test_an_hour_whose_run_was_lost_after_its_commit_is_told_and_not_tried_again(
    stage: Stage, code: str | None
) -> None:
    """P8."""
    arrival = stage.land("orders", stage.clock.hour)
    stage.sweep()
    stage.commit(arrival)
    _fail(stage, code)
    stage.clock.pass_by(minutes=10)
    assert stage.sweep() == []
    assert len(stage.known(arrival)) == 3


@pytest.mark.parametrize("end", [dg.DagsterEventType.RUN_CANCELED, dg.DagsterEventType.RUN_FAILURE])
def test_an_hour_whose_last_run_was_cut_off_after_its_commit_is_told(
    stage: Stage, end: dg.DagsterEventType
) -> None:
    """P8. The contract wants no retries, and nobody asks again."""
    arrival = stage.land("closed", Hour.parse("2013-02-01-00"))
    stage.sweep()
    stage.commit(arrival)
    _end(stage, end)
    assert stage.sweep() == []
    assert len(stage.known(arrival)) == 3


@pytest.mark.parametrize("end", [dg.DagsterEventType.RUN_CANCELED, dg.DagsterEventType.RUN_FAILURE])
def test_an_hour_whose_last_run_was_cut_off_before_its_commit_stays_with_people(
    stage: Stage, end: dg.DagsterEventType
) -> None:
    arrival = stage.land("closed", Hour.parse("2013-02-01-00"))
    stage.sweep()
    _end(stage, end)
    assert stage.sweep() == []
    assert stage.known(arrival) == []


def test_the_ledger_is_asked_for_a_while_only_about_a_run_that_was_cut_off(stage: Stage) -> None:
    stage.land("closed", Hour.parse("2013-02-01-00"))
    stage.sweep()
    _end(stage, dg.DagsterEventType.RUN_CANCELED)
    for minutes, asked in ((29, ["closed"]), (2, [])):
        stage.asked_of_ledger.clear()
        stage.clock.pass_by(minutes=minutes)
        stage.sweep()
        assert stage.asked_of_ledger == asked


def test_many_hours_that_dagster_has_forgotten_are_told_by_several_ticks(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_TOLD", 2)
    first = Hour.parse("2013-02-01-00")
    arrivals = [stage.land("visits", first.plus(number), grace=False) for number in range(5)]
    stage.clock.pass_by(minutes=6)
    stage.sweep()
    for arrival in arrivals:
        stage.load(arrival)
    stage.daemon.instance.delete_run(stage.newest_run.run_id)
    told = []
    for _ in range(3):
        assert stage.sweep() == []
        told.append(sum(bool(stage.known(arrival)) for arrival in arrivals))
    assert told == [2, 4, 5]


def test_a_ledger_that_does_not_answer_leaves_the_hour_to_its_run(stage: Stage) -> None:
    stage.land("orders", stage.clock.hour)
    stage.ledgers_fail_with = WarehouseUnavailable("here", "paused")
    (request,) = stage.sweep()
    assert hours_of(request) == {stage.clock.hour}


def test_the_ledger_is_not_asked_for_hours_that_are_blocked(stage: Stage) -> None:
    stage.land("orders", stage.clock.hour.plus(-3))
    stage.sweep()
    stage.asked_of_ledger.clear()
    _fail(stage, "REJECT_LIMIT")
    stage.clock.pass_by(minutes=60)
    stage.sweep()
    assert stage.asked_of_ledger == []
