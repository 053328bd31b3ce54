"""The same in a warehouse with the isolation of older clusters, which looks at whole tables."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from etl_platform_tests.crash.feeds import Loads, serving_jobs
from etl_platform_tests.crash.pairs import FREE, PAIRS, Pair, race
from etl_platform_tests.crash.processes import Gate
from etl_platform_tests.load.endpoint import Endpoint
from infra.local.processes import Server


def _serializable(server: Server) -> Server:
    return replace(
        server, command=lambda port: (*server.command(port), "--isolation", "SERIALIZABLE")
    )


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with serving_jobs(tmp_path_factory.mktemp("serializable"), _serializable) as running:
        yield running


@pytest.mark.parametrize("pair_of", PAIRS)
@pytest.mark.parametrize("place", [*FREE, "load.before_commit"])
def test_two_loads_end_in_what_one_after_the_other_would(
    loads: Loads, gate: Gate, place: str, pair_of: Callable[[Loads], Pair]
) -> None:
    """P1, P2."""
    ((level,),) = loads.ask("SELECT isolation_level FROM stv_db_isolation_level")
    assert level == "Serializable"
    race(loads, gate, place, pair_of)
