import json
from pathlib import Path

import pytest

from etl_platform.contract.batch import Batch
from etl_platform.contract.errors import (
    LocationRefused,
    ManifestFileDiffers,
    ManifestFileMissing,
    ManifestInvalid,
    ManifestMissing,
)
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.ingest.pin import pin, pin_all
from etl_platform_tests.fakes.storage import DirectoryStorage

NAMES = Names("etl-test")
HOUR = Hour.parse("2026-11-23-03")
FOLDER = NAMES.raw_folder("orders", HOUR)


@pytest.fixture
def storage(tmp_path: Path) -> DirectoryStorage:
    return DirectoryStorage(tmp_path)


def land(storage: DirectoryStorage, *names: str, size_bytes: int | None = None) -> None:
    meta = {} if size_bytes is None else {"meta": {"content_length": size_bytes}}
    entries = [{"url": str(FOLDER / name), **meta} for name in names]
    storage.write(NAMES.manifest("orders", HOUR), json.dumps({"entries": entries}).encode())


def test_a_pinned_batch_holds_the_files_at_their_versions(storage: DirectoryStorage) -> None:
    storage.write(FOLDER / "a.csv", b"old")
    storage.write(FOLDER / "a.csv", b"newer")
    land(storage, "a.csv", size_bytes=5)
    batch = pin(storage, NAMES, "orders", HOUR)
    (file,) = batch.files
    assert (file.version_id, file.size_bytes, file.url) == ("2", 5, str(FOLDER / "a.csv"))
    assert Batch.model_validate_json(storage.read(NAMES.pin("orders", HOUR))) == batch


def test_the_same_manifest_is_the_same_batch_and_a_rewritten_one_another(
    storage: DirectoryStorage,
) -> None:
    storage.write(FOLDER / "a.csv", b"1")
    land(storage, "a.csv")
    first = pin(storage, NAMES, "orders", HOUR)
    assert pin(storage, NAMES, "orders", HOUR).batch_id == first.batch_id
    land(storage, "a.csv")
    second = pin(storage, NAMES, "orders", HOUR)
    assert second.batch_id != first.batch_id
    assert second.manifest_at >= first.manifest_at


def test_an_hour_without_a_manifest_says_where_it_was_looked_for(storage: DirectoryStorage) -> None:
    with pytest.raises(ManifestMissing, match=r"s3://etl-test-raw-orders/2026/11/23/03/manifest"):
        pin(storage, NAMES, "orders", HOUR)


def test_a_missing_file_is_named_and_nothing_is_pinned(storage: DirectoryStorage) -> None:
    storage.write(FOLDER / "a.csv", b"1")
    land(storage, "a.csv", "b.csv", "c.csv")
    with pytest.raises(ManifestFileMissing) as caught:
        pin(storage, NAMES, "orders", HOUR)
    assert caught.value.missing == (str(FOLDER / "b.csv"), str(FOLDER / "c.csv"))
    assert storage.find(NAMES.pin("orders", HOUR)) is None


def test_a_file_of_another_size_than_promised_is_refused(storage: DirectoryStorage) -> None:
    storage.write(FOLDER / "a.csv", b"12345")
    land(storage, "a.csv", size_bytes=6)
    with pytest.raises(ManifestFileDiffers, match="5 bytes"):
        pin(storage, NAMES, "orders", HOUR)


def test_a_manifest_that_lists_a_foreign_file_reads_nothing_there(
    storage: DirectoryStorage,
) -> None:
    body = {"entries": [{"url": "s3://someone-elses/2026/11/23/03/a.csv"}]}
    storage.write(NAMES.manifest("orders", HOUR), json.dumps(body).encode())
    with pytest.raises(LocationRefused, match="someone-elses"):
        pin(storage, NAMES, "orders", HOUR)


def test_a_failed_pin_leaves_the_earlier_one_in_place(storage: DirectoryStorage) -> None:
    land(storage)
    good = pin(storage, NAMES, "orders", HOUR)
    storage.write(NAMES.manifest("orders", HOUR), b"{")
    with pytest.raises(ManifestInvalid):
        pin(storage, NAMES, "orders", HOUR)
    assert Batch.model_validate_json(storage.read(NAMES.pin("orders", HOUR))) == good


def test_one_bad_hour_of_many_stops_no_other(storage: DirectoryStorage) -> None:
    land(storage)
    hours = [HOUR.plus(-1), HOUR, HOUR.plus(1)]
    results = pin_all(storage, NAMES, "orders", hours)
    assert list(results) == hours
    assert isinstance(results[HOUR], Batch)
    assert isinstance(results[HOUR.plus(1)], ManifestMissing)
