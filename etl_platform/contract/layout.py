"""Where everything lies: every AWS name and every S3 key is made here and nowhere else.

Standard library only: the Lambda imports it.
"""

import re
from dataclasses import dataclass
from typing import Self

from etl_platform.contract.errors import HourInvalid, LocationRefused, SettingInvalid
from etl_platform.contract.hour import Hour

MANIFEST = "manifest.json"
COMMIT = "_commit.json"
PIN = "_batch.json"
BLOCKED = "_blocked.json"
REJECTS_FOLDER = "_rejects/"
SUPERSEDED_FOLDER = "_superseded/"
REPLACED_FOLDER = "_replaced/"
"""All below an attempt. Athena, Spark and Hive do not read a folder with an underscore as data."""

# With 20 characters of namespace and 31 of source, `-processed-` still fits the 63 of a bucket.
_NAMESPACE = re.compile(r"[a-z][a-z0-9-]{1,18}[a-z0-9]", re.ASCII)
_WORDS_OF_NAMES = frozenset({"raw", "processed", "source"})
"""What stands between a namespace and a source. Policies name buckets as `<namespace>-raw-*`, which
would fit those of a namespace that goes on with such a word."""

SOURCE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", re.ASCII)
SOURCE_NAME_LENGTH = 31


@dataclass(frozen=True)
class Location:
    """One S3 object or prefix."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `s3://bucket/key` to the letter: nothing in it is decoded, folded or expanded."""
        scheme, separator, rest = url.partition("://")
        bucket, slash, key = rest.partition("/")
        if scheme != "s3" or not separator or not bucket or not slash:
            raise LocationRefused(url, "is not an S3 address", "s3://bucket/key")
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def __truediv__(self, name: str) -> "Location":
        return Location(self.bucket, f"{self.key}{name}")


@dataclass(frozen=True)
class Names:
    """The names of one installation in one AWS account and Region, all made from a namespace."""

    namespace: str

    def __post_init__(self) -> None:
        if not _NAMESPACE.fullmatch(self.namespace):
            raise SettingInvalid(
                "ETL_NAMESPACE",
                f"is {self.namespace!r}",
                "3 to 20 small letters, digits and dashes, beginning with a letter",
            )

        if words := _WORDS_OF_NAMES.intersection(self.namespace.split("-")[1:]):
            raise SettingInvalid(
                "ETL_NAMESPACE",
                f"is {self.namespace!r}",
                f"no word {min(words)!r} after its first: names of sources begin with it",
            )

    def raw_bucket(self, source: str) -> str:
        return f"{self._raw_prefix}{source.replace('_', '-')}"

    def processed_bucket(self, source: str) -> str:
        return f"{self.namespace}-processed-{source.replace('_', '-')}"

    def source_of(self, raw_bucket: str) -> str | None:
        """The source whose raw bucket this is, or None for a foreign bucket."""
        if not raw_bucket.startswith(self._raw_prefix):
            return None
        source = raw_bucket.removeprefix(self._raw_prefix).replace("-", "_")
        return source if SOURCE_NAME.fullmatch(source) else None

    @property
    def _raw_prefix(self) -> str:
        return f"{self.namespace}-raw-"

    @property
    def artifacts_bucket(self) -> str:
        """Job scripts, orders of work and the messages of jobs."""
        return f"{self.namespace}-artifacts"

    @property
    def queue(self) -> str:
        return f"{self.namespace}-batches.fifo"

    @property
    def dead_letter_queue(self) -> str:
        return f"{self.namespace}-batches-dlq.fifo"

    @property
    def ingest_function(self) -> str:
        return f"{self.namespace}-ingest"

    @property
    def convert_job(self) -> str:
        return f"{self.namespace}-convert"

    @property
    def load_job(self) -> str:
        return f"{self.namespace}-load"

    @property
    def glue_role(self) -> str:
        return f"{self.namespace}-glue"

    @property
    def copy_role(self) -> str:
        """The role that Redshift takes on to read Parquet files."""
        return f"{self.namespace}-copy"

    @property
    def catalog_database(self) -> str:
        return self.namespace.replace("-", "_")

    @property
    def admin_secret(self) -> str:
        return f"{self.namespace}/warehouse/admin"

    @property
    def service_secret(self) -> str:
        return f"{self.namespace}/warehouse/service"

    def raw_folder(self, source: str, hour: Hour) -> Location:
        return Location(self.raw_bucket(source), hour.folder)

    def manifest(self, source: str, hour: Hour) -> Location:
        return self.raw_folder(source, hour) / MANIFEST

    def hour_folder(self, source: str, hour: Hour) -> Location:
        return Location(self.processed_bucket(source), hour.partition)

    def pin(self, source: str, hour: Hour) -> Location:
        """The batch that the hour stands for now, as `raw/<source>` has checked it."""
        return self.hour_folder(source, hour) / PIN

    def blocked(self, source: str, hour: Hour) -> Location:
        """Why the hour was not passed on, the last time that it was not."""
        return self.hour_folder(source, hour) / BLOCKED

    def commit(self, source: str, hour: Hour, batch_id: str) -> Location:
        return self.hour_folder(source, hour) / f"{batch_id}/{COMMIT}"

    def attempt(self, source: str, hour: Hour, batch_id: str, attempt: str) -> Location:
        return self.hour_folder(source, hour) / f"{batch_id}/{attempt}/"

    def order(self, stage: str, order_id: str) -> Location:
        return Location(self.artifacts_bucket, f"orders/{stage}/{order_id}.json")

    def copy_manifest(self, source: str, order_id: str) -> Location:
        return Location(self.processed_bucket(source), f"_copy/{order_id}.manifest")


def part(folder: Location, task: int, number: int) -> Location:
    """File `number` of those that a task writes into a folder of its attempt."""
    return folder / f"part-{task:05d}-{number:03d}.parquet"


def replaced_keys(attempt: Location, number: int, bucket: int) -> Location:
    """The keys that other tasks of an attempt have newer rows of than task `number`."""
    return attempt / f"{REPLACED_FOLDER}{number:05d}-{bucket:05d}.arrow"


def rejects_table(source: str) -> str:
    """The catalog's table of rejects. No source has two underscores in a row."""
    return f"{source}__rejects"


def superseded_table(source: str) -> str:
    """The catalog's table of superseded rows, of a source that keeps them."""
    return f"{source}__superseded"


def hour_of_manifest(key: str) -> Hour | None:
    """The hour whose manifest this key is, or None for any other key."""
    folder, slash, name = key.rpartition("/")
    if name != MANIFEST:
        return None
    try:
        return Hour.of_folder(folder + slash)
    except HourInvalid:
        return None
