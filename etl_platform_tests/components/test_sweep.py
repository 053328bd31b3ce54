"""The sweep as the sure way: what no event announced is asked for, and nothing else."""

import dagster as dg
import pytest

from etl_platform.components import sweep as module
from etl_platform.components.past import HOURS_TAG, PRIORITY_TAG
from etl_platform.components.sweep import MANIFEST_SWEEP
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location
from etl_platform_tests.components.daemon import Death, hours_of, load
from etl_platform_tests.components.sweeping import NAMES, Stage, Watched


def test_an_hour_that_no_event_announced_is_asked_for_once(stage: Stage) -> None:
    """B3."""
    stage.land("orders", stage.clock.hour)
    (request,) = stage.sweep()
    assert (request.job_name, hours_of(request)) == ("load_orders", {stage.clock.hour})
    assert stage.sweep() == []
    assert stage.asked == [("orders", stage.clock.hour)]


def test_a_manifest_that_has_just_come_is_left_to_the_queue(stage: Stage) -> None:
    stage.land("orders", stage.clock.hour, grace=False)
    assert stage.sweep() == []
    stage.clock.pass_by(minutes=5)
    assert len(stage.sweep()) == 1


def test_what_the_queue_has_asked_for_is_not_asked_for_again(stage: Stage) -> None:
    stage.announce(stage.land("orders", stage.clock.hour, grace=False))
    assert len(stage.daemon.tick(stage.sensor)) == 1
    stage.clock.pass_by(minutes=30)
    assert stage.sweep() == []


def test_an_event_that_comes_after_the_sweep_asks_for_nothing(stage: Stage) -> None:
    arrival = stage.land("orders", stage.clock.hour)
    stage.sweep()
    stage.announce(arrival)
    assert stage.daemon.tick(stage.sensor) == []
    assert len(stage.queue) == 0
    assert stage.asked == [("orders", stage.clock.hour)]


def test_what_a_backfill_has_loaded_is_not_asked_for(stage: Stage) -> None:
    load(stage.daemon.instance, stage.land("orders", stage.clock.hour))
    assert stage.sweep() == []


def test_a_manifest_that_is_written_again_is_asked_for_again(stage: Stage) -> None:
    """B4."""
    load(stage.daemon.instance, stage.land("orders", stage.clock.hour))
    stage.land("orders", stage.clock.hour)
    assert len(stage.sweep()) == 1


def test_hours_that_landed_while_everything_was_down_are_few_runs(stage: Stage) -> None:
    now = stage.clock.hour
    for number in range(1, 31):
        stage.land("orders", now.plus(-number), grace=False)
    stage.clock.pass_by(minutes=6)
    requests = stage.sweep()
    assert [len(hours_of(request)) for request in requests] == [1, 24, 5]
    assert [int(request.tags[PRIORITY_TAG]) for request in requests] == [10, 0, 0]
    assert len(stage.asked) == 30


def test_deliveries_that_lie_half_a_day_apart_share_runs(stage: Stage) -> None:
    """Each run starts two Glue jobs, and passes over the hours between at a look each."""
    first = Hour.parse("2013-02-01-06")
    landed = [first.plus(12 * number) for number in range(6)]
    for hour in landed:
        stage.land("visits", hour, grace=False)
    stage.clock.pass_by(minutes=6)
    requests = stage.sweep()
    assert [len(hours_of(request)) for request in requests] == [13, 13, 13]
    assert stage.asked == [("visits", hour) for hour in landed]


def test_an_old_hour_of_any_source_is_found_by_the_walk(stage: Stage) -> None:
    old = Hour.parse("2013-03-01-05")
    stage.land("closed", old)
    stage.land("visits", old)
    stage.sweep()
    assert stage.asked == [("closed", old), ("visits", old)]


def test_hours_that_are_none_of_the_contract_are_passed_over(stage: Stage) -> None:
    stage.land("closed", Hour.parse("2013-06-01-00"))
    stage.land("orders", Hour.parse("2012-12-31-23"))
    stage.land("orders", stage.clock.hour.plus(1))
    assert stage.sweep() == []


