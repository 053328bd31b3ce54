"""What Dagster is told: a change here changes what people see, so it is spelled out."""

from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._utils.pydantic_yaml import parse_yaml_file_to_pydantic
from pydantic import ValidationError

from etl_platform.components import S3ToRedshift
from etl_platform.components.events import Blocked, failed
from etl_platform.components.retention import FORGET
from etl_platform.contract.errors import ContractInvalid
from etl_platform.contract.hour import Hour
from etl_platform.contract.reading import DEFS, FILE_NAME, read_contract
from etl_platform.contract.source import SourceContract
from etl_platform.definitions import defs

STAGES = ("raw", "parquet", "redshift")
SOURCES = ("airlines", "flights", "weather")
DELAYS = dg.AssetKey(["aggregate", "delays_by_weather"])


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return defs()


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> AssetGraph:
    return definitions.resolve_asset_graph()


def test_an_expression_that_duckdb_refuses_ends_the_loading_with_its_line(tmp_path: Path) -> None:
    shipped = (DEFS / "weather" / FILE_NAME).read_text()
    folder = tmp_path / "defs" / "weather"
    folder.mkdir(parents=True)
    (folder / FILE_NAME).write_text(
        shipped.replace(
            "columns:\n", "columns:\n    - {name: p, type: varchar(9), pattern: 'a('}\n"
        )
    )
    line = 1 + shipped[: shipped.index("columns:\n")].count("\n") + 1
    contract = read_contract(folder / FILE_NAME)
    assert contract is not None
    context = dg.ComponentTree.for_test().load_context.for_path(folder)
    with pytest.raises(ContractInvalid, match=rf"weather/defs.yaml:{line}: columns\[0\].pattern"):
        S3ToRedshift(contract).build_defs(context)


def test_dagster_tells_of_a_broken_rule_in_the_words_of_the_rule() -> None:
    shipped = (DEFS / "weather" / FILE_NAME).read_text().replace("starts: 2013", "starts: 2033")
    attributes = yaml.safe_dump(yaml.safe_load(shipped)["attributes"])
    with pytest.raises(ValidationError, match=r"2014-01-02-00 is not after 2033"):
        parse_yaml_file_to_pydantic(SourceContract, attributes, FILE_NAME)


def test_the_failed_check_of_an_hour_says_where_its_rejects_are_and_why() -> None:
    reasons = [
        {
            "column": "temp",
            "reason": "not_a_decimal",
            "records": 3,
            "examples": [{"file": "s3://raw/weather.jsonl", "record": 1}],
        }
    ]
    facts = {"rows_read": 3, "rows_rejected": 3, "reasons": reasons}
    blocked = Blocked(Hour.parse("2013-01-01-12"), "REJECT_LIMIT", "3 of 3", facts)
    evaluation = failed("parquet", "weather", blocked)
    assert not evaluation.passed
    assert evaluation.description == "3 of 3"
    told = {name: value.value for name, value in evaluation.metadata.items()}
    table = evaluation.metadata["reasons"]
    assert isinstance(table, dg.TableMetadataValue)
    first = {"first_file": "weather.jsonl", "first_record": 1}
    said = {"column": "temp", "reason": "not_a_decimal", "records": 3}
    assert [record.data for record in table.records] == [{**said, **first}]
    facts["reasons"] = told["reasons"]
    assert told == {"hour_utc": "2013-01-01-12", "error_code": "REJECT_LIMIT", **facts}


def test_every_source_has_its_three_assets_in_a_row(graph: AssetGraph) -> None:
    expected = {dg.AssetKey([stage, source]) for stage in ("system", *STAGES) for source in SOURCES}
    assert graph.get_all_asset_keys() == {*expected, DELAYS}
    for source in SOURCES:
        raw, parquet, redshift = (graph.get(dg.AssetKey([stage, source])) for stage in STAGES)
        assert raw.parent_keys == {dg.AssetKey(["system", source])}
        assert parquet.parent_keys == {raw.key}
        assert redshift.parent_keys == {parquet.key}


def test_a_partition_is_an_hour_in_utc_and_never_half_of_one(graph: AssetGraph) -> None:
    partitions = graph.get(dg.AssetKey(["raw", "weather"])).partitions_def
    assert isinstance(partitions, dg.HourlyPartitionsDefinition)
    assert partitions.get_first_partition_key() == "2013-01-01-00"
    assert partitions.has_partition_key(str(Hour.parse("2013-03-10-07")))
    assert not partitions.has_partition_key("2013-03-10-07:30")
    # 23, 24 or 25 hours would show a day of another time zone.
    window = dg.TimeWindow(
        partitions.time_window_for_partition_key("2013-03-10-00").start,
        partitions.time_window_for_partition_key("2013-03-11-00").start,
    )
    assert len(partitions.get_partition_keys_in_time_window(window)) == 24


