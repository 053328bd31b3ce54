"""Hours of raw files, converted by the job in processes of its own, and what they have to be."""

import itertools
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import boto3

from etl_platform.aws.s3 import S3
from etl_platform.contract.batch import Batch
from etl_platform.contract.hour import PARTITION_COLUMNS
from etl_platform.contract.layout import COMMIT, rejects_table
from etl_platform.contract.order import Order
from etl_platform.contract.sizing import EngineName
from etl_platform_tests.convert.samples import HOUR, NAMES, World, contract
from etl_platform_tests.crash.processes import Job, started
from etl_platform_tests.load.endpoint import bucket

FEED = contract(
    {"id": "integer!", "value": "varchar(5)"}, {"type": "csv"}, key=["id"], source="killed"
)
TABLES = (FEED.source, rejects_table(FEED.source))
FILES = (b"id,value\n1,a\n2,b\n", b"id,value\n3,c\nx,d\n")
"""Three good records and one that is rejected."""

_hours = map(HOUR.plus, itertools.count())


def new_world() -> World:
    """Buckets and a catalog with the tables of the feed."""
    glue = boto3.client("glue")
    for name in (NAMES.raw_bucket(FEED.source), NAMES.processed_bucket(FEED.source)):
        bucket(name)
    bucket(NAMES.artifacts_bucket)
    glue.create_database(DatabaseInput={"Name": NAMES.catalog_database})
    for table in TABLES:
        glue.create_table(
            DatabaseName=NAMES.catalog_database,
            TableInput={
                "Name": table,
                "PartitionKeys": [{"Name": name, "Type": "string"} for name in PARTITION_COLUMNS],
                "StorageDescriptor": {"Columns": [], "Location": "s3://processed/"},
            },
        )
    return World(S3())


@dataclass(frozen=True)
class Conversion:
    """An hour that is landed, and the order to convert it."""

    world: World
    batch: Batch
    arguments: tuple[str, ...]

    @classmethod
    def of(cls, world: World, *files: bytes, engine: EngineName = "single_node") -> "Conversion":
        feed = FEED.model_copy(update={"engine": engine})
        batch = world.land(feed, next(_hours), *files)
        order = Order(stage="convert", namespace=NAMES.namespace, contract=feed, batches=(batch,))
        place = NAMES.order(order.stage, order.order_id)
        world.storage.write(place, order.to_json())
        return cls(world, batch, ("--order", str(place)))

    def start(self, armed: str | None = None, **options: Any) -> AbstractContextManager[Job]:
        return started("etl_platform.convert.job", self.arguments, armed, **options)

    @property
    def keys(self) -> list[str]:
        """The keys of all that was written for the batch."""
        folder = NAMES.hour_folder(FEED.source, self.batch.hour) / f"{self.batch.batch_id}/"
        return [found.location.key for found in self.world.storage.list(folder)]

    @property
    def commits(self) -> list[str]:
        return [key for key in self.keys if key.endswith(COMMIT)]

    @property
    def files(self) -> set[str]:
        return set(self.keys) - set(self.commits)

    @property
    def points(self) -> list[str]:
        """Where the catalog has the partitions of the hour, that of the rejects last."""
        return [
            found["StorageDescriptor"]["Location"]
            for table in TABLES
            for found in boto3.client("glue").get_partitions(
                DatabaseName=NAMES.catalog_database, TableName=table
            )["Partitions"]
            if found["Values"] == list(self.batch.hour.partition_values)
        ]

    def check(self, orphaned: set[str]) -> None:
        """There is one commit, of FILES, and all that shows the hour leads to its files only."""
        commit = self.world.commit(self.batch)
        assert len(self.commits) == 1
        prefix = NAMES.attempt(FEED.source, self.batch.hour, self.batch.batch_id, commit.attempt)
        assert self.points == [str(prefix), str(prefix / "_rejects/")]
        read = {file.key for file in (*commit.files, *commit.reject_files)}
        assert all(key.startswith(prefix.key) for key in read)
        assert read.isdisjoint(orphaned)
        assert [row["id"] for row in self.world.rows(commit.files)] == [1, 2, 3]
        counts = commit.counts
        assert (counts.read, counts.written, counts.rejected) == (4, 3, 1)
