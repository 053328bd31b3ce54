import json
from pathlib import Path

import pytest

from etl_platform.contract.errors import FileUnreadable, LocationRefused
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.reading import find_contract
from etl_platform.ingest.landing import Landing
from etl_platform.ingest.pin import pin
from etl_platform_tests.fakes.storage import DirectoryStorage

HOUR = Hour.parse("2013-01-01-12")
NAMES = Names("etl-test")


@pytest.fixture
def storage(tmp_path: Path) -> DirectoryStorage:
    return DirectoryStorage(tmp_path / "s3")


@pytest.fixture
def landing(storage: DirectoryStorage) -> Landing:
    return Landing(storage, NAMES, find_contract("weather"))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    files = [tmp_path / "a.jsonl", tmp_path / "b c.jsonl"]
    files[0].write_bytes(b"{}\n")
    files[1].write_bytes(b"")
    return files


def _keys(storage: DirectoryStorage) -> list[str]:
    return [item.location.key for item in storage.list(Location(NAMES.raw_bucket("weather"), ""))]


def test_files_lie_in_the_folder_of_the_hour_beside_their_manifest(
    landing: Landing, storage: DirectoryStorage, files: list[Path]
) -> None:
    landing.land(HOUR, files)
    folder = "2013/01/01/12/"
    assert _keys(storage) == [f"{folder}a.jsonl", f"{folder}b c.jsonl", f"{folder}manifest.json"]


def test_the_manifest_gives_each_file_with_its_bytes(
    landing: Landing, storage: DirectoryStorage, files: list[Path]
) -> None:
    landed = landing.land(HOUR, files)
    assert json.loads(storage.read(landed.manifest)) == {
        "entries": [
            {
                "url": "s3://etl-test-raw-weather/2013/01/01/12/a.jsonl",
                "mandatory": True,
                "meta": {"content_length": 3},
            },
            {
                "url": "s3://etl-test-raw-weather/2013/01/01/12/b c.jsonl",
                "mandatory": True,
                "meta": {"content_length": 0},
            },
        ]
    }


def test_what_is_landed_can_be_pinned(
    landing: Landing, storage: DirectoryStorage, files: list[Path]
) -> None:
    landing.land(HOUR, files)
    batch = pin(storage, NAMES, "weather", HOUR)
    assert [file.size_bytes for file in batch.files] == [3, 0]


def test_an_hour_landed_again_is_another_batch(
    landing: Landing, storage: DirectoryStorage, files: list[Path]
) -> None:
    landing.land(HOUR, files)
    first = pin(storage, NAMES, "weather", HOUR)
    landing.land(HOUR, files)
    assert pin(storage, NAMES, "weather", HOUR).batch_id != first.batch_id


def test_an_hour_without_files_has_an_empty_manifest(
    landing: Landing, storage: DirectoryStorage
) -> None:
    landing.land(HOUR, [])
    assert pin(storage, NAMES, "weather", HOUR).files == ()


def test_the_bytes_of_each_file_are_heard_of(landing: Landing, files: list[Path]) -> None:
    heard: list[int] = []
    landing.land(HOUR, files, heard.append)
    assert heard == [3, 0]


@pytest.mark.parametrize(
    ("names", "error"),
    [
        pytest.param(["a.jsonl", "gone.jsonl"], FileUnreadable, id="not there"),
        pytest.param(["a.jsonl", "manifest.json"], LocationRefused, id="named as the manifest"),
        pytest.param(["a.jsonl", "other/a.jsonl"], LocationRefused, id="one name twice"),
        pytest.param(["a.jsonl", "other"], FileUnreadable, id="a folder"),
    ],
)
def test_nothing_is_written_if_one_file_cannot_be_landed(
    landing: Landing,
    storage: DirectoryStorage,
    tmp_path: Path,
    names: list[str],
    error: type[Exception],
) -> None:
    (tmp_path / "other").mkdir()
    for name in ("a.jsonl", "manifest.json", "other/a.jsonl"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(error):
        landing.land(HOUR, [tmp_path / name for name in names])
    assert _keys(storage) == []


def test_an_hour_before_the_first_one_of_the_source_is_refused(
    landing: Landing, storage: DirectoryStorage, files: list[Path]
) -> None:
    with pytest.raises(LocationRefused, match="2013-01-01-00 or later"):
        landing.land(Hour.parse("2012-12-31-23"), files)
    assert _keys(storage) == []
