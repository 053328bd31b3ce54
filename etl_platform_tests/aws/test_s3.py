"""Pages of a bucket: what the sweep reads, the same from S3 and from the storages of tests."""

from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from etl_platform.aws.clients import client
from etl_platform.aws.s3 import S3
from etl_platform.contract.errors import ServiceRefused
from etl_platform.contract.layout import Location
from etl_platform.contract.storage import Storage
from etl_platform_tests.fakes.memory import MemoryStorage
from etl_platform_tests.fakes.storage import DirectoryStorage


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
