"""Rows of one key in several tasks: the newest stays, and nothing written before is touched."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform.contract import sizing
from etl_platform.contract.errors import ServiceUnavailable, Transient
from etl_platform.contract.layout import Location, Names
from etl_platform.convert.engine import Attempt, Result
from etl_platform.convert.single_node import SingleNode
from etl_platform.convert.spark import Spark
from etl_platform_tests.convert.samples import HOUR, NAMES, World, contract
from etl_platform_tests.convert.spark.in_process import InProcess
from etl_platform_tests.fakes.storage import DirectoryStorage

COLUMNS = {
    "id": "varchar(3)!",
    "at": "timestamptz!",
    "revision": "smallint!",
    "price": "decimal(5,2)",
    "flown": "date",
}
FEED = contract(
    COLUMNS,
    {"type": "csv"},
    key=["id", "at"],
    keep_superseded=True,
    load={"strategy": "upsert", "version": "revision", "sortkey": ["price"]},
)

rows = st.tuples(
    st.sampled_from(["a", "b", "é", "x,y"]),
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T02:00:00+02:00", "2026-01-02 00:00:00"]),
    st.integers(0, 2),
    st.sampled_from(["1.50", "2", "", "dear"]),
    st.sampled_from(["2026-01-01", ""]),
)


def csv_of(given_rows: list[tuple[Any, ...]]) -> bytes:
    lines = [",".join(f'"{cell}"' for cell in row) for row in given_rows]
    return "\n".join([",".join(COLUMNS), *lines]).encode()


def made(folder: Path, engine: Any, files: list[bytes]) -> tuple[Any, ...]:
    folder.mkdir()
    world = World(DirectoryStorage(folder))
    batch = world.land(FEED, HOUR, *files).model_copy(update={"manifest_version": "same"})
    (report,) = world.convert(FEED, batch, engine=engine)
    assert report.outcome == "done", report.error
    commit = world.commit(batch)
    beside = [
        [row for row in world.rows(found) if row.pop("_file", True) and row.pop("file", True)]
        for found in (commit.superseded_files, commit.reject_files)
    ]
    return commit.counts, commit.reasons, world.rows(commit.files), *beside


@settings(max_examples=12)
@given(files=st.lists(st.lists(rows, min_size=1, max_size=6), min_size=1, max_size=4))
def test_tasks_come_to_the_same_rows_as_one_connection(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[tuple[Any, ...]]]
) -> None:
    folder = tmp_path_factory.mktemp("rewriting")
    bodies = [csv_of(file) for file in files]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sizing, "TASK_BYTES", 150)
        of_tasks = made(folder / "tasks", Spark(InProcess()), bodies)
    assert of_tasks == made(folder / "one", SingleNode(), bodies)


def run(world: World, *files: bytes) -> tuple[Attempt, Attempt, Result]:
    attempt = Attempt.at(world.land(FEED, HOUR, *files), Names(NAMES.namespace))
    ((yielded, result),) = Spark(InProcess()).run(FEED, [attempt], world.storage)
    assert isinstance(result, Result)
    return attempt, yielded, result


def test_files_are_written_again_below_an_attempt_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "TASK_BYTES", 70)
    world = World(DirectoryStorage(tmp_path))
    old = ("a", "2026-01-01T00:00:00Z", 1, "1.50", "")
    other = ("b", "2026-01-01T00:00:00Z", 1, "2.50", "")
    first, anew, result = run(
        world, csv_of([old]), csv_of([other]), csv_of([(*old[:2], 2, "3", "")])
    )
    assert anew.prefix != first.prefix
    assert (result.counts.written, result.counts.superseded) == (2, 1)
    files = [*result.files, *result.superseded_files]
    assert all(file.key.startswith(anew.prefix.key) for file in files)
    # The task of the row that was replaced has none left; the two others are copied as they were.
    names = [file.key.removeprefix(anew.prefix.key) for file in result.files]
    assert len(names) == 2
    for name in names:
        again = world.storage.read(anew.prefix / name)
        assert again == world.storage.read(first.prefix / name)
    found = list(world.storage.list(Location(first.prefix.bucket, first.prefix.key)))
    assert all(stored.version_id == "1" for stored in found)


def test_without_rows_to_replace_the_attempt_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "TASK_BYTES", 70)
    files = [csv_of([(name, "2026-01-01T00:00:00Z", 1, "", "")]) for name in ("a", "b", "c")]
    first, yielded, result = run(World(DirectoryStorage(tmp_path)), *files)
    assert yielded is first
    assert (result.counts.written, len(result.files)) == (3, 3)


class Faulty(DirectoryStorage):
    """A storage that does not give the keys of replaced rows."""

    def read(self, location: Location, version_id: str | None = None) -> bytes:
        if location.key.endswith(".arrow"):
            raise ServiceUnavailable("s3", f"GetObject {location}", "503 SlowDown")
        return super().read(location, version_id)


def test_a_fault_while_rewriting_ends_the_order_as_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "TASK_BYTES", 70)
    row = ("a", "2026-01-01T00:00:00Z", 1, "", "")
    with pytest.raises(Transient) as raised:
        run(World(Faulty(tmp_path)), csv_of([row]), csv_of([row]))
    assert raised.value.code == "SERVICE_UNAVAILABLE"