@pytest.mark.parametrize("death", Death)
def test_a_tick_that_dies_anywhere_makes_each_run_once(stage: Stage, death: Death) -> None:
    """P1, P4."""
    now = stage.clock.hour
    hours = [now.plus(-number) for number in (0, 20, 21, 400)]
    for hour in hours:
        stage.land("orders", hour)
    stage.sweep(death)
    stage.daemon.forget_what_is_written_down()
    for _ in range(3):
        stage.sweep()
    assert [hour for _, hour in stage.asked] == sorted(hours)


def test_a_walk_that_a_tick_cannot_end_goes_on_in_the_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEEP_MANIFESTS", 3)
    stage.storage = Watched(stage.storage.root, objects_a_page=2)
    first = Hour.parse("2013-02-01-00")
    hours = [first.plus(24 * number) for number in range(10)]
    for source in ("closed", "visits"):
        for hour in hours:
            stage.land(source, hour, grace=False)
    stage.clock.pass_by(minutes=6)
    asked = []
    for _ in range(12):
        stage.sweep()
        asked.append(len(stage.asked))
    assert asked[0] < 20
    assert asked[-1] == 20
    assert asked == sorted(asked)


def test_more_hours_than_a_tick_may_ask_for_are_asked_for_by_the_next_ones(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_REQUESTS", 2)
    first = Hour.parse("2013-02-01-00")
    for number in range(5):
        stage.land("visits", first.plus(240 * number), grace=False)
    stage.clock.pass_by(minutes=6)
    assert [len(stage.sweep()) for _ in range(4)] == [2, 2, 1, 0]


def test_a_bucket_that_cannot_be_listed_stops_no_other_source(stage: Stage) -> None:
    """P5."""
    stage.land("orders", stage.clock.hour)
    stage.land("visits", stage.clock.hour)
    Watched.lost = frozenset({NAMES.raw_bucket("orders")})
    try:
        stage.sweep()
        assert stage.asked == [("visits", stage.clock.hour)]
    finally:
        Watched.lost = frozenset()
    stage.sweep()
    assert len(stage.asked) == 2


@pytest.mark.parametrize("cursor", ["", "null", "[]", "{", '{"form": 1}', "[" * 100_000])
def test_a_cursor_that_cannot_be_read_begins_the_walk_again(stage: Stage, cursor: str) -> None:
    stage.land("visits", Hour.parse("2013-02-01-00"))
    stage.daemon.cursors[MANIFEST_SWEEP] = cursor
    assert len(stage.sweep()) == 1


def test_many_files_of_an_hour_cost_no_more_requests_than_a_few(stage: Stage) -> None:
    hour = stage.clock.hour.plus(-3)
    stage.land("orders", hour)
    Watched.pages = 0
    stage.sweep()
    few = Watched.pages
    for number in range(500):
        stage.storage.write(
            Location(NAMES.raw_bucket("orders"), f"{hour.folder}n-{number:04d}.csv"), b""
        )
    stage.storage = Watched(stage.storage.root, objects_a_page=10)
    Watched.pages = 0
    stage.sweep()
    assert Watched.pages <= few + 2


def test_a_tick_that_finds_nothing_says_how_far_it_has_looked(stage: Stage) -> None:
    load(stage.daemon.instance, stage.land("orders", stage.clock.hour))
    result = stage.sweeping.evaluate_tick(
        dg.build_sensor_context(
            stage.daemon.instance,
            repository_def=stage.daemon.repository,
            sensor_name=MANIFEST_SWEEP,
        )
    )
    assert result.skip_message is not None
    assert "nothing is missing among 1 recent manifests and 1 of the walk" in result.skip_message


def test_a_run_says_which_hours_it_is_for(stage: Stage) -> None:
    now = stage.clock.hour
    for number in (5, 6):
        stage.land("orders", now.plus(-number))
    (request,) = stage.sweep()
    assert request.tags[HOURS_TAG] == f"{now.plus(-6)} to {now.plus(-5)}"
