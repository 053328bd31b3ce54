import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from dagster_graphql.schema import create_schema
from graphql import GraphQLSchema, parse, validate

from etl_platform import dagster_api
from etl_platform.contract.errors import ServiceUnavailable
from etl_platform.dagster_api import (
    EVENTS,
    JOBS,
    LAUNCH,
    RELOAD,
    RUNS,
    SENSORS,
    DagsterApi,
    Run,
)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    made: GraphQLSchema = create_schema().graphql_schema
    return made


@pytest.mark.parametrize("query", [RUNS, EVENTS, SENSORS, JOBS, LAUNCH, RELOAD])
def test_every_query_is_one_that_this_release_of_dagster_answers(
    schema: GraphQLSchema, query: str
) -> None:
    assert validate(schema, parse(query)) == []


def test_a_webserver_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(ServiceUnavailable, match="dagster"):
        DagsterApi("http://127.0.0.1:1").runs(0)


@contextmanager
def slow_to_launch(gate: threading.Event) -> Iterator[str]:
    """A webserver that knows one job, and launches it when the gate is open."""
    node = {"name": "repository", "location": {"name": "place"}, "jobs": [{"name": "load_orders"}]}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["query"]
            data: dict[str, object] = {"repositoriesOrError": {"nodes": [node]}}
            if asked == LAUNCH:
                gate.wait(10)
                data = {"launchRun": {"run": {"runId": "launched"}}}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"data": data}).encode())

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        gate.set()
        server.shutdown()


def test_a_run_of_many_hours_has_more_time_to_be_launched_than_a_question_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()
    with slow_to_launch(gate) as address:
        opening = threading.Timer(0.5, gate.set)
        opening.start()
        monkeypatch.setattr(dagster_api.DagsterApi._ask, "__defaults__", (0.2,))
        assert DagsterApi(address).launch("load_orders", {}) == "launched"
        opening.join()


def test_a_launch_has_its_bound_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dagster_api, "_LAUNCHES_WITHIN_S", 0.2)
    with (
        slow_to_launch(threading.Event()) as address,
        pytest.raises(ServiceUnavailable, match="timed out"),
    ):
        DagsterApi(address).launch("load_orders", {})


@pytest.mark.parametrize(
    ("tags", "hours"),
    [
        pytest.param({"dagster/partition": "a"}, ("a", "a"), id="one hour"),
        pytest.param(
            {
                "dagster/asset_partition_range_start": "a",
                "dagster/asset_partition_range_end": "b",
            },
            ("a", "b"),
            id="a range",
        ),
        pytest.param({}, ("", ""), id="none"),
    ],
)
def test_a_run_knows_the_hours_that_it_was_asked_for(
    tags: dict[str, str], hours: tuple[str, str]
) -> None:
    assert Run("id", "load_weather", "STARTED", 0, None, None, tags).hour_keys == hours
