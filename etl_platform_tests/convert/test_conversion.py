"""Orders: commits, crashes, races, blocked hours, and which engine does the work."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from etl_platform.contract.batch import Batch, SourceFile
from etl_platform.contract.errors import ObjectMissing, ServiceUnavailable
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location
from etl_platform.contract.order import Order
from etl_platform.contract.sizing import SINGLE_NODE_MOST_BYTES
from etl_platform.contract.source import Rejects, SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert import conversion
from etl_platform.convert.engine import Attempt, Blocked, Result
from etl_platform.convert.single_node import SingleNode
from etl_platform_tests.convert.samples import HOUR, NAMES, RecordingCatalog, World, contract
from etl_platform_tests.fakes.storage import DirectoryStorage

FEED = contract({"id": "integer!", "value": "varchar(5)"}, {"type": "csv"}, key=["id"])
GOOD = b"id,value\n1,a\n2,b\n"
MIXED = b"id,value\n1,c\nx,d\n3,too long\n"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(DirectoryStorage(tmp_path))


def prefix_of(world: World, batch: Batch) -> Location:
    attempt = world.commit(batch).attempt
    return NAMES.attempt(batch.source, batch.hour, batch.batch_id, attempt)


def test_an_hour_is_committed_with_its_counts_and_exact_files(world: World) -> None:
    batch = world.land(FEED, HOUR, GOOD, MIXED)
    (report,) = world.convert(FEED, batch)
    assert report.outcome == "done"
    counts = {name: n for name, n in report.facts.items() if name.startswith("rows_")}
    assert counts == {
        "rows_read": 5,
        "rows_written": 2,
        "rows_rejected": 2,
        "rows_superseded": 1,
    }
    commit = world.commit(batch)
    assert (commit.batch, commit.kept_by) == (batch, "id")
    rows = world.rows(commit.files)
    assert [(row["id"], row["value"]) for row in rows] == [(1, "c"), (2, "b")]
    assert {row["_batch_id"] for row in rows} == {batch.batch_id}
    assert {row["_hour"] for row in rows} == {HOUR.start.replace(tzinfo=None)}
    rejects = world.rows(commit.reject_files)
    assert [reject["raw"] for reject in rejects] == ["x,d", "3,too long"]
    assert {reject["file"] for reject in rejects} == {batch.files[1].url}
    assert [(r.column, r.reason, r.records) for r in commit.reasons] == [
        ("id", "not_an_integer", 1),
        ("value", "too_long", 1),
    ]


def test_hours_that_are_converted_side_by_side_see_nothing_of_each_other(world: World) -> None:
    batches = []
    for n in range(24):
        wide = b"".join(b"%d,h%d\n" % (one, n) for one in range(n))
        files = [b"id,value\n" + wide + b"x,d\n" * (n % 3)]
        if n % 5 == 4:
            files.append(b"\xff")
        batches.append(world.land(FEED, HOUR.plus(n), *files))
    blocking = FEED.model_copy(update={"rejects": Rejects(at_most=(2,))})
    reports = {report.hour: report for report in world.convert(blocking, *batches)}
    for n, batch in enumerate(batches):
        report = reports[batch.hour]
        if n % 5 == 4:
            assert (report.outcome, report.error_code) == ("blocked", "FILE_UNREADABLE")
            continue
        assert (report.facts["rows_written"], report.facts["rows_rejected"]) == (n, n % 3)
        rows = world.rows(world.commit(batch).files)
        assert {(row["id"], row["value"]) for row in rows} == {(one, f"h{n}") for one in range(n)}
        assert world.catalog.points[batch.hour] == prefix_of(world, batch)


def test_a_report_says_what_an_operator_asks_for(world: World) -> None:
    batch = world.land(FEED, HOUR, MIXED)
    (report,) = world.convert(FEED, batch)
    commit = world.commit(batch)
    assert report.facts["reasons"] == [
        {
            "column": column,
            "reason": reason,
            "records": 1,
            "examples": [{"file": batch.files[0].url, "record": record}],
        }
        for column, reason, record in (("id", "not_an_integer", 2), ("value", "too_long", 3))
    ]
    assert report.facts["bytes_in"] == len(MIXED)
    assert report.facts["bytes_out"] == commit.files[0].size_bytes
    assert report.facts["files"] == 1
    assert report.facts["rejects"] == [commit.reject_files[0].url]
    assert report.facts["engine"] == "single_node"
    assert report.facts["attempt"] == commit.attempt
    assert report.facts["contract_digest"] == FEED.digest
    place = NAMES.commit(batch.source, batch.hour, batch.batch_id)
    assert report.facts["commit"] == str(place)
    assert "too long" not in report.model_dump_json()


def test_the_catalog_points_at_the_attempt_that_was_committed(world: World) -> None:
    batch = world.land(FEED, HOUR, GOOD)
    world.convert(FEED, batch)
    assert world.catalog.points == {HOUR: prefix_of(world, batch)}


def test_an_hour_without_files_and_one_without_records_are_committed(world: World) -> None:
    empty, blank = world.land(FEED, HOUR), world.land(FEED, HOUR.plus(1), b"id,value\n")
    reports = world.convert(FEED, empty, blank)
    assert [report.outcome for report in reports] == ["done", "done"]
    assert world.commit(empty).files == world.commit(blank).files == ()
    assert set(world.catalog.points) == {HOUR, HOUR.plus(1)}


def test_a_second_order_finds_the_commit_and_repairs_the_catalog(world: World) -> None:
    batch = world.land(FEED, HOUR, GOOD)
    (first,) = world.convert(FEED, batch)
    world.catalog.points.clear()
    (second,) = world.convert(FEED, batch)
    assert second.outcome == "already"
    assert second.facts == first.facts
    assert world.catalog.points == {HOUR: prefix_of(world, batch)}


def test_an_older_version_of_an_hour_never_takes_the_catalog_back(world: World) -> None:
    old, new = world.land(FEED, HOUR, GOOD), world.land(FEED, HOUR, MIXED)
    world.convert(FEED, new)
    (report,) = world.convert(FEED, old)
    assert report.outcome == "done"
    assert world.catalog.points == {HOUR: prefix_of(world, new)}


def test_too_many_rejects_block_the_hour_and_keep_them_for_a_look(world: World) -> None:
    strict = FEED.model_copy(update={"rejects": Rejects(at_most=(1,))})
    batch = world.land(strict, HOUR, MIXED)
    (report,) = world.convert(strict, batch)
    assert (report.outcome, report.error_code) == ("blocked", "REJECT_LIMIT")
    name = batch.files[0].key.rpartition("/")[2]
    assert f"id: not_an_integer, 1 record, first in {name} record 2" in (report.error or "")
    assert "`etl-platform rejects feed 2026-11-23-00`" in (report.error or "")
    assert report.facts["reasons"][0]["examples"] == [{"file": batch.files[0].url, "record": 2}]
    assert "too long" not in (report.error or "")
    (kept,) = report.facts["rejects"]
    assert world.storage.find(Location.parse(kept)) is not None
    assert world.storage.find(NAMES.commit("feed", HOUR, batch.batch_id)) is None
    assert world.catalog.points == {}


def test_a_blocked_hour_leaves_the_others_alone(world: World) -> None:
    batches = [
        world.land(FEED, HOUR, GOOD),
        world.land(FEED, HOUR.plus(1), GOOD, b"no header of ours\n"),
        world.land(FEED, HOUR.plus(2), GOOD),
    ]
    reports = world.convert(FEED, *batches)
    assert [report.outcome for report in reports] == ["done", "blocked", "done"]
    assert reports[1].error_code == "FILE_UNREADABLE"
    assert batches[1].files[1].url in (reports[1].error or "")


def test_a_file_that_has_gone_blocks_its_hour(world: World) -> None:
    batch = world.land(FEED, HOUR, GOOD)
    gone = batch.files[0].model_copy(update={"key": "2026/11/23/00/gone"})
    (report,) = world.convert(FEED, batch.model_copy(update={"files": (gone,)}))
    assert (report.outcome, report.error_code) == ("blocked", "OBJECT_MISSING")


def test_the_pinned_version_of_a_file_is_read(world: World) -> None:
    batch = world.land(FEED, HOUR, GOOD)
    file = batch.files[0]
    world.storage.write(Location(file.bucket, file.key), b"id,value\n9,late\n")
    world.convert(FEED, batch)
    assert [row["id"] for row in world.rows(world.commit(batch).files)] == [1, 2]


def test_a_table_missing_from_the_catalog_blocks_and_is_repaired_later(world: World) -> None:
    class Missing(RecordingCatalog):
        def point_partitions(self, table: str, places: Mapping[Hour, Location]) -> None:
            raise ObjectMissing(f"glue://tests/{table}")

    batch = world.land(FEED, HOUR, GOOD)
    working, world.catalog = world.catalog, Missing()
    assert [report.outcome for report in world.convert(FEED, batch)] == ["blocked"]
    world.catalog = working
    assert [report.outcome for report in world.convert(FEED, batch)] == ["already"]
    assert working.points == {HOUR: prefix_of(world, batch)}


def test_a_fault_of_a_service_ends_the_order_and_the_next_try_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = [world.land(FEED, HOUR.plus(n), GOOD) for n in range(3)]
    second = batches[1].files[0].key
    fetch = DirectoryStorage.fetch

    def faulty(
        storage: DirectoryStorage, location: Location, version_id: str | None, to: Path
    ) -> None:
        if location.key == second:
            raise ServiceUnavailable("s3", "GetObject", "503 SlowDown")
        fetch(storage, location, version_id, to)

    monkeypatch.setattr(DirectoryStorage, "fetch", faulty)
    with pytest.raises(ServiceUnavailable):
        world.convert(FEED, *batches)
    monkeypatch.undo()
    outcomes = {str(r.hour): r.outcome for r in world.convert(FEED, *batches)}
    assert outcomes == {
        "2026-11-23-00": "already",
        "2026-11-23-01": "done",
        "2026-11-23-02": "done",
    }


@dataclass
class Overtaken:
    """An engine that is so slow that another order commits the batch meanwhile."""

    world: World
    of: SourceContract
    name: str = "single_node"
    attempts: list[Attempt] = field(default_factory=list)

    def run(
        self, contract: SourceContract, attempts: Sequence[Attempt], storage: Storage
    ) -> Iterator[tuple[Attempt, Result | Blocked]]:
        for attempt, result in SingleNode().run(contract, attempts, storage):
            self.attempts.append(attempt)
            self.world.convert(self.of, attempt.batch)
            yield attempt, result


def test_of_two_attempts_at_once_the_first_commit_stands(world: World) -> None:
    batch = world.land(FEED, HOUR, GOOD)
    slow = Overtaken(world, FEED)
    (report,) = world.convert(FEED, batch, engine=slow)
    assert report.outcome == "already"
    assert report.facts["attempt"] == world.commit(batch).attempt != slow.attempts[0].attempt_id
    assert world.catalog.points == {HOUR: prefix_of(world, batch)}


def test_a_commit_whose_answer_was_lost_is_the_attempts_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_once = DirectoryStorage.write_once

    def lost_answer(storage: DirectoryStorage, location: Location, body: bytes) -> bool:
        write_once(storage, location, body)
        return write_once(storage, location, body)

    monkeypatch.setattr(DirectoryStorage, "write_once", lost_answer)
    (report,) = world.convert(FEED, world.land(FEED, HOUR, GOOD))
    assert report.outcome == "done"


def order(engine: str, size_bytes: int) -> Order:
    batch = Batch(
        source="feed",
        hour=HOUR,
        manifest_url="s3://raw/manifest.json",
        manifest_version="1",
        manifest_at=HOUR.start,
        files=(SourceFile(bucket="raw", key="f", version_id=None, size_bytes=size_bytes),),
    )
    of = FEED.model_copy(update={"engine": engine})
    return Order(stage="convert", namespace=NAMES.namespace, contract=of, batches=(batch,))


@pytest.mark.parametrize(
    ("engine", "size_bytes", "chosen"),
    [
        ("auto", SINGLE_NODE_MOST_BYTES, "single_node"),
        ("auto", SINGLE_NODE_MOST_BYTES + 1, "spark"),
        ("single_node", SINGLE_NODE_MOST_BYTES + 1, "single_node"),
        ("spark", 0, "spark"),
    ],
)
def test_the_engine_follows_the_contract_and_then_the_bytes(
    engine: str, size_bytes: int, chosen: str
) -> None:
    assert conversion.engine_for(order(engine, size_bytes)).name == chosen


def test_a_single_node_loads_neither_spark_nor_dagster() -> None:
    code = (
        "import sys; import etl_platform.convert.conversion;"
        "sys.exit(bool({'pyspark', 'dagster', 'boto3', 'yaml'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
