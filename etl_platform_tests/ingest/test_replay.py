from dataclasses import replace
from pathlib import Path

import pytest

from etl_platform.contract.errors import LocationRefused, ManifestInvalid, ManifestMissing
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.reading import find_contract
from etl_platform.contract.storage import StoredObject
from etl_platform.ingest.landing import Landing
from etl_platform.ingest.pin import pin
from etl_platform.ingest.replay import replay
from etl_platform_tests.fakes.storage import DirectoryStorage

HOUR = Hour.parse("2013-01-01-12")
NAMES = Names("etl-test")
MANIFEST = NAMES.manifest("weather", HOUR)


@pytest.fixture
def storage(tmp_path: Path) -> DirectoryStorage:
    return DirectoryStorage(tmp_path / "s3")


def test_an_hour_replayed_is_a_new_batch_of_the_same_files(
    storage: DirectoryStorage, tmp_path: Path
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"{}\n")
    Landing(storage, NAMES, find_contract("weather")).land(HOUR, [file])
    first, body = pin(storage, NAMES, "weather", HOUR), storage.read(MANIFEST)
    replayed = replay(storage, NAMES, "weather", HOUR)
    again = pin(storage, NAMES, "weather", HOUR)
    assert storage.read(MANIFEST) == body
    assert again.files == first.files
    assert again.batch_id == replayed.batch_id != first.batch_id
    assert (replayed.manifest, replayed.files) == (MANIFEST, 1)


def test_an_hour_without_a_manifest_cannot_be_replayed(storage: DirectoryStorage) -> None:
    with pytest.raises(ManifestMissing):
        replay(storage, NAMES, "weather", HOUR)


def test_a_broken_manifest_is_not_written_again(storage: DirectoryStorage) -> None:
    storage.write(MANIFEST, b"{")
    with pytest.raises(ManifestInvalid):
        replay(storage, NAMES, "weather", HOUR)
    found = storage.find(MANIFEST)
    assert found is not None
    assert found.version_id == "1"


def test_without_versions_there_is_no_new_batch_to_make(
    storage: DirectoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = DirectoryStorage.find

    def unversioned(
        self: DirectoryStorage, location: Location, version_id: str | None = None
    ) -> StoredObject | None:
        found = find(self, location, version_id)
        return replace(found, version_id=None) if found else None

    storage.write(MANIFEST, b'{"entries": []}')
    monkeypatch.setattr(DirectoryStorage, "find", unversioned)
    with pytest.raises(LocationRefused, match="without versions"):
        replay(storage, NAMES, "weather", HOUR)
