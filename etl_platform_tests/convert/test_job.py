"""The Glue entry against a real S3 and a real catalog, started by hand."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from etl_platform.aws import clients
from etl_platform.aws.s3 import S3
from etl_platform.contract.hour import PARTITION_COLUMNS
from etl_platform.contract.layout import rejects_table
from etl_platform.contract.order import Order
from etl_platform.convert import job
from etl_platform_tests.convert.samples import HOUR, NAMES, World, contract
from infra.local.processes import Processes
from infra.local.servers import CREDENTIALS, REGION, ministack, url_of

FEED = contract({"id": "integer!", "value": "varchar(5)"}, {"type": "csv"}, key=["id"])


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    processes = Processes(tmp_path)
    server = ministack(tmp_path / "aws")
    for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url_of(processes.ensure(server)))
    clients.client.cache_clear()
    yield
    clients.client.cache_clear()
    processes.end(server.name, server.stop_within_s)


@pytest.fixture
def world(environment: None) -> World:
    s3, glue = boto3.client("s3"), boto3.client("glue")
    raw = NAMES.raw_bucket("feed")
    for bucket in (raw, NAMES.processed_bucket("feed"), NAMES.artifacts_bucket):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=raw, VersioningConfiguration={"Status": "Enabled"})
    glue.create_database(DatabaseInput={"Name": NAMES.catalog_database})
    for table in ("feed", rejects_table("feed")):
        glue.create_table(
            DatabaseName=NAMES.catalog_database,
            TableInput={
                "Name": table,
                "PartitionKeys": [{"Name": name, "Type": "string"} for name in PARTITION_COLUMNS],
                "StorageDescriptor": {"Columns": [], "Location": "s3://processed/"},
            },
        )
    return World(S3())


def test_an_order_is_carried_out_and_every_hour_is_reported(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    good = world.land(FEED, HOUR, b"id,value\n1,a\n2,secret\n")
    wrong = world.land(FEED, HOUR.plus(1), b"nothing,known\n")
    order = Order(stage="convert", namespace=NAMES.namespace, contract=FEED, batches=(good, wrong))
    place = NAMES.order("convert", order.order_id)
    world.storage.write(place, order.to_json())
    job.main(["--order", str(place), "--JOB_NAME", "convert"])
    said = capsys.readouterr().out
    reports = [json.loads(line) for line in said.splitlines()]
    assert [(r["hour"], r["outcome"], r["error_code"]) for r in reports] == [
        (str(HOUR), "done", None),
        (str(HOUR.plus(1)), "blocked", "FILE_UNREADABLE"),
    ]
    assert "secret" not in said
    commit = world.commit(good)
    assert [row["id"] for row in world.rows(commit.files)] == [1]
    prefix = NAMES.attempt("feed", HOUR, good.batch_id, commit.attempt)
    for table, place in (("feed", prefix), (rejects_table("feed"), prefix / "_rejects/")):
        partitions = boto3.client("glue").get_partitions(
            DatabaseName=NAMES.catalog_database, TableName=table
        )["Partitions"]
        assert [p["StorageDescriptor"]["Location"] for p in partitions] == [str(place)]
