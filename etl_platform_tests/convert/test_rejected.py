"""Kept rejects, found again and counted."""

from pathlib import Path

import pytest

from etl_platform.contract.layout import Location
from etl_platform.contract.source import Rejects
from etl_platform.convert.rejected import by_reason, kept_files
from etl_platform_tests.convert.samples import HOUR, NAMES, World, contract
from etl_platform_tests.fakes.storage import DirectoryStorage

FEED = contract({"id": "integer!", "n": "smallint"}, {"type": "csv"})
STRICT = FEED.model_copy(update={"rejects": Rejects(at_most=(0,))})
DIRTY = b"id,n\nx,1\n1,y\nz,z\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(DirectoryStorage(tmp_path / "s3"))


def fetched(world: World, files: tuple[Location, ...], folder: Path) -> list[Path]:
    found = [folder / f"{number}.parquet" for number in range(len(files))]
    for location, file in zip(files, found, strict=True):
        world.storage.fetch(location, None, file)
    return found


def test_the_rejects_of_a_committed_batch_are_counted_by_reason(
    world: World, tmp_path: Path
) -> None:
    batch = world.land(FEED, HOUR, DIRTY, DIRTY)
    world.convert(FEED, batch)
    commit = world.commit(batch)
    kept = kept_files(world.storage, NAMES, "feed", HOUR, batch.batch_id, commit)
    assert kept.is_committed
    reasons = by_reason(fetched(world, kept.files, tmp_path), samples=3)
    found = {(reason.column, reason.reason): reason.records for reason in reasons}
    assert found == {(r.column, r.reason): r.records for r in commit.reasons}
    samples = {r.column: [(s.file, s.record, s.value) for s in r.samples] for r in reasons}
    first, second = (file.url for file in batch.files)
    assert samples["id"] == [(first, 1, "x"), (first, 3, "z"), (second, 1, "x")]


def test_the_rejects_of_a_blocked_batch_are_those_of_its_last_attempt(
    world: World, tmp_path: Path
) -> None:
    batch = world.land(STRICT, HOUR, DIRTY)
    for _ in range(2):
        assert [report.outcome for report in world.convert(STRICT, batch)] == ["blocked"]
    kept = kept_files(world.storage, NAMES, "feed", HOUR, batch.batch_id, None)
    assert not kept.is_committed
    reasons = by_reason(fetched(world, kept.files, tmp_path), samples=1)
    assert sorted((r.column, r.records) for r in reasons) == [("id", 2), ("n", 2)]


def test_a_batch_that_was_never_converted_has_no_rejects(world: World) -> None:
    batch = world.land(FEED, HOUR, DIRTY)
    assert kept_files(world.storage, NAMES, "feed", HOUR, batch.batch_id, None).files == ()
    assert by_reason([], samples=1) == ()


def test_the_catalog_shows_the_rejects_of_the_batch_that_it_shows(world: World) -> None:
    world.convert(FEED, world.land(FEED, HOUR, DIRTY))
    clean = world.land(FEED, HOUR, b"id,n\n1,1\n")
    world.convert(FEED, clean)
    attempt = world.catalog.points[HOUR]
    assert world.catalog.rejects == {HOUR: attempt / "_rejects/"}
    assert clean.batch_id in str(attempt)
    assert list(world.storage.list(world.catalog.rejects[HOUR])) == []


def test_the_partition_of_rejects_holds_the_reject_files(world: World) -> None:
    batch = world.land(FEED, HOUR, DIRTY)
    world.convert(FEED, batch)
    listed = [str(item.location) for item in world.storage.list(world.catalog.rejects[HOUR])]
    assert listed == [file.url for file in world.commit(batch).reject_files]
