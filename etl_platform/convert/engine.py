"""What both engines share: the work of an attempt, its result, and the end of a bucket."""

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb
from pydantic import BaseModel, ConfigDict

from etl_platform.contract.batch import Batch
from etl_platform.contract.checkpoints import checkpoint
from etl_platform.contract.commit import (
    MOST_UNKNOWN_NAMED,
    MOST_UNREADABLE_NAMED,
    Counts,
    ParquetFile,
    ReasonCount,
)
from etl_platform.contract.errors import Terminal
from etl_platform.contract.layout import REJECTS_FOLDER, SUPERSEDED_FOLDER, Location, Names, part
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert.finish import finish
from etl_platform.convert.parquet_files import Rows, Stamp, write_files
from etl_platform.convert.superseded import superseded
from etl_platform.convert.tally import (
    count_truncated,
    name_files,
    rejects,
    tally,
    unreadable_files,
)


@dataclass(frozen=True)
class Attempt:
    """One try at a batch. Everything it writes lies below `prefix`, which no other try has."""

    batch: Batch
    attempt_id: str
    prefix: Location

    @classmethod
    def at(cls, batch: Batch, names: Names) -> "Attempt":
        attempt_id = uuid.uuid4().hex[:12]
        prefix = names.attempt(batch.source, batch.hour, batch.batch_id, attempt_id)
        return cls(batch, attempt_id, prefix)

    def again(self) -> "Attempt":
        """Another try at the same batch, beside this one."""
        attempt_id = uuid.uuid4().hex[:12]
        folder = self.prefix.key.removesuffix(f"{self.attempt_id}/")
        return Attempt(
            self.batch, attempt_id, Location(self.prefix.bucket, f"{folder}{attempt_id}/")
        )


class Result(BaseModel):
    """What became of an attempt, or of one file or bucket of it.

    `seconds` are those of the work: of tasks that run side by side, they add up.
    """

    model_config = ConfigDict(frozen=True)
    counts: Counts = Counts()
    reasons: tuple[ReasonCount, ...] = ()
    files: tuple[ParquetFile, ...] = ()
    reject_files: tuple[ParquetFile, ...] = ()
    superseded_files: tuple[ParquetFile, ...] = ()
    unreadable_files: tuple[str, ...] = ()
    unknown_fields: tuple[str, ...] = ()
    values_truncated: dict[str, int] = {}
    seconds: float = 0.0

    @classmethod
    def of(cls, parts: Iterable["Result"]) -> "Result":
        """The whole of its parts, in an order that does not depend on theirs."""
        counts, seconds = Counts(), 0.0
        reasons: dict[tuple[str, str], ReasonCount] = {}
        files: list[ParquetFile] = []
        reject_files: list[ParquetFile] = []
        superseded_files: list[ParquetFile] = []
        unreadable: list[str] = []
        unknown: set[str] = set()
        truncated: Counter[str] = Counter()
        for piece in parts:
            counts += piece.counts
            seconds += piece.seconds
            for said in piece.reasons:
                place = (said.column, said.reason)
                reasons[place] = reasons[place] + said if place in reasons else said
            files += piece.files
            reject_files += piece.reject_files
            superseded_files += piece.superseded_files
            unreadable += piece.unreadable_files
            unknown.update(piece.unknown_fields)
            truncated.update(piece.values_truncated)
        return cls(
            counts=counts,
            reasons=tuple(said for _, said in sorted(reasons.items())),
            files=tuple(sorted(files, key=lambda file: file.key)),
            reject_files=tuple(sorted(reject_files, key=lambda file: file.key)),
            superseded_files=tuple(sorted(superseded_files, key=lambda file: file.key)),
            unreadable_files=tuple(sorted(unreadable)[:MOST_UNREADABLE_NAMED]),
            unknown_fields=tuple(sorted(unknown)[:MOST_UNKNOWN_NAMED]),
            values_truncated=dict(sorted(truncated.items())),
            seconds=round(seconds, 3),
        )


class Blocked(BaseModel):
    """A Terminal error, in the form that also comes back from another process."""

    model_config = ConfigDict(frozen=True)
    code: str
    message: str

    @classmethod
    def by(cls, error: Terminal) -> "Blocked":
        return cls(code=error.code, message=str(error))


class Engine(Protocol):
    """A place to run `parse` and `finish` in. A Terminal error stops its own attempt only."""

    @property
    def name(self) -> str:
        """As the contract spells it."""

    def run(
        self, contract: SourceContract, attempts: Sequence[Attempt], storage: Storage
    ) -> Iterator[tuple[Attempt, Result | Blocked]]:
        """Write the files of every attempt; commit none."""


def finish_bucket(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    attempt: Attempt,
    number: int,
    storage: Storage,
    folder: Path,
) -> Result:
    """Write and upload the files of the records that the connection holds. None was read here."""
    started = time.monotonic()
    rejected, reasons = tally(connection)
    truncated = count_truncated(connection, contract)
    prefix, urls = attempt.prefix, [raw.url for raw in attempt.batch.files]

    def put_away(rows: Rows, place: Location) -> tuple[ParquetFile, ...]:
        return store_files(rows, Stamp.of(attempt.batch), place, number, storage, folder)

    if rejected or contract.keep_superseded:
        name_files(connection, urls)
    reject_files: tuple[ParquetFile, ...] = ()
    unreadable: tuple[str, ...] = ()
    if rejected:
        reject_files = put_away(rejects(connection, rejected), prefix / REJECTS_FOLDER)
        unreadable = unreadable_files(connection)
    newest, replaced = finish(connection, contract)
    files = put_away(newest, prefix)
    superseded_files: tuple[ParquetFile, ...] = ()
    if contract.keep_superseded:
        older = superseded(connection, contract, replaced)
        superseded_files = put_away(older, prefix / SUPERSEDED_FOLDER)
    written = sum(file.rows for file in files)
    return Result(
        counts=Counts(rejected=rejected, written=written, superseded=replaced),
        reasons=reasons,
        files=files,
        reject_files=reject_files,
        superseded_files=superseded_files,
        unreadable_files=unreadable,
        values_truncated=truncated,
        seconds=time.monotonic() - started,
    )


def store_files(
    rows: Rows, stamp: Stamp, place: Location, task: int, storage: Storage, folder: Path
) -> tuple[ParquetFile, ...]:
    """Write a stream as the files of a task and upload each as it is done."""
    stored = []
    for number, (file, count) in enumerate(write_files(rows, stamp, folder)):
        location = part(place, task, number)
        size_bytes = storage.store(file, location)
        checkpoint("convert.after_file")
        file.unlink()
        stored.append(
            ParquetFile(bucket=location.bucket, key=location.key, size_bytes=size_bytes, rows=count)
        )
    return tuple(stored)
