"""Which Spark task does what: files are put together, or cut, to tasks of about one size."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from etl_platform.contract import sizing
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert.engine import Attempt
from etl_platform.convert.spark.pieces import Piece

_MOST_BUCKETS: Final = 64
"""Of the keys of one attempt: each task sends a message to each bucket."""

Pieces = Mapping[tuple[int, int], Sequence[Piece]]
"""The pieces of those files that are cut, by the numbers of attempt and file."""


@dataclass(frozen=True)
class Task:
    """Some pieces of one attempt; `number` counts the tasks of the attempt."""

    attempt_no: int
    number: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Plan:
    """All tasks, in a form that every task has whole.

    Where rows of one key may be in two tasks, keys go to buckets: those of attempt `n` are
    `first_buckets[n]` up to `first_buckets[n + 1]`.
    """

    contract: SourceContract
    attempts: tuple[Attempt, ...]
    storage: Storage
    tasks: tuple[Task, ...]
    first_buckets: tuple[int, ...]

    @classmethod
    def of(
        cls,
        contract: SourceContract,
        attempts: Sequence[Attempt],
        storage: Storage,
        cut: Pieces | None = None,
    ) -> "Plan":
        of_attempts = [
            [
                Task(attempt_no, number, share)
                for number, share in enumerate(
                    together(_pieces(contract, attempt_no, attempt, cut or {}))
                )
            ]
            for attempt_no, attempt in enumerate(attempts)
        ]
        buckets = [
            min(len(tasks), _MOST_BUCKETS) if contract.key and len(tasks) > 1 else 0
            for tasks in of_attempts
        ]
        tasks = tuple(task for tasks in of_attempts for task in tasks)
        return cls(contract, tuple(attempts), storage, tasks, tuple(accumulate(buckets, initial=0)))

    @property
    def buckets(self) -> int:
        """Of all attempts; none if no key needs to be compared."""
        return self.first_buckets[-1]


def _pieces(
    contract: SourceContract, attempt_no: int, attempt: Attempt, cut: Pieces
) -> list[Piece]:
    return [
        piece
        for file_no, file in enumerate(attempt.batch.files)
        for piece in cut.get((attempt_no, file_no))
        or [Piece(file_no, sizing.plain_bytes(contract, file))]
    ]


def together(pieces: Sequence[Piece]) -> list[tuple[Piece, ...]]:
    """Pieces in their order, put together to what is one task each.

    A piece belongs to the task in whose equal share of all bytes its middle lies.
    """
    total_bytes = sum(piece.plain_bytes for piece in pieces) or 1
    count = -(-total_bytes // sizing.TASK_BYTES)
    shares: defaultdict[int, list[Piece]] = defaultdict(list)
    before_bytes = 0
    for piece in pieces:
        middle = before_bytes + piece.plain_bytes // 2
        shares[min(middle * count // total_bytes, count - 1)].append(piece)
        before_bytes += piece.plain_bytes
    return [tuple(share) for share in shares.values()]
