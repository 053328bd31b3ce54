"""The load dies at each checkpoint in each way; the next run leaves what a good one would."""

import json
from collections.abc import Iterator

import pytest

from etl_platform.aws.clients import client
from etl_platform_tests.aws.proxy import Cut, cutting_proxy
from etl_platform_tests.crash.feeds import Loads, secret_of
from etl_platform_tests.crash.places import LOAD, WAYS
from etl_platform_tests.crash.processes import Gate, until
from etl_platform_tests.load.samples import NAMES


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", LOAD)
def test_a_load_that_dies_leaves_all_or_nothing_and_the_next_one_ends_it(
    loads: Loads, place: str, way: str
) -> None:
    """P1, P2, P4."""
    hour = loads.batch(1, [(2, 2, "new"), (3, 1, "new")])
    with loads.start(hour, armed=f"{place}={way}", run="first") as job:
        WAYS[way](job)
    assert loads.is_free()
    is_loaded = place == "load.after_commit"
    assert loads.holds_exactly(*([hour] if is_loaded else []))
    (report,) = loads.load(hour, run="second")
    assert report.outcome == ("already" if is_loaded else "done")
    assert loads.holds_exactly(hour)
    assert loads.rows == [(1, 1, "old"), (2, 2, "new"), (3, 1, "new")]


@pytest.fixture
def cut(loads: Loads) -> Iterator[Cut]:
    """A connection that can be cut between the job and the warehouse."""
    service, secrets = loads.endpoint.service, client("secretsmanager")
    cut = Cut(answer_only=True)
    with cutting_proxy(service.port, cut) as port:
        through = json.dumps(secret_of(service, port=port))
        secrets.put_secret_value(SecretId=NAMES.service_secret, SecretString=through)
        yield cut
    straight = json.dumps(secret_of(service))
    secrets.put_secret_value(SecretId=NAMES.service_secret, SecretString=straight)


@pytest.mark.parametrize("answer_only", [True, False], ids=["answer lost", "COMMIT lost"])
def test_a_job_whose_connection_breaks_at_commit_looks_and_says_what_is_true(
    loads: Loads, cut: Cut, gate: Gate, answer_only: bool
) -> None:
    """P1, P8."""
    hour = loads.batch(1, [(2, 2, "new")])
    cut.answer_only = answer_only
    with loads.start(hour, armed=f"load.before_commit={gate.action}") as job:
        until(gate.reached)
        cut.armed = True
        gate.open()
        (report,) = job.finish()
    assert report.outcome == "done"
    assert loads.holds_exactly(hour)
    assert not cut.armed
