"""A load that stops and does not die: it holds up nobody for longer than its lease, and what it
does when it goes on changes nothing."""

import pytest

from etl_platform_tests.crash.feeds import Loads
from etl_platform_tests.crash.processes import until

IMPATIENT = ("--lock_look_every_s", "1", "--lock_lease_s", "2")
SHORT_OF_TIME = ("--lock_look_every_s", "1", "--lock_wait_s", "2")
HELD = ("load.after_lock", "load.after_copy", "load.after_inserts", "load.before_commit")


@pytest.mark.parametrize("place", HELD)
def test_a_stopped_load_is_overtaken_and_cannot_commit_when_it_goes_on(
    loads: Loads, place: str
) -> None:
    """P1, P4."""
    hour = loads.batch(1, [(2, 2, "new")])
    with loads.start(hour, armed=f"{place}=stop", run="stopped") as stopped:
        until(stopped.is_stopped)
        (report,) = loads.load(hour, run="other", options=IMPATIENT)
        assert report.outcome == "done"
        assert loads.holds_exactly(hour)
        (late,) = stopped.go_on_to_the_end()
    assert late.outcome == "already"
    assert late.facts["loaded_by"] == "other"
    assert loads.holds_exactly(hour)
    assert loads.is_free()


def test_a_stopped_load_of_another_hour_does_its_work_anew_when_it_goes_on(loads: Loads) -> None:
    """P1, P5."""
    hour, other = loads.batch(1, [(2, 2, "one")]), loads.batch(2, [(2, 3, "two")])
    with loads.start(hour, armed="load.before_commit=stop") as stopped:
        until(stopped.is_stopped)
        loads.load(other, run="other", options=IMPATIENT)
        assert loads.holds_exactly(other)
        (report,) = stopped.go_on_to_the_end()
    assert report.outcome == "done"
    assert loads.holds_exactly(hour, other)


def test_of_several_loads_that_wait_each_has_its_turn(loads: Loads) -> None:
    """P4."""
    hour, *others = (loads.batch(number, [(number, 2, "x")]) for number in range(1, 4))
    with loads.start(hour, armed="load.after_copy=stop") as stopped:
        until(stopped.is_stopped)
        first, second = (loads.start(other, options=IMPATIENT) for other in others)
        with first as one, second as two:
            reports = [*one.finish(), *two.finish()]
    assert [report.outcome for report in reports] == ["done", "done"]
    assert loads.holds_exactly(*others)


def test_within_the_lease_the_other_load_gives_up_and_says_who_holds_the_table(
    loads: Loads,
) -> None:
    """P4, P8."""
    hour = loads.batch(1, [(2, 2, "new")])
    with loads.start(hour, armed="load.before_commit=stop", run="stopped") as stopped:
        until(stopped.is_stopped)
        with loads.start(hour, options=SHORT_OF_TIME, run="other") as other:
            said = other.fail()
        assert "[TABLE_LOCKED]" in said
        assert f"etl-platform load {loads.contract.source}" in said
        assert "pg_terminate_backend" in said
        (report,) = stopped.go_on_to_the_end()
    assert report.outcome == "done"
    assert loads.holds_exactly(hour)


def test_a_stopped_load_that_never_goes_on_leaves_nothing(loads: Loads) -> None:
    """P4."""
    hour = loads.batch(1, [(2, 2, "new")])
    with loads.start(hour, armed="load.after_copy=stop") as stopped:
        until(stopped.is_stopped)
        loads.load(hour, run="other", options=IMPATIENT)
    assert loads.holds_exactly(hour)
    assert loads.is_free()
