"""The engine without a cluster: hour by hour, in this process, spilling to disk.

Small hours are converted side by side, and tiny ones many at a time: to plan the statement that
parses a file takes longer than to carry it out for thousands of records. All hours of an order
share one DuckDB, in which each group has a connection and temporary tables of its own.
"""

import os
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb

from etl_platform.contract.batch import SourceFile
from etl_platform.contract.commit import Counts
from etl_platform.contract.errors import PlatformError, Terminal
from etl_platform.contract.layout import Location
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert.ahead import made_ahead
from etl_platform.convert.engine import Attempt, Blocked, Result, finish_bucket
from etl_platform.convert.parse import (
    Parsed,
    RawFile,
    create_records,
    parse_together,
    part_by_files,
)
from etl_platform.convert.scratch import scratch
from etl_platform.convert.session import connect

_FETCHES_AT_ONCE: Final = 8
"""As many raw files, and no more, lie on the disk, not counting small ones."""

_SMALL_BYTES: Final = 1024 * 1024
_SMALL_AT_ONCE: Final = 64
"""So many small files are parsed by one statement, of one hour or of several."""

_SMALL_HOUR_BYTES: Final = 16 * 1024 * 1024
"""Of raw files. A larger hour keeps all cores busy by itself, and has the memory for itself."""

_SHARE_OF_MEMORY: Final = 0.5
"""The JVM of the driver, in Glue, and the cache of its disk live on the other half."""

_OTHERS_BYTES: Final = 768 * 1024**2
"""Of that half, for Python, Arrow, the writing of Parquet, and what sorts take beyond the limit of
DuckDB: the benchmark `bytes` shows the peak."""


class SingleNode:
    """Its limit is the local disk: memory is bounded by DuckDB and by the size of a row group."""

    name = "single_node"

    def run(
        self, contract: SourceContract, attempts: Sequence[Attempt], storage: Storage
    ) -> Iterator[tuple[Attempt, Result | Blocked]]:
        cores = os.cpu_count() or 1
        with (
            scratch() as folder,
            connect(folder, _SHARE_OF_MEMORY, cores, _OTHERS_BYTES) as database,
        ):

            def alone(attempt: Attempt) -> tuple[Attempt, Result | Blocked]:
                try:
                    with _Place.of(database, contract, storage, folder) as own:
                        return attempt, own.convert(attempt)
                except Terminal as error:
                    return attempt, Blocked.by(error)

            def together(group: Sequence[Attempt]) -> Sequence[tuple[Attempt, Result | Blocked]]:
                if len(group) == 1:
                    return [alone(group[0])]
                # Which hour it is, and what becomes of the others, is found when each is alone.
                with suppress(PlatformError), _Place.of(database, contract, storage, folder) as own:
                    return own.convert_together(group)
                return ()

            for is_small, some in groupby(_groups(attempts, cores), _is_small):
                groups, at_once = list(some), cores if is_small else 1
                with closing(made_ahead(together, groups, at_once)) as converted:
                    for group, results in zip(groups, converted, strict=True):
                        yield from results or made_ahead(alone, group, at_once)


def _groups(attempts: Sequence[Attempt], cores: int) -> Iterator[list[Attempt]]:
    """The hours in their order, those of a few small files several at a time."""
    most = min(_SMALL_AT_ONCE, ceil(sum(map(_files, attempts)) / cores))
    group: list[Attempt] = []
    for attempt in attempts:
        if group and not _go_together([*group, attempt], most):
            yield group
            group = []
        group.append(attempt)
    if group:
        yield group


def _go_together(group: Sequence[Attempt], most: int) -> bool:
    are_tiny = all(f.size_bytes <= _SMALL_BYTES for one in group for f in one.batch.files)
    return are_tiny and sum(map(_files, group)) <= most and _is_small(group)


def _files(attempt: Attempt) -> int:
    """One at least: an hour without files has its work as well."""
    return max(len(attempt.batch.files), 1)


def _is_small(group: Sequence[Attempt]) -> bool:
    return sum(attempt.batch.size_bytes for attempt in group) <= _SMALL_HOUR_BYTES


@dataclass(frozen=True)
class _Place:
    """Where some hours are converted: a connection and a folder that no other hour uses."""

    connection: duckdb.DuckDBPyConnection
    contract: SourceContract
    storage: Storage
    folder: Path

    @classmethod
    @contextmanager
    def of(
        cls,
        database: duckdb.DuckDBPyConnection,
        contract: SourceContract,
        storage: Storage,
        folder: Path,
    ) -> "Iterator[_Place]":
        with database.cursor() as connection, TemporaryDirectory(dir=folder) as own:
            create_records(connection, contract)
            yield cls(connection, contract, storage, Path(own))

    def convert(self, attempt: Attempt) -> Result:
        started = time.monotonic()
        read = Parsed()
        # Closed at once if a file blocks the hour: to fetch later ones is pointless then.
        with closing(self._fetched(attempt.batch.files)) as fetched:
            for several in _small_ones_together(fetched):
                read = sum(self._parsed(several), read)
        return self._finished(attempt, read, time.monotonic() - started)

    def convert_together(
        self, attempts: Sequence[Attempt]
    ) -> list[tuple[Attempt, Result | Blocked]]:
        """As `convert` for each of some hours, whose files are parsed by one statement.

        Raises the error of any file; a Terminal one that comes later blocks its own hour.
        """
        started = time.monotonic()
        counts = [len(attempt.batch.files) for attempt in attempts]
        files = [file for attempt in attempts for file in attempt.batch.files]
        with closing(self._fetched(files)) as fetched:
            parsed = self._parsed(list(fetched))
        seconds = (time.monotonic() - started) / len(attempts)
        results: list[tuple[Attempt, Result | Blocked]] = []
        parts = zip(attempts, counts, part_by_files(self.connection, counts), strict=True)
        for attempt, count, first in parts:
            read = sum(parsed[first : first + count], Parsed())
            try:
                results.append((attempt, self._finished(attempt, read, seconds)))
            except Terminal as error:
                results.append((attempt, Blocked.by(error)))
        return results

    def _fetched(self, files: Sequence[SourceFile]) -> Generator[RawFile]:
        def fetch(numbered: tuple[int, SourceFile]) -> RawFile:
            number, file = numbered
            local = self.folder / f"raw-{number}"
            self.storage.fetch(Location(file.bucket, file.key), file.version_id, local)
            return RawFile(local, file.url, number)

        return made_ahead(fetch, enumerate(files), _FETCHES_AT_ONCE)

    def _parsed(self, files: Sequence[RawFile]) -> list[Parsed]:
        parsed = parse_together(self.connection, self.contract, files)
        for file in files:
            file.path.unlink()
        return parsed

    def _finished(self, attempt: Attempt, read: Parsed, seconds: float) -> Result:
        parsed = Result(
            counts=Counts(read=read.records), unknown_fields=read.unknown_fields, seconds=seconds
        )
        bucket = finish_bucket(
            self.connection, self.contract, attempt, 0, self.storage, self.folder
        )
        return Result.of([parsed, bucket])


def _small_ones_together(files: Iterable[RawFile]) -> Iterator[list[RawFile]]:
    small: list[RawFile] = []
    for file in files:
        small.append(file)
        if file.path.stat().st_size > _SMALL_BYTES or len(small) == _SMALL_AT_ONCE:
            yield small
            small = []
    if small:
        yield small
