"""A conversion dies at each checkpoint in each way; the next leaves one commit and its files."""

import itertools
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import boto3
import pytest

from etl_platform.aws.s3 import S3
from etl_platform.contract.batch import Batch
from etl_platform.contract.hour import PARTITION_COLUMNS
from etl_platform.contract.layout import COMMIT, rejects_table
from etl_platform.contract.order import Order
from etl_platform_tests.convert.samples import HOUR, NAMES, World, contract
from etl_platform_tests.crash.places import CONVERT, WAYS
from etl_platform_tests.crash.processes import started
from etl_platform_tests.load.endpoint import Endpoint, bucket

FEED = contract(
    {"id": "integer!", "value": "varchar(5)"}, {"type": "csv"}, key=["id"], source="killed"
)
FILES = (b"id,value\n1,a\n2,b\n", b"id,value\n3,c\nx,d\n")
HOURS = map(HOUR.plus, itertools.count())


@dataclass(frozen=True)
class Hour:
    """An hour that is landed, and its conversion in processes of its own."""

    world: World
    batch: Batch
    arguments: tuple[str, ...]

    @property
    def commits(self) -> list[str]:
        """The keys of the batch's commits."""
        return [key for key in self.keys if key.endswith(COMMIT)]

    @property
    def keys(self) -> list[str]:
        folder = NAMES.hour_folder(FEED.source, self.batch.hour) / f"{self.batch.batch_id}/"
        return [found.location.key for found in self.world.storage.list(folder)]

    @property
    def points(self) -> list[str]:
        """Where the catalog has the partitions of the hour, that of the rejects last."""
        return [
            found["StorageDescriptor"]["Location"]
            for table in (FEED.source, rejects_table(FEED.source))
            for found in boto3.client("glue").get_partitions(
                DatabaseName=NAMES.catalog_database, TableName=table
            )["Partitions"]
            if found["Values"] == list(self.batch.hour.partition_values)
        ]


@pytest.fixture(scope="module")
def world(endpoint: Endpoint) -> World:
    glue = boto3.client("glue")
    for name in (
        NAMES.raw_bucket(FEED.source),
        NAMES.processed_bucket(FEED.source),
        NAMES.artifacts_bucket,
    ):
        bucket(name)
    glue.create_database(DatabaseInput={"Name": NAMES.catalog_database})
    for table in (FEED.source, rejects_table(FEED.source)):
        glue.create_table(
            DatabaseName=NAMES.catalog_database,
            TableInput={
                "Name": table,
                "PartitionKeys": [{"Name": name, "Type": "string"} for name in PARTITION_COLUMNS],
                "StorageDescriptor": {"Columns": [], "Location": "s3://processed/"},
            },
        )
    return World(S3())


def _landed(world: World, *files: bytes) -> Hour:
    batch = world.land(FEED, next(HOURS), *files)
    order = Order(stage="convert", namespace=NAMES.namespace, contract=FEED, batches=(batch,))
    place = NAMES.order(order.stage, order.order_id)
    world.storage.write(place, order.to_json())
    return Hour(world, batch, ("--order", str(place)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", CONVERT)
def test_a_conversion_that_dies_is_ended_by_the_next_one_and_has_one_commit(
    world: World, place: str, way: str
) -> None:
    """P1, P2, P3, P4."""
    hour = _landed(world, *FILES)
    with started("etl_platform.convert.job", hour.arguments, f"{place}={way}") as job:
        WAYS[way](job)
    assert len(hour.commits) == (1 if place == "convert.after_commit" else 0)
    assert hour.points == []
    orphaned = [key for key in hour.keys if not key.endswith(COMMIT)]
    assert orphaned

    with started("etl_platform.convert.job", hour.arguments) as job:
        (report,) = job.finish()
    commit = hour.world.commit(hour.batch)
    assert len(hour.commits) == 1
    assert report.outcome == ("already" if place == "convert.after_commit" else "done")
    prefix = NAMES.attempt(FEED.source, hour.batch.hour, hour.batch.batch_id, commit.attempt)
    assert hour.points == [str(prefix), str(prefix / "_rejects/")]
    files = (*commit.files, *commit.reject_files)
    assert all(file.key.startswith(prefix.key) for file in files)
    read = {file.key for file in files}
    if place != "convert.after_commit":
        assert read.isdisjoint(orphaned)
    assert [row["id"] for row in hour.world.rows(commit.files)] == [1, 2, 3]
    assert (commit.counts.read, commit.counts.written, commit.counts.rejected) == (4, 3, 1)


def test_a_conversion_whose_disk_is_full_leaves_none_of_its_files_there(
    world: World, tmp_path: Path
) -> None:
    """P2, P4, P6."""
    lines = b"".join(b"%d,abcde\n" % number for number in range(3000))
    hour = _landed(world, b"id,value\n" + lines)
    job_of = partial(started, "etl_platform.convert.job", hour.arguments, temporary=tmp_path)
    with job_of(largest_file_bytes=len(lines) // 2) as job:
        said = job.fail()
    assert "File too large" in said
    assert list(tmp_path.iterdir()) == []
    assert hour.commits == []
    with job_of() as job:
        (report,) = job.finish()
    assert report.facts["rows_written"] == 3000
    assert list(tmp_path.iterdir()) == []
