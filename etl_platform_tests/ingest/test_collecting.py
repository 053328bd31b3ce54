"""Manifests that the platform writes for a source without any."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl_platform.contract.errors import HourRefused
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.manifest import Manifest
from etl_platform.contract.source import SourceContract
from etl_platform.ingest.collecting import Collected, Found, collect, hours_to_collect
from etl_platform.ingest.pin import pin
from etl_platform_tests.components.sources import contract
from etl_platform_tests.fakes.storage import DirectoryStorage

NAMES = Names("etl-test")
NOW = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
REAL_TIME = datetime(2026, 11, 24, tzinfo=UTC)
HOUR = Hour.parse("2026-11-23-04")
FEED = contract("feed", arrives={"schedule": "15 * * * *", "look_back_hours": 3})


class Bucket:
    """The raw bucket of the feed, with times that tests set."""

    def __init__(self, root: Path) -> None:
        self.storage = DirectoryStorage(root)

    def put(self, name: str, at: datetime, hour: Hour = HOUR) -> None:
        place = NAMES.raw_folder("feed", hour) / name
        self.storage.write(place, name.encode())
        self._date(at)

    def collect(self, now: datetime = NOW, feed: SourceContract = FEED) -> list[Collected]:
        done = list(collect(self.storage, NAMES, feed, hours_to_collect(feed, now), now))
        self._date(now)
        return [one for one in done if one.found is not Found.NOTHING]

    def listed(self) -> set[str]:
        place = NAMES.manifest("feed", HOUR)
        entries = Manifest.parse(self.storage.read(place), place).entries
        return {entry.url.rpartition("/")[2] for entry in entries}

    def _date(self, at: datetime) -> None:
        """Give what was written just now the time of the test."""
        for file in self.storage.root.rglob("*"):
            if (
                file.is_file()
                and file.stat().st_mtime > datetime(2026, 11, 24, tzinfo=UTC).timestamp()
            ):
                os.utime(file, (at.timestamp(), at.timestamp()))


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return Bucket(tmp_path)


def _ago(minutes: int) -> datetime:
    return NOW - timedelta(minutes=minutes)


def test_an_hour_that_is_over_gets_a_manifest_of_its_files(bucket: Bucket) -> None:
    bucket.put("b.json", _ago(20))
    bucket.put("a.json", _ago(30))
    assert bucket.collect() == [Collected(HOUR, Found.WRITTEN, 2)]
    assert bucket.listed() == {"a.json", "b.json"}
    batch = pin(bucket.storage, NAMES, "feed", HOUR)
    assert [file.key.rpartition("/")[2] for file in batch.files] == ["a.json", "b.json"]


def test_a_manifest_that_has_all_files_is_left_alone(bucket: Bucket) -> None:
    bucket.put("a.json", _ago(30))
    bucket.collect()
    version = pin(bucket.storage, NAMES, "feed", HOUR).manifest_version
    assert bucket.collect() == [Collected(HOUR, Found.KNOWN, 1)]
    assert pin(bucket.storage, NAMES, "feed", HOUR).manifest_version == version


def test_files_that_may_still_be_coming_are_waited_for(bucket: Bucket) -> None:
    bucket.put("a.json", _ago(30))
    bucket.put("b.json", _ago(4))
    assert bucket.collect() == [Collected(HOUR, Found.NOT_SETTLED, 2)]
    assert bucket.storage.find(NAMES.manifest("feed", HOUR)) is None
    assert bucket.collect(NOW + timedelta(minutes=2)) == [Collected(HOUR, Found.WRITTEN, 2)]


def test_a_file_that_comes_late_makes_a_corrected_hour(bucket: Bucket) -> None:
    bucket.put("a.json", _ago(30))
    bucket.collect()
    first = pin(bucket.storage, NAMES, "feed", HOUR).batch_id
    later = NOW + timedelta(hours=1)
    bucket.put("late.json", later - timedelta(minutes=10))
    assert bucket.collect(later) == [Collected(HOUR, Found.WRITTEN, 2)]
    assert bucket.listed() == {"a.json", "late.json"}
    assert pin(bucket.storage, NAMES, "feed", HOUR).batch_id != first


def test_a_file_that_is_written_over_makes_a_corrected_hour(bucket: Bucket) -> None:
    bucket.put("a.json", _ago(30))
    bucket.collect()
    later = NOW + timedelta(hours=1)
    bucket.put("a.json", later - timedelta(minutes=10))
    assert bucket.collect(later) == [Collected(HOUR, Found.WRITTEN, 1)]
    assert bucket.collect(later) == [Collected(HOUR, Found.KNOWN, 1)]


def test_marks_and_folders_below_are_no_files_of_the_hour(bucket: Bucket) -> None:
    for name in ("_SUCCESS", ".a.json.crc", "below/c.json", "a.json"):
        bucket.put(name, _ago(30))
    bucket.collect()
    assert bucket.listed() == {"a.json"}


def test_the_hour_under_way_and_hours_long_past_are_not_looked_at(bucket: Bucket) -> None:
    for hour in (HOUR.plus(1), HOUR.plus(-3)):
        bucket.put("a.json", _ago(30), hour)
    assert bucket.collect() == []


@pytest.mark.parametrize("hour", [HOUR.plus(1), Hour.parse("2012-12-31-23")])
def test_an_hour_that_is_not_over_or_not_sent_is_refused_by_hand(
    bucket: Bucket, hour: Hour
) -> None:
    with pytest.raises(HourRefused, match=str(hour)):
        list(collect(bucket.storage, NAMES, FEED, [hour], NOW))


def test_a_source_with_manifests_of_its_own_is_not_looked_at() -> None:
    assert list(hours_to_collect(contract("feed"), NOW)) == []


def test_a_source_that_has_ended_is_looked_at_up_to_its_end() -> None:
    ended = contract("feed", ends="2026-11-23-04", arrives={"schedule": "* * * * *"})
    assert max(hours_to_collect(ended, NOW)) == HOUR.plus(-1)
