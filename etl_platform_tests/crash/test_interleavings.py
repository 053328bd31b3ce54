"""Two loads of one table, one held up at each checkpoint while the other runs into it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from etl_platform.contract.batch import Batch
from etl_platform.load.target import Target
from etl_platform_tests.crash.feeds import Loads
from etl_platform_tests.crash.places import LOAD
from etl_platform_tests.crash.processes import Gate, until

FREE = ("load.before_lock", "load.after_commit")
"""Where a load does not hold the table."""


@dataclass(frozen=True)
class Pair:
    """The batch of the load that is held up, and that of the other one."""

    held: Batch
    other: Batch

    @property
    def batches(self) -> Sequence[Batch]:
        return tuple({batch.batch_id: batch for batch in (self.held, self.other)}.values())


def _same_hour(loads: Loads) -> Pair:
    batch = loads.batch(1, [(1, 2, "same"), (3, 1, "same")])
    return Pair(batch, batch)


def _two_hours(loads: Loads) -> Pair:
    return Pair(loads.batch(1, [(1, 2, "one")]), loads.batch(2, [(1, 3, "two"), (3, 1, "two")]))


def _old_and_new_manifest(loads: Loads) -> Pair:
    old = loads.batch(1, [(1, 2, "old"), (3, 1, "old")])
    return Pair(old, loads.batch(1, [(1, 3, "new"), (4, 1, "new")], manifest=1))


def _new_and_old_manifest(loads: Loads) -> Pair:
    pair = _old_and_new_manifest(loads)
    return Pair(pair.other, pair.held)


PAIRS = (_same_hour, _two_hours, _old_and_new_manifest, _new_and_old_manifest)


def _waiters(loads: Loads) -> int:
    guard = Target(loads.contract).guard.table.name
    waiting = (
        "SELECT count(DISTINCT pid) FROM svv_transactions t JOIN pg_class c ON c.oid = t.relation"
        f" WHERE c.relname = '{guard}' AND NOT t.granted"
    )
    return int(loads.ask(waiting)[0][0])


@pytest.mark.parametrize("pair_of", PAIRS, ids=lambda pair: pair.__name__.strip("_"))
@pytest.mark.parametrize("place", LOAD)
def test_two_loads_end_in_what_one_after_the_other_would(
    loads: Loads, gate: Gate, place: str, pair_of: object
) -> None:
    """P1, P2."""
    assert callable(pair_of)
    pair: Pair = pair_of(loads)
    with loads.start(pair.held, armed=f"{place}={gate.action}", run="held") as held:
        until(gate.reached)
        if place in FREE:
            (said,) = loads.load(pair.other, run="other")
            gate.open()
            (late,) = held.finish()
        else:
            with loads.start(pair.other, run="other") as other:
                until(lambda: _waiters(loads) == 1)
                assert loads.holds_exactly()
                gate.open()
                (late,) = held.finish()
                (said,) = other.finish()
    assert loads.holds_exactly(*pair.batches)
    is_repeated = pair.held.batch_id == pair.other.batch_id
    outcomes = sorted([late.outcome, said.outcome])
    assert outcomes == (["already", "done"] if is_repeated else ["done", "done"])


@pytest.mark.parametrize("place", [place for place in LOAD if place not in FREE])
def test_the_load_that_waits_goes_on_when_the_other_one_is_killed(
    loads: Loads, gate: Gate, place: str
) -> None:
    """P1, P4, P5."""
    pair = _two_hours(loads)
    with loads.start(pair.held, armed=f"{place}={gate.action}", run="held") as held:
        until(gate.reached)
        with loads.start(pair.other, run="other") as other:
            until(lambda: _waiters(loads) == 1)
            held.process.kill()
            (said,) = other.finish()
    assert said.outcome == "done"
    assert loads.holds_exactly(pair.other)
    loads.load(pair.held, run="again")
    assert loads.holds_exactly(*pair.batches)