def test_a_month_asked_for_is_one_run_as_the_contract_says(graph: AssetGraph) -> None:
    for stage in STAGES:
        policy = graph.get(dg.AssetKey([stage, "weather"])).backfill_policy
        assert policy == dg.BackfillPolicy.multi_run(744)


def test_people_see_who_owns_an_asset_and_what_it_is(graph: AssetGraph) -> None:
    node = graph.get(dg.AssetKey(["redshift", "flights"]))
    assert node.group_name == "flights"
    assert node.owners == ["team:data-platform"]
    assert node.kinds == {"redshift", "glue"}
    assert node.metadata["dagster/table_name"] == "nyc.flights"
    schema = node.metadata["dagster/column_schema"]
    assert [column.name for column in schema.columns][:3] == ["time_hour", "carrier", "flight"]
    assert "scheduled departure" in (node.description or "")


def test_every_asset_has_its_checks(graph: AssetGraph) -> None:
    watched = {"completeness", "freshness", "volume", "counts_still_reconcile", "schema_drift"}
    names = {"raw": {"manifest_complete"}, "parquet": {"rejects_within_limit", "catalog_counts"},
             "redshift": {"counts_reconcile", *watched}}  # fmt: skip
    keyed = {(dg.AssetKey(["redshift", source]), "key_unique") for source in ("flights", "weather")}
    expected = {
        (dg.AssetKey([stage, source]), name)
        for stage in STAGES
        for name in names[stage]
        for source in SOURCES
    }
    assert {(key.asset_key, key.name) for key in graph.asset_check_keys} == expected | keyed


def test_a_run_that_loads_hours_has_no_check_of_whole_tables(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("load_weather")
    names = {key.name for key in job.asset_layer.asset_graph.asset_check_keys}
    assert names == {"manifest_complete", "rejects_within_limit", "counts_reconcile"}


def test_the_checks_are_on_each_hour_and_each_day(definitions: dg.Definitions) -> None:
    found = definitions.get_repository_def().schedule_defs
    schedules = {s.job_name: s for s in found if s.job_name != FORGET}
    assert {name: s.cron_schedule for name, s in schedules.items()} == {
        "watch_hours": "7 * * * *",
        "inspect_tables": "37 4 * * *",
    }
    for schedule in schedules.values():
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_an_aggregate_stands_behind_the_tables_that_it_reads(graph: AssetGraph) -> None:
    node = graph.get(DELAYS)
    assert node.parent_keys == {dg.AssetKey(["redshift", source]) for source in SOURCES}
    assert (node.group_name, node.owners) == ("aggregates", ["team:data-platform"])
    assert node.kinds == {"redshift", "sql"}
    assert node.metadata["dagster/table_name"] == "nyc.delays_by_weather"
    assert "time_hour" in [c.name for c in node.metadata["dagster/column_schema"].columns]
    assert "LEFT JOIN {weather} AS w" in (node.description or "")


def test_a_code_server_loads_all_of_it(definitions: dg.Definitions) -> None:
    definitions.get_repository_def().load_all_definitions()


def test_there_is_a_job_for_each_source(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    assert {f"load_{source}" for source in SOURCES} <= set(repository.job_names)


def test_the_queue_and_the_sweep_are_on_and_may_ask_for_every_job(
    definitions: dg.Definitions,
) -> None:
    sensors = {sensor.name: sensor for sensor in definitions.get_repository_def().sensor_defs}
    assert sensors["aggregates_follow"].default_status is dg.DefaultSensorStatus.RUNNING
    for name in ("manifest_sensor", "manifest_sweep"):
        sensor = sensors[name]
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
        assert {target.job_name for target in sensor.targets} == {f"load_{s}" for s in SOURCES}
        assert sensor.description


def test_a_source_may_be_called_as_the_job_of_another() -> None:
    weather = read_contract(DEFS / "weather" / FILE_NAME)
    assert weather is not None
    context = dg.ComponentTree.for_test().load_context
    sources = [weather, weather.model_copy(update={"source": "load_weather"})]
    made = [S3ToRedshift(source).build_defs(context) for source in sources]
    jobs = dg.Definitions.merge(
        *made, dg.Definitions(resources={"glue_jobs": dg.ResourceDefinition.none_resource()})
    ).resolve_all_job_defs()
    assert {"load_weather", "load_load_weather"} <= {job.name for job in jobs}


def test_the_steps_of_a_run_carry_the_source_in_their_names(definitions: dg.Definitions) -> None:
    plan = definitions.resolve_job_def("load_weather").graph
    (source,) = plan.nodes
    assert isinstance(source.definition, dg.GraphDefinition)
    steps = {node.name for node in source.definition.nodes}
    assert steps == {"weather__pin", "weather__convert", "weather__load"}
