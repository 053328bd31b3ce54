"""Tasks of about one size, each of one attempt, with its pieces in order."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.contract import sizing
from etl_platform.contract.layout import Location
from etl_platform.contract.source import SourceContract
from etl_platform.convert.engine import Attempt
from etl_platform.convert.spark.pieces import Piece
from etl_platform.convert.spark.plan import Plan, together
from etl_platform_tests.convert.samples import HOUR, World, contract
from etl_platform_tests.fakes.storage import DirectoryStorage

SMALL = contract({"id": "integer!"}, {"type": "csv"}, key=["id"])
KEYLESS = contract({"id": "integer"}, {"type": "csv"})


@given(st.lists(st.integers(0, 3 * sizing.TASK_BYTES), max_size=30))
def test_every_piece_is_in_one_task_and_none_is_far_too_large(sizes: list[int]) -> None:
    pieces = [Piece(number, size_bytes) for number, size_bytes in enumerate(sizes)]
    shares = together(pieces)
    assert [piece for share in shares for piece in share] == pieces
    assert all(shares)
    largest = max(sizes, default=0)
    for share in shares:
        assert sum(piece.plain_bytes for piece in share) <= sizing.TASK_BYTES + largest
    assert len(shares) <= -(-sum(sizes) // sizing.TASK_BYTES) or len(shares) == 1


def plan(folder: Path, of: SourceContract, *hours: list[int]) -> Plan:
    world = World(DirectoryStorage(folder))
    attempts = [
        Attempt(world.land(of, HOUR.plus(n), *(b"x" * size for size in sizes)), "a", PREFIX)
        for n, sizes in enumerate(hours)
    ]
    return Plan.of(of, attempts, world.storage)


PREFIX = Location("b", "k/a/")


def test_small_files_of_an_hour_are_one_task_and_those_of_two_hours_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "TASK_BYTES", 100)
    made = plan(tmp_path, SMALL, [10] * 9, [], [0], [90, 90])
    numbers = [(t.attempt_no, t.number, [p.file_no for p in t.pieces]) for t in made.tasks]
    assert numbers == [(0, 0, list(range(9))), (2, 0, [0]), (3, 0, [0]), (3, 1, [1])]


def test_keys_are_compared_only_where_two_tasks_could_share_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "TASK_BYTES", 100)
    assert plan(tmp_path, SMALL, [10, 10], [99]).buckets == 0
    assert plan(tmp_path, KEYLESS, [90, 90]).buckets == 0
    assert plan(tmp_path, SMALL, [90, 90], [10], [90] * 3).first_buckets == (0, 2, 2, 5)
