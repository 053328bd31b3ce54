"""The objects that COPY reads and UNLOAD writes, with Redshift's errors for what is not there."""

import functools
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.redshift.errors import RedshiftError, engine_error, scan_error
from infra.local.redshift.roles import Grants

_READ_BYTES = 1024 * 1024
_MANIFEST_BYTES = 64 * 1024 * 1024
_DOINGS = {"s3:GetObject": "read", "s3:PutObject": "written", "s3:DeleteObject": "deleted"}
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
    """A file of a load with the size it is said to have, which only columnar formats need."""

    location: Location
    size_bytes: int | None
    mandatory: bool


@functools.cache
def _client() -> Any:
    """An S3 client for the endpoint that the environment names."""
    config = Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 3})
    return boto3.client("s3", config=config)


class Store:
    """S3 as the role of one statement may use it."""

    def __init__(self, grants: Grants) -> None:
        self._s3 = _client()
        self._grants = grants

    def list_files(self, url: str, *, manifest: bool, columnar: bool) -> list[DataFile]:
        """The files of a load: the entries of a manifest, or all objects under a prefix."""
        location = Location.parse(url)
        if manifest:
            files = self._read_manifest(location, columnar=columnar)
        else:
            files = self._list_prefix(location)
        if not files:
            raise RedshiftError("XX000", f"The specified S3 prefix '{location.key}' does not exist")
        # What a console makes for a folder has no bytes, and no rows.
        return [file for file in files if file.size_bytes != 0 or manifest]

    def fetch(self, file: DataFile, path: Path) -> bool:
        """Get a file whole; False if it is missing and may be."""
        place = file.location
        self._require("s3:GetObject", place)
        try:
            found = self._s3.get_object(Bucket=place.bucket, Key=place.key)
            with found["Body"] as body, path.open("wb") as local:
                if file.size_bytes not in (None, found["ContentLength"]):
                    raise scan_error(
                        15001,
                        "HTTP response error code: 416 Message: InvalidRange The requested range "
                        f"is not satisfiable, file {place.url} of {found['ContentLength']} bytes, "
                        f"content_length {file.size_bytes}",
                    )
                shutil.copyfileobj(body, local, _READ_BYTES)
        except ClientError as error:
            if _code(error) not in _MISSING:
                raise _service_error(error, place) from error
            # Without the right to list, S3 does not tell that an object is missing.
            self._require_listing(place)
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

    def read(self, location: Location, most_bytes: int) -> bytes:
        """The bytes of a small object."""
        self._require("s3:GetObject", location)
        try:
            answer = self._s3.get_object(Bucket=location.bucket, Key=location.key)
            content: bytes = answer["Body"].read(most_bytes)
        except ClientError as error:
            raise _service_error(error, location) from error
        return content

    def store(self, place: Location, path: Path) -> None:
        """Put a file."""
        self._require("s3:PutObject", place)
        try:
            self._s3.upload_file(str(path), place.bucket, place.key)
        except (ClientError, BotoCoreError, boto3.exceptions.S3UploadFailedError) as error:
            raise RedshiftError("XX000", f"S3 did not take {place.url}: {error}") from error

    def is_empty(self, prefix: Location) -> bool:
        """Whether no object's key starts so."""
        self._require_listing(prefix)
        try:
            found = self._s3.list_objects_v2(Bucket=prefix.bucket, Prefix=prefix.key, MaxKeys=1)
        except ClientError as error:
            raise _service_error(error, prefix) from error
        return not found.get("KeyCount")

    def clear(self, prefix: Location) -> None:
        """Delete every object whose key starts so."""
        self._require("s3:DeleteObject", prefix)
        for file in self._list_prefix(prefix):
            try:
                self._s3.delete_object(Bucket=prefix.bucket, Key=file.location.key)
            except ClientError as error:
                raise _service_error(error, file.location) from error

    def _permits(self, action: str, place: Location) -> bool:
        return self._grants.permits(action, f"arn:aws:s3:::{place.bucket}/{place.key}")

    def _require(self, action: str, place: Location) -> None:
        if not self._permits(action, place):
            raise _denied(f"S3 key being {_DOINGS[action]} : {place.url}")

    def _require_listing(self, prefix: Location) -> None:
        if not self._grants.permits("s3:ListBucket", f"arn:aws:s3:::{prefix.bucket}"):
            raise _denied(f"Listing bucket={prefix.bucket} prefix={prefix.key}")

    def _list_prefix(self, prefix: Location) -> list[DataFile]:
        self._require_listing(prefix)
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=prefix.bucket, Prefix=prefix.key
        )
        try:
            return [
                DataFile(Location(prefix.bucket, found["Key"]), found["Size"], mandatory=True)
                for page in pages
                for found in page.get("Contents", [])
            ]
        except ClientError as error:
            raise _service_error(error, prefix) from error

    def _read_manifest(self, location: Location, *, columnar: bool) -> list[DataFile]:
        if not self._permits("s3:GetObject", location):
            # So misleading is the message of Redshift: https://github.com/PostHog/posthog/pull/61603
            message = "COPY with MANIFEST parameter requires full path of an S3 object"
            raise engine_error(message, 8001, location.url, "s3_utility.cpp")
        text = self.read(location, _MANIFEST_BYTES)
        try:
            entries = json.loads(text)["entries"]
            return [_entry(entry, columnar=columnar) for entry in entries]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _manifest_error(f"Invalid manifest file {location.url}", location.url) from error


def _entry(entry: dict[str, Any], *, columnar: bool) -> DataFile:
    place = Location.parse(entry["url"])
    mandatory = entry.get("mandatory", False) is True
    if not columnar:
        return DataFile(place, None, mandatory)
    if "meta" not in entry:
        raise _manifest_error("File entry does not have 'meta' key.", place.url)
    length = entry["meta"].get("content_length")
    if length is None:
        raise _manifest_error("'meta' of file entry does not have 'content_length' key.", place.url)
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise _manifest_error("'content_length' of file entry is not a size in bytes.", place.url)
    return DataFile(place, length, mandatory)


def _manifest_error(message: str, url: str) -> RedshiftError:
    return engine_error(message, 15003, url, "spectrum_manifest.cpp")


def _denied(context: str) -> RedshiftError:
    # As recorded in https://github.com/embulk/embulk-output-jdbc/issues/85
    message = "S3ServiceException:Access Denied,Status 403,Error AccessDenied"
    return engine_error(message, 8001, context, "table_s3_scanner.cpp")


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
