"""The engine without a cluster: hour by hour, in this process, spilling to disk.

Small hours are converted side by side. All hours of an order share one DuckDB, in which each has a
connection and temporary tables of its own: to start one takes longer than to convert a small hour.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb

from etl_platform.contract.batch import SourceFile
from etl_platform.contract.commit import Counts
from etl_platform.contract.errors import Terminal
from etl_platform.contract.layout import Location
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert.ahead import made_ahead
from etl_platform.convert.engine import Attempt, Blocked, Result, finish_bucket
from etl_platform.convert.parse import Parsed, RawFile, create_records, parse_together
from etl_platform.convert.scratch import scratch
from etl_platform.convert.session import connect

_FETCHES_AT_ONCE: Final = 8
"""As many raw files, and no more, lie on the disk, not counting small ones."""

_SMALL_BYTES: Final = 1024 * 1024
_SMALL_AT_ONCE: Final = 64
"""So many small files are parsed by one statement."""

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
        with (
            scratch() as folder,
            connect(folder, _SHARE_OF_MEMORY, os.cpu_count() or 1, _OTHERS_BYTES) as database,
        ):

            def convert(attempt: Attempt) -> tuple[Attempt, Result | Blocked]:
                try:
                    with (
                        database.cursor() as connection,
                        TemporaryDirectory(dir=folder) as own,
                    ):
                        return attempt, _convert(connection, contract, attempt, storage, Path(own))
                except Terminal as error:
                    return attempt, Blocked.by(error)

            for is_small, some in groupby(attempts, _is_small):
                at_once = os.cpu_count() or 1 if is_small else 1
                with closing(made_ahead(convert, some, at_once)) as converted:
                    yield from converted


def _is_small(attempt: Attempt) -> bool:
    return attempt.batch.size_bytes <= _SMALL_HOUR_BYTES


def _convert(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    attempt: Attempt,
    storage: Storage,
    folder: Path,
) -> Result:
    started = time.monotonic()
    create_records(connection, contract)
    read = _parse_all(connection, contract, attempt.batch.files, storage, folder)
    parsed = Result(
        counts=Counts(read=read.records),
        unknown_fields=read.unknown_fields,
        seconds=time.monotonic() - started,
    )
    bucket = finish_bucket(connection, contract, attempt, 0, storage, folder)
    return Result.of([parsed, bucket])


def _parse_all(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    files: Sequence[SourceFile],
    storage: Storage,
    folder: Path,
) -> Parsed:
    def fetch(numbered: tuple[int, SourceFile]) -> RawFile:
        number, file = numbered
        local = folder / f"raw-{number}"
        storage.fetch(Location(file.bucket, file.key), file.version_id, local)
        return RawFile(local, file.url, number)

    read = Parsed()
    # Closed at once if a file blocks the hour, which makes the fetching of later ones pointless.
    with closing(made_ahead(fetch, enumerate(files), _FETCHES_AT_ONCE)) as fetched:
        for several in _small_ones_together(fetched):
            read += parse_together(connection, contract, several)
            for file in several:
                file.path.unlink()
    return read


def _small_ones_together(files: Iterable[RawFile]) -> Iterator[list[RawFile]]:
    small: list[RawFile] = []
    for file in files:
        small.append(file)
        if file.path.stat().st_size > _SMALL_BYTES or len(small) == _SMALL_AT_ONCE:
            yield small
            small = []
    if small:
        yield small
