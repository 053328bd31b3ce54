"""Two loads of one table, one held up at a checkpoint while the other runs into it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from etl_platform.contract.batch import Batch
from etl_platform.load.target import Target
from etl_platform_tests.crash.feeds import Loads
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


def same_hour(loads: Loads) -> Pair:
    batch = loads.batch(1, [(1, 2, "same"), (3, 1, "same")])
    return Pair(batch, batch)


def two_hours(loads: Loads) -> Pair:
    return Pair(loads.batch(1, [(1, 2, "one")]), loads.batch(2, [(1, 3, "two"), (3, 1, "two")]))


def old_and_new_manifest(loads: Loads) -> Pair:
    old = loads.batch(1, [(1, 2, "old"), (3, 1, "old")])
    return Pair(old, loads.batch(1, [(1, 3, "new"), (4, 1, "new")], manifest=1))


def new_and_old_manifest(loads: Loads) -> Pair:
    pair = old_and_new_manifest(loads)
    return Pair(pair.other, pair.held)


PAIRS = (same_hour, two_hours, old_and_new_manifest, new_and_old_manifest)


def waiters(loads: Loads) -> int:
    guard = Target(loads.contract).guard.table.name
    waiting = (
        "SELECT count(DISTINCT pid) FROM svv_transactions t JOIN pg_class c ON c.oid = t.relation"
        f" WHERE c.relname = '{guard}' AND NOT t.granted"
    )
    return int(loads.ask(waiting)[0][0])


def race(loads: Loads, gate: Gate, place: str, pair_of: Callable[[Loads], Pair]) -> None:
    """Hold one load up, run the other one into it, and look whether the table is what one after
    the other would make."""
    pair = pair_of(loads)
    with loads.start(pair.held, armed=f"{place}={gate.action}", run="held") as held:
        until(gate.reached)
        if place in FREE:
            (said,) = loads.load(pair.other, run="other")
            gate.open()
            (late,) = held.finish()
        else:
            with loads.start(pair.other, run="other") as other:
                until(lambda: waiters(loads) == 1)
                assert loads.holds_exactly()
                gate.open()
                (late,) = held.finish()
                (said,) = other.finish()
    assert loads.holds_exactly(*pair.batches)
    is_repeated = pair.held.batch_id == pair.other.batch_id
    outcomes = sorted([late.outcome, said.outcome])
    assert outcomes == (["already", "done"] if is_repeated else ["done", "done"])
