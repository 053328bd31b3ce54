"""Object storage on Amazon S3."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from etl_platform.aws.clients import client, error_code, translated
from etl_platform.contract.errors import ObjectMissing
from etl_platform.contract.layout import Location
from etl_platform.contract.storage import Page, StoredObject

Content = TypeVar("Content")

_ABSENT = {"404", "NoSuchKey", "NoSuchVersion", "NoSuchBucket", "NotFound"}

_RANGE_BYTES: Final = 32 * 1024**2
_TRIES: Final = 3
"""botocore repeats requests, and not the reading of an answer that has begun."""

_SMALL_BYTES: Final = 8 * 1024**2
"""Up to here one request is fastest. A larger object is carried in parts, side by side."""


class S3:
    """The Storage port. It keeps no state, so that Spark tasks can be sent one."""

    def find(self, location: Location, version_id: str | None = None) -> StoredObject | None:
        with translated("s3", f"HeadObject {location}"):
            try:
                head = client("s3").head_object(**_address(location, version_id))
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise
        return StoredObject(
            location,
            int(head["ContentLength"]),
            str(head["ETag"]).strip('"'),
            head.get("VersionId"),
            head["LastModified"],
        )

    def read(self, location: Location, version_id: str | None = None) -> bytes:
        with _reading(location):
            return bytes(client("s3").get_object(**_address(location, version_id))["Body"].read())

    def fetch(self, location: Location, version_id: str | None, to: Path) -> None:
        extra = {"VersionId": version_id} if version_id else {}
        with _reading(location):
            small = _read_if_small(location, version_id)
            if small is not None:
                to.write_bytes(small)
            else:
                client("s3").download_file(location.bucket, location.key, str(to), ExtraArgs=extra)

    def copy_range(
        self, location: Location, version_id: str | None, start: int, end: int, to: BinaryIO
    ) -> None:
        """In requests of some megabytes: what breaks off is asked for again, and not the whole."""
        for first in range(start, end, _RANGE_BYTES):
            last = min(first + _RANGE_BYTES, end)
            with _reading(location):
                to.write(_read_range(location, version_id, first, last))

    def write(self, location: Location, body: bytes) -> None:
        with translated("s3", f"PutObject {location}"):
            client("s3").put_object(Bucket=location.bucket, Key=location.key, Body=body)

    def write_once(self, location: Location, body: bytes) -> bool:
        """A conditional PUT. 409 means that another one is under way: then theirs is the one.

        A retry inside botocore after a lost answer finds its own object and says False as well;
        callers therefore read the object when they are told that there was one.
        """
        with translated("s3", f"PutObject {location}"):
            try:
                client("s3").put_object(
                    Bucket=location.bucket, Key=location.key, Body=body, IfNoneMatch="*"
                )
            except ClientError as error:
                if error_code(error) in {"PreconditionFailed", "ConditionalRequestConflict"}:
                    return False
                raise
        return True

    def store(self, file: Path, location: Location) -> int:
        size_bytes = file.stat().st_size
        if size_bytes <= _SMALL_BYTES:
            self.write(location, file.read_bytes())
        else:
            with translated("s3", f"PutObject {location}"):
                client("s3").upload_file(str(file), location.bucket, location.key)
        return size_bytes

    def list(self, prefix: Location) -> Iterator[StoredObject]:
        pages = client("s3").get_paginator("list_objects_v2")
        with translated("s3", f"ListObjectsV2 {prefix}"):
            for page in pages.paginate(Bucket=prefix.bucket, Prefix=prefix.key):
                for item in page.get("Contents", ()):
                    yield StoredObject(
                        Location(prefix.bucket, item["Key"]),
                        int(item["Size"]),
                        str(item["ETag"]).strip('"'),
                        None,
                        item["LastModified"],
                    )

    def page(self, bucket: str, after: str) -> Page:
        """By ListObjectVersions: no other request tells the versions of many objects."""
        with translated("s3", f"ListObjectVersions {bucket}"):
            answer = client("s3").list_object_versions(Bucket=bucket, KeyMarker=after)
        versions = answer.get("Versions", ())
        # A key of which all is seen but some older versions is done with: the newest come first.
        return Page(
            tuple(_version(bucket, item) for item in versions if item["IsLatest"]),
            answer["NextKeyMarker"] if answer["IsTruncated"] else None,
        )


@contextmanager
def _reading(location: Location) -> Iterator[None]:
    """The errors of a GetObject, in the words of the port."""
    with translated("s3", f"GetObject {location}"):
        try:
            yield
        except ClientError as error:
            if error_code(error) in _ABSENT:
                raise ObjectMissing(str(location)) from None
            raise


def _version(bucket: str, item: dict[str, Any]) -> StoredObject:
    return StoredObject(
        Location(bucket, item["Key"]),
        int(item["Size"]),
        str(item["ETag"]).strip('"'),
        None if item["VersionId"] == "null" else item["VersionId"],
        item["LastModified"],
    )


def _read_if_small(location: Location, version_id: str | None) -> bytes | None:
    """The content of an object, or None if it is large."""

    def read() -> bytes | None:
        answer = client("s3").get_object(**_address(location, version_id))
        with closing(answer["Body"]) as body:
            return bytes(body.read()) if answer["ContentLength"] <= _SMALL_BYTES else None

    return _tried(read)


def _read_range(location: Location, version_id: str | None, start: int, end: int) -> bytes:
    span = f"bytes={start}-{end - 1}"
    address = _address(location, version_id)
    return _tried(lambda: bytes(client("s3").get_object(**address, Range=span)["Body"].read()))


def _tried(read: Callable[[], Content]) -> Content:
    for tries_left in reversed(range(_TRIES)):
        try:
            return read()
        except BotoCoreError:
            if not tries_left:
                raise
    raise AssertionError("there is at least one try")


def _address(location: Location, version_id: str | None) -> dict[str, Any]:
    version = {"VersionId": version_id} if version_id else {}
    return {"Bucket": location.bucket, "Key": location.key, **version}
