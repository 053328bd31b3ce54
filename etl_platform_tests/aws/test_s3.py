"""Files and pages of a bucket, the same from S3 and from the storages of tests."""

import itertools
import os
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import boto3
import pytest
from botocore.response import StreamingBody

from etl_platform.aws.clients import client
from etl_platform.aws.s3 import S3
from etl_platform.contract.errors import ObjectMissing, ServiceRefused, ServiceUnavailable
from etl_platform.contract.layout import Location
from etl_platform.contract.storage import Storage
from etl_platform_tests.fakes.memory import MemoryStorage
from etl_platform_tests.fakes.storage import DirectoryStorage

LARGEST_SMALL: Final = 8 * 1024**2
"""Larger objects are carried in parts."""


@pytest.fixture(params=["s3", "directory", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "directory":
        return DirectoryStorage(tmp_path, objects_a_page=1000)
    if request.param == "memory":
        return MemoryStorage(objects_a_page=1000)
    request.getfixturevalue("environment")
    return S3()


@pytest.fixture
def bucket(storage: Storage) -> str:
    name = f"bucket-{uuid4().hex}"
    if isinstance(storage, S3):
        boto3.client("s3").create_bucket(Bucket=name)
        client("s3").put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Enabled"}
        )
    return name


@pytest.mark.parametrize("size_bytes", [0, 1, LARGEST_SMALL, LARGEST_SMALL + 1])
def test_a_file_comes_back_as_it_was_stored(
    storage: Storage, bucket: str, tmp_path: Path, size_bytes: int
) -> None:
    file, again = tmp_path / "file", tmp_path / "again"
    file.write_bytes(os.urandom(size_bytes))
    location = Location(bucket, "folder/file")
    assert storage.store(file, location) == size_bytes
    storage.fetch(location, None, again)
    assert again.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("breaks", [2, 3])
def test_a_file_whose_answer_breaks_off_is_asked_for_again_within_a_bound(
    environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: int
) -> None:
    location = Location(f"bucket-{uuid4().hex}", "file")
    boto3.client("s3").create_bucket(Bucket=location.bucket)
    S3().write(location, b"whole")
    get, answers = client("s3").get_object, itertools.count(1)

    def breaking(**address: str) -> dict[str, Any]:
        answer: dict[str, Any] = get(**address)
        if next(answers) <= breaks:
            answer["Body"] = StreamingBody(BytesIO(answer["Body"].read()[:2]), 5)
        return answer

    monkeypatch.setattr(client("s3"), "get_object", breaking)
    if breaks == 3:
        with pytest.raises(ServiceUnavailable, match=r"GetObject .* 2 .* 5"):
            S3().fetch(location, None, tmp_path / "file")
        return
    S3().fetch(location, None, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_a_file_that_is_not_there_is_missing(storage: Storage, bucket: str, tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing, match="nothing"):
        storage.fetch(Location(bucket, "nothing"), None, tmp_path / "file")


def test_a_page_has_each_object_at_its_newest_version_in_the_order_of_the_keys(
    storage: Storage, bucket: str
) -> None:
    for key in ("b/2 ü+%.json", "a", "b/1", "a"):
        storage.write(Location(bucket, key), key.encode())
    page = storage.page(bucket, "")
    assert [stored.location.key for stored in page.objects] == ["a", "b/1", "b/2 ü+%.json"]
    assert page.last_key is None
    for stored in page.objects:
        found = storage.find(stored.location)
        assert found is not None
        assert (stored.version_id, stored.etag) == (found.version_id, found.etag)


def test_a_page_begins_after_a_key_that_need_not_be_there(storage: Storage, bucket: str) -> None:
    for key in ("a/1", "a/2", "b/1"):
        storage.write(Location(bucket, key), b"")
    for after, expected in (("a/1", ["a/2", "b/1"]), ("a/15", ["a/2", "b/1"]), ("b/1", [])):
        found = [stored.location.key for stored in storage.page(bucket, after).objects]
        assert found == expected


def test_pages_lead_through_a_bucket_of_any_size(storage: Storage, bucket: str) -> None:
    keys = [f"{number:04d}" for number in range(1005)]
    for key in keys:
        storage.write(Location(bucket, key), b"")
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = storage.page(bucket, after)
        seen += [stored.location.key for stored in page.objects]
        after = page.last_key
    assert seen == keys


def test_a_deleted_object_is_on_no_page(environment: None) -> None:
    bucket = f"bucket-{uuid4().hex}"
    client("s3").create_bucket(Bucket=bucket)
    client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    S3().write(Location(bucket, "key"), b"")
    client("s3").delete_object(Bucket=bucket, Key="key")
    assert S3().page(bucket, "").objects == ()


def test_a_bucket_that_is_not_there_is_a_call_that_is_refused(environment: None) -> None:
    with pytest.raises(ServiceRefused, match="NoSuchBucket"):
        S3().page("no-such-bucket", "")
