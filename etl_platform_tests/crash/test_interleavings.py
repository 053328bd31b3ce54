"""Two loads of one table, one held up at each checkpoint while the other runs into it."""

from collections.abc import Callable

import pytest

from etl_platform_tests.crash.feeds import Loads
from etl_platform_tests.crash.pairs import FREE, PAIRS, Pair, race, two_hours, waiters
from etl_platform_tests.crash.places import LOAD
from etl_platform_tests.crash.processes import Gate, until


@pytest.mark.parametrize("pair_of", PAIRS)
@pytest.mark.parametrize("place", LOAD)
def test_two_loads_end_in_what_one_after_the_other_would(
    loads: Loads, gate: Gate, place: str, pair_of: Callable[[Loads], Pair]
) -> None:
    """P1, P2."""
    race(loads, gate, place, pair_of)


@pytest.mark.parametrize("place", [place for place in LOAD if place not in FREE])
def test_the_load_that_waits_goes_on_when_the_other_one_is_killed(
    loads: Loads, gate: Gate, place: str
) -> None:
    """P1, P4, P5."""
    pair = two_hours(loads)
    with loads.start(pair.held, armed=f"{place}={gate.action}", run="held") as held:
        until(gate.reached)
        with loads.start(pair.other, run="other") as other:
            until(lambda: waiters(loads) == 1)
            held.process.kill()
            (said,) = other.finish()
    assert said.outcome == "done"
    assert loads.holds_exactly(pair.other)
    loads.load(pair.held, run="again")
    assert loads.holds_exactly(*pair.batches)
