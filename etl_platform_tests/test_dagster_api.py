import pytest
from dagster_graphql.schema import create_schema
from graphql import GraphQLSchema, parse, validate

from etl_platform.contract.errors import ServiceUnavailable
from etl_platform.dagster_api import EVENTS, JOBS, LAUNCH, RUNS, SENSORS, DagsterApi, Run


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return create_schema().graphql_schema


@pytest.mark.parametrize("query", [RUNS, EVENTS, SENSORS, JOBS, LAUNCH])
def test_every_query_is_one_that_this_release_of_dagster_answers(
    schema: GraphQLSchema, query: str
) -> None:
    assert validate(schema, parse(query)) == []


def test_a_webserver_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(ServiceUnavailable, match="dagster"):
        DagsterApi("http://127.0.0.1:1").runs(0)


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
