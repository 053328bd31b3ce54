"""Every manifest of a stretch is found, in a number of requests that files cannot raise."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.storage import Page
from etl_platform.ingest.arrivals import Arrival
from etl_platform.ingest.landed import landed
from etl_platform_tests.fakes.storage import DirectoryStorage

NAMES = Names("etl-test")
BUCKET = NAMES.raw_bucket("orders")
FIRST = Hour.parse("2013-12-31-20")
LAST = FIRST.plus(9)


class Counting(DirectoryStorage):
    """Counts the pages that were asked for."""

    pages = 0

    def page(self, bucket: str, after: str) -> Page:
        type(self).pages += 1
        return super().page(bucket, after)


hours = st.integers(-2, 12).map(FIRST.plus)
names = st.sampled_from(
    ["manifest.json", "a.csv", "m", "manifest.jso", "manifest.jsoa", "z.csv", "sub/manifest.json"]
)
junk = st.sampled_from(
    ["2013/12/31/", "2013/12/31/x", "2014/01", "2013/z", "0", "archive/manifest.json", "~"]
)
keys = st.one_of(st.builds(lambda hour, name: hour.folder + name, hours, names), junk)


@given(st.sets(keys, max_size=60), st.integers(1, 5))
def test_whatever_lies_in_the_bucket_every_manifest_of_the_stretch_is_found_once(
    keys: set[str], objects_a_page: int
) -> None:
    with TemporaryDirectory() as folder:
        storage = DirectoryStorage(Path(folder), objects_a_page)
        for key in keys:
            storage.write(Location(BUCKET, key), b"")
        found = [
            arrival.hour for arrival, _ in landed(storage, NAMES, "orders", FIRST, LAST).manifests
        ]
    expected = [hour for hour in FIRST.through(LAST) if f"{hour.folder}manifest.json" in keys]
    assert found == expected


@given(st.sets(keys, max_size=60), st.integers(1, 5))
def test_a_look_that_breaks_off_goes_on_where_it_was(keys: set[str], objects_a_page: int) -> None:
    with TemporaryDirectory() as folder:
        storage = DirectoryStorage(Path(folder), objects_a_page)
        for key in keys:
            storage.write(Location(BUCKET, key), b"")
        whole = landed(storage, NAMES, "orders", FIRST, LAST).manifests
        found: list[tuple[Arrival, datetime]] = []
        after = ""
        while True:
            look = landed(storage, NAMES, "orders", FIRST, LAST, after, lambda _: False)
            found += look.manifests
            if look.last_key is None:
                break
            after = look.last_key
    assert tuple(found) == whole


@pytest.mark.parametrize("files", [0, 500])
def test_files_raise_the_number_of_requests_to_two_an_hour_and_no_further(
    tmp_path: Path, files: int
) -> None:
    """P6."""
    storage = Counting(tmp_path, objects_a_page=5)
    for hour in FIRST.through(FIRST.plus(3)):
        for number in range(files // 4):
            for prefix in "az":
                storage.write(Location(BUCKET, f"{hour.folder}{prefix}{number}"), b"")
        storage.write(Location(BUCKET, f"{hour.folder}manifest.json"), b"")
    Counting.pages = 0
    assert len(landed(storage, NAMES, "orders", FIRST, LAST).manifests) == 4
    assert Counting.pages <= 2 * 4 + 1


def test_a_manifest_that_is_written_again_is_another_version(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    storage.write(NAMES.manifest("orders", FIRST), b"1")
    ((one, _),) = landed(storage, NAMES, "orders", FIRST, LAST).manifests
    storage.write(NAMES.manifest("orders", FIRST), b"1")
    ((two, _),) = landed(storage, NAMES, "orders", FIRST, LAST).manifests
    assert one.batch_id != two.batch_id
