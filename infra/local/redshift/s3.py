"""The objects that COPY reads and UNLOAD writes, with Redshift's errors for what is not there."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.redshift.errors import RedshiftError, engine_error, scan_error

_MANIFEST_BYTES = 64 * 1024 * 1024
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchBucket"})


@dataclass(frozen=True)
class Location:
    """A place in S3."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, url: str) -> "Location":
        """The place that an s3:// URL names."""
        found = re.fullmatch(r"s3://([^/]+)/(.+)", url, re.DOTALL)
        if found is None:
            raise RedshiftError("XX000", f"The S3 location {url} is invalid")
        return cls(found.group(1), found.group(2))

    @property
    def url(self) -> str:
        """The place as a URL."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class DataFile:
    """A file of a load with the size it is said to have."""

    location: Location
    size_bytes: int
    mandatory: bool


def client() -> Any:
    """An S3 client for the endpoint that the environment names."""
    config = Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 3})
    return boto3.client("s3", config=config)


def list_files(s3: Any, url: str, *, manifest: bool) -> list[DataFile]:
    """The files of a load: the entries of a manifest, or all objects under a prefix."""
    location = Location.parse(url)
    files = _read_manifest(s3, location) if manifest else _list_prefix(s3, location)
    if not files:
        raise RedshiftError("XX000", f"The specified S3 prefix '{location.key}' does not exist")
    return files


def fetch(s3: Any, file: DataFile, path: Path) -> bool:
    """Get a file whole; False if it is missing and may be."""
    place = file.location
    try:
        head = s3.head_object(Bucket=place.bucket, Key=place.key)
        if head["ContentLength"] != file.size_bytes:
            raise scan_error(
                15001,
                "HTTP response error code: 416 Message: InvalidRange The requested range is not "
                f"satisfiable, file {place.url} of {head['ContentLength']} bytes, "
                f"content_length {file.size_bytes}",
            )
        s3.download_file(place.bucket, place.key, str(path))
    except ClientError as error:
        if _code(error) not in _MISSING:
            raise _service_error(error, place) from error
        if file.mandatory:
            raise RedshiftError(
                "XX000",
                "Mandatory url is not present in manifest file.",
                f"The object {place.url} does not exist",
            ) from error
        return False
    except BotoCoreError as error:
        raise RedshiftError("XX000", f"S3 did not answer for {place.url}: {error}") from error
    return True


def store(s3: Any, place: Location, path: Path) -> None:
    """Put a file."""
    try:
        s3.upload_file(str(path), place.bucket, place.key)
    except (ClientError, BotoCoreError, boto3.exceptions.S3UploadFailedError) as error:
        raise RedshiftError("XX000", f"S3 did not take {place.url}: {error}") from error


def is_empty(s3: Any, prefix: Location) -> bool:
    """Whether no object's key starts so."""
    try:
        found = s3.list_objects_v2(Bucket=prefix.bucket, Prefix=prefix.key, MaxKeys=1)
    except ClientError as error:
        raise _service_error(error, prefix) from error
    return not found.get("KeyCount")


def _list_prefix(s3: Any, prefix: Location) -> list[DataFile]:
    try:
        return list(_objects(s3, prefix))
    except ClientError as error:
        raise _service_error(error, prefix) from error


def _objects(s3: Any, prefix: Location) -> Iterator[DataFile]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=prefix.bucket, Prefix=prefix.key)
    for page in pages:
        for found in page.get("Contents", []):
            if found["Size"]:
                place = Location(prefix.bucket, found["Key"])
                yield DataFile(place, found["Size"], mandatory=True)


def _read_manifest(s3: Any, location: Location) -> list[DataFile]:
    try:
        answer = s3.get_object(Bucket=location.bucket, Key=location.key)
        text = answer["Body"].read(_MANIFEST_BYTES)
    except ClientError as error:
        raise _service_error(error, location) from error
    try:
        entries = json.loads(text)["entries"]
        return [_entry(entry) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _manifest_error(f"Invalid manifest file {location.url}", location.url) from error


def _entry(entry: dict[str, Any]) -> DataFile:
    place = Location.parse(entry["url"])
    if "meta" not in entry:
        raise _manifest_error("File entry does not have 'meta' key.", place.url)
    length = entry["meta"].get("content_length")
    if length is None:
        raise _manifest_error("'meta' of file entry does not have 'content_length' key.", place.url)
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise _manifest_error("'content_length' of file entry is not a size in bytes.", place.url)
    return DataFile(place, length, mandatory=entry.get("mandatory", False) is True)


def _manifest_error(message: str, url: str) -> RedshiftError:
    return engine_error(message, 15003, url, "spectrum_manifest.cpp")


def _service_error(error: ClientError, place: Location) -> RedshiftError:
    response = error.response
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = response.get("Error", {}).get("Message", "")
    return RedshiftError(
        "XX000",
        f"S3ServiceException:{message},Status {status},Error {_code(error)}",
        f"The object or bucket asked for was {place.url}",
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
