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
from etl_platform.contract.commit import (
    MOST_UNKNOWN_NAMED,
    MOST_UNREADABLE_NAMED,
    Counts,
    ParquetFile,
    ReasonCount,
)
from etl_platform.contract.errors import Terminal
from etl_platform.contract.layout import Location, Names, part, reject_part, superseded_part
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert.finish import Stamp, finish, write_rejects
from etl_platform.convert.superseded import write_superseded
from etl_platform.convert.tally import count_truncated, rejects_reader, tally, unreadable_files


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
    stamp = Stamp.of(attempt.batch)
    file = folder / "part.parquet"
    urls = [raw.url for raw in attempt.batch.files]
    kept = write_rejects(rejects_reader(connection, urls), stamp, file)
    reject_files = put_away(storage, file, reject_part(attempt.prefix, number), kept)
    written, superseded = finish(connection, contract, stamp, file)
    files = put_away(storage, file, part(attempt.prefix, number), written)
    beside = write_superseded(connection, contract, stamp, file) if contract.keep_superseded else 0
    superseded_files = put_away(storage, file, superseded_part(attempt.prefix, number), beside)
    return Result(
        counts=Counts(rejected=rejected, written=written, superseded=superseded),
        reasons=reasons,
        files=files,
        reject_files=reject_files,
        superseded_files=superseded_files,
        unreadable_files=unreadable_files(connection),
        values_truncated=truncated,
        seconds=time.monotonic() - started,
    )


def put_away(
    storage: Storage, file: Path, location: Location, rows: int
) -> tuple[ParquetFile, ...]:
    """Upload a finished file and remove it here; none if it has no rows."""
    if not rows:
        return ()
    size_bytes = storage.store(file, location)
    file.unlink()
    return (
        ParquetFile(bucket=location.bucket, key=location.key, size_bytes=size_bytes, rows=rows),
    )
