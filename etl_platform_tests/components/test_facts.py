"""What people see of an hour: tables, links and numbers made of what the jobs said."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from etl_platform.components import facts
from etl_platform.components.descriptions import description
from etl_platform.components.stages import PARQUET, RAW, REDSHIFT
from etl_platform.contract.batch import Batch, SourceFile
from etl_platform.contract.hour import Hour
from etl_platform.contract.source import SourceContract
from etl_platform_tests.convert.samples import contract

FEED = contract(
    [
        {"name": "a", "type": "integer", "path": "x.a"},
        {"name": "b", "type": "integer"},
        {"name": "made", "type": "integer", "expression": "a + b"},
    ],
    {"type": "json"},
    unknown="capture",
)
BATCH = Batch(
    source="feed",
    hour=Hour.parse("2026-11-23-00"),
    manifest_url="s3://n-raw-feed/2026/11/23/00/manifest.json",
    manifest_version="1",
    manifest_at=datetime(2026, 11, 23, 1, tzinfo=UTC),
    files=(SourceFile(bucket="n-raw-feed", key="k", version_id="1", size_bytes=1),),
)
SAID = {
    "commit": "s3://n-processed-feed/year=2026/b/_commit.json",
    "glue_job": "n-convert",
    "glue_run_id": "jr_1",
    "glue_log_group": "/aws-glue/jobs",
}


@pytest.fixture
def on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.mark.usefixtures("on_aws")
def test_links_lead_to_the_folder_the_run_and_its_log() -> None:
    console = "https://eu-west-1.console.aws.amazon.com"
    found = {name: link.value for name, link in facts.links(PARQUET, BATCH, SAID).items()}
    assert found == {
        "parquet_files": f"{console}/s3/buckets/n-processed-feed?region=eu-west-1"
        "&prefix=year%3D2026/b/",
        "athena": f"{console}/athena/home?region=eu-west-1#/query-editor",
        "glue_run": f"{console}/gluestudio/home?region=eu-west-1#/job/n-convert/run/jr_1",
        "glue_logs": f"{console}/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/"
        "$252Faws-glue$252Fjobs$252Foutput/log-events/jr_1",
    }
    (raw,) = facts.links(RAW, BATCH, {}).values()
    assert raw.value == f"{console}/s3/buckets/n-raw-feed?region=eu-west-1&prefix=2026/11/23/00/"


@pytest.mark.usefixtures("on_aws")
def test_where_aws_is_another_endpoint_no_link_leads_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert facts.links(PARQUET, BATCH, SAID) == {}


def test_the_time_since_the_manifest_is_a_number_that_plots() -> None:
    now = BATCH.manifest_at + timedelta(seconds=12.34)
    assert facts.latency(BATCH, now) == {"seconds_since_manifest": 12.3}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (["day", "hour"], "day, hour"),
        (["s3://b/one"], dg.MetadataValue.path("s3://b/one")),
        (["s3://b/one", "s3://b/two"], dg.MetadataValue.json(["s3://b/one", "s3://b/two"])),
        ({"name": 3}, dg.MetadataValue.json({"name": 3})),
        (0, 0),
        ("", ""),
    ],
)
def test_a_fact_is_shown_as_what_it_is(value: object, shown: object) -> None:
    assert facts.shown({"fact": value}) == {"fact": shown}


@pytest.mark.parametrize("name", ["reasons", "unreadable_files", "values_truncated"])
def test_nothing_is_shown_of_what_there_is_none_of(name: str) -> None:
    assert facts.shown({name: []}) == facts.shown({name: {}}) == {}


def test_reasons_are_a_table_with_the_first_record_of_each() -> None:
    of_a_column = {"column": "a", "reason": "missing", "records": 2, "examples": []}
    shown = facts.shown({"reasons": [of_a_column], "url": "s3://b/k", "rows": 1})
    table = shown["reasons"]
    assert isinstance(table, dg.TableMetadataValue)
    (record,) = table.records
    assert record.data["records"] == 2
    assert record.data["first_file"] is None
    assert shown["url"] == dg.MetadataValue.path("s3://b/k")
    assert shown["rows"] == 1


def test_each_column_comes_from_its_fields_and_then_from_itself() -> None:
    def lineage(stage: str) -> dict[str, list[tuple[str, str]]]:
        (told,) = facts.column_lineage(stage, FEED).values()
        return {
            column: [(dep.asset_key.path[0], dep.column_name) for dep in deps]
            for column, deps in told.deps_by_column.items()
        }

    assert lineage(PARQUET) == {
        "a": [("raw", "x.a")],
        "b": [("raw", "b")],
        "made": [("raw", "b"), ("raw", "x.a")],
        "_extra": [],
    }
    assert lineage(REDSHIFT) == {name: [("parquet", name)] for name in ("a", "b", "made", "_extra")}


def test_a_description_holds_the_contract_and_how_to_have_an_hour_again() -> None:
    of: SourceContract = contract(
        {"id": "integer!", "at": "timestamp!"},
        {"type": "csv"},
        key=["id"],
        ends="2026-02-01-00",
        load={"strategy": "upsert", "version": "at", "schema": "shop"},
        rejects={"at_most": [5, "1%"]},
    )
    told = description(REDSHIFT, of)
    for line in (
        "| format | csv |",
        "| hours | from 2026-01-01-00 to before 2026-02-01-00 |",
        "| key | `id` |",
        "| load | upsert into `shop.feed`, newest by `at` |",
        "| rejects | at most 5 records and 1% of the records an hour |",
        "`etl-platform replay feed HOUR`",
    ):
        assert line in told
