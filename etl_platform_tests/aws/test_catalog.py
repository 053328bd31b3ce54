"""The catalog adapter against a real catalog."""

from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.stub import Stubber

from etl_platform.aws import clients
from etl_platform.aws.catalog import GlueCatalog
from etl_platform.contract.errors import CatalogTableMissing, ServiceUnavailable
from etl_platform.contract.hour import PARTITION_COLUMNS, Hour
from etl_platform.contract.layout import Location, rejects_table

HOUR = Hour.parse("2026-11-23-03")
FIRST, SECOND = (Location("tests-processed-feed", f"{HOUR.partition}b/{n}/") for n in "12")
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"


@pytest.fixture
def catalog(environment: None) -> GlueCatalog:
    database = f"tests_{uuid4().hex}"
    glue = boto3.client("glue")
    glue.create_database(DatabaseInput={"Name": database})
    glue.create_table(
        DatabaseName=database,
        TableInput={
            "Name": "feed",
            "PartitionKeys": [{"Name": name, "Type": "string"} for name in PARTITION_COLUMNS],
            "StorageDescriptor": {
                "Columns": [{"Name": "id", "Type": "int"}],
                "Location": "s3://tests-processed-feed/",
                "SerdeInfo": {"SerializationLibrary": PARQUET},
            },
        },
    )
    return GlueCatalog(database)


def partitions(catalog: GlueCatalog, table: str = "feed") -> list[dict[str, Any]]:
    found = boto3.client("glue").get_partitions(DatabaseName=catalog.database, TableName=table)
    return list(found["Partitions"])


def test_an_hour_is_read_as_its_table_is_from_its_own_place(catalog: GlueCatalog) -> None:
    catalog.point_partitions("feed", {HOUR: FIRST})
    (partition,) = partitions(catalog)
    assert partition["Values"] == ["2026", "11", "23", "03"]
    storage = partition["StorageDescriptor"]
    assert storage["Location"] == str(FIRST)
    assert storage["Columns"] == [{"Name": "id", "Type": "int"}]
    assert storage["SerdeInfo"]["SerializationLibrary"] == PARQUET


def test_pointing_again_moves_the_hour_and_makes_no_second_one(catalog: GlueCatalog) -> None:
    for location in (FIRST, SECOND, SECOND):
        catalog.point_partitions("feed", {HOUR: location})
    assert [p["StorageDescriptor"]["Location"] for p in partitions(catalog)] == [str(SECOND)]


def test_many_hours_are_pointed_together_be_they_new_or_not(catalog: GlueCatalog) -> None:
    hours = list(HOUR.through(HOUR.plus(249)))
    places = {hour: FIRST / f"{hour}/" for hour in hours}
    catalog.point_partitions("feed", dict.fromkeys(hours[50:120], SECOND))
    catalog.point_partitions("feed", places)
    paginator = boto3.client("glue").get_paginator("get_partitions")
    pages = paginator.paginate(DatabaseName=catalog.database, TableName="feed")
    found = {
        tuple(one["Values"]): one["StorageDescriptor"]["Location"]
        for page in pages
        for one in page["Partitions"]
    }
    assert found == {hour.partition_values: str(place) for hour, place in places.items()}


@pytest.mark.parametrize("call", ["batch_create_partition", "batch_update_partition"])
def test_one_hour_of_many_that_fails_is_a_fault(catalog: GlueCatalog, call: str) -> None:
    values = list(HOUR.partition_values)
    there = {"ErrorCode": "AlreadyExistsException", "ErrorMessage": "is there"}
    fault = {"ErrorCode": "InternalServiceException", "ErrorMessage": "later"}
    found = boto3.client("glue").get_table(DatabaseName=catalog.database, Name="feed")
    with Stubber(clients.client("glue")) as stub:
        stub.add_response("get_table", {"Table": {"Name": "feed", **_storage(found)}})
        if call == "batch_update_partition":
            error = {"PartitionValues": values, "ErrorDetail": there}
            stub.add_response("batch_create_partition", {"Errors": [error]})
            error = {"PartitionValueList": values, "ErrorDetail": fault}
            stub.add_response("batch_update_partition", {"Errors": [error]})
        else:
            error = {"PartitionValues": values, "ErrorDetail": fault}
            stub.add_response("batch_create_partition", {"Errors": [error]})
        with pytest.raises(ServiceUnavailable, match="later"):
            catalog.point_partitions("feed", {HOUR: FIRST})


def _storage(answer: dict[str, Any]) -> dict[str, Any]:
    return {"StorageDescriptor": answer["Table"]["StorageDescriptor"]}


def test_the_tables_of_a_source_are_pointed_apart(catalog: GlueCatalog) -> None:
    kept = [{"Name": "raw", "Type": "string"}]
    boto3.client("glue").create_table(
        DatabaseName=catalog.database,
        TableInput={
            "Name": rejects_table("feed"),
            "PartitionKeys": [{"Name": name, "Type": "string"} for name in PARTITION_COLUMNS],
            "StorageDescriptor": {"Columns": kept, "Location": "s3://tests-processed-feed/"},
        },
    )
    catalog.point_partitions("feed", {HOUR: FIRST})
    catalog.point_partitions(rejects_table("feed"), {HOUR: FIRST / "_rejects/"})
    (data,), (rejects,) = partitions(catalog), partitions(catalog, rejects_table("feed"))
    assert data["StorageDescriptor"]["Location"] == str(FIRST)
    assert rejects["StorageDescriptor"]["Location"] == f"{FIRST}_rejects/"
    assert rejects["StorageDescriptor"]["Columns"] == kept


def test_a_table_that_is_not_there_is_said_to_be_missing(catalog: GlueCatalog) -> None:
    with pytest.raises(CatalogTableMissing, match=f"{catalog.database}.other"):
        catalog.point_partitions("other", {HOUR: FIRST})


def test_a_catalog_that_does_not_answer_is_a_fault(catalog: GlueCatalog) -> None:
    with Stubber(clients.client("glue")) as stub:
        stub.add_client_error("get_table", "InternalServiceException", "later", 500)
        with pytest.raises(ServiceUnavailable, match="GetTable"):
            catalog.point_partitions("feed", {HOUR: FIRST})
