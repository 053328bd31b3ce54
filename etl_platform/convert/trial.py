"""A dry run for people who write a contract: local files through the real parse and finish.

Nothing is read or written but the files given and a temporary folder.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow.parquet as pq

from etl_platform.contract.commit import Counts, ReasonCount
from etl_platform.contract.errors import FileUnreadable, RejectLimitExceeded
from etl_platform.contract.source import SourceContract
from etl_platform.convert.finish import finish
from etl_platform.convert.parquet_files import Rows, Stamp, write_files
from etl_platform.convert.parse import create_records, parse
from etl_platform.convert.reject_limit import check_limit
from etl_platform.convert.rejected import ReasonSamples, by_reason
from etl_platform.convert.scratch import scratch
from etl_platform.convert.session import connect
from etl_platform.convert.sql import Literal, compose, names
from etl_platform.convert.tally import count_truncated, name_files, rejects, tally

_SHARE_OF_MEMORY: Final = 0.5
_STAMP: Final = Stamp(datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None), "0" * 32)


@dataclass(frozen=True)
class FileRead:
    """One file: its records, or why it is not in the format of the contract."""

    name: str
    size_bytes: int
    records: int
    error: str | None = None
    unknown_fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Doubled:
    """A key with more than one row: all but the newest are superseded."""

    key: tuple[Any, ...]
    superseded: int


@dataclass(frozen=True)
class Trial:
    """What a conversion of the files would give, and `blocked`: the errors that would stop it."""

    files: tuple[FileRead, ...]
    counts: Counts
    reasons: tuple[ReasonSamples, ...]
    doubled: tuple[Doubled, ...]
    values_truncated: dict[str, int]
    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    blocked: tuple[str, ...]


def try_out(
    contract: SourceContract,
    files: Sequence[Path],
    samples: int,
    on_read: Callable[[int], None] = lambda _: None,
) -> Trial:
    """Convert local files as one hour; `on_read` hears the bytes of each file.

    An unreadable file would block the hour; here the others are looked at all the same.
    """
    with (
        scratch() as folder,
        connect(folder, _SHARE_OF_MEMORY, os.cpu_count() or 1) as connection,
    ):
        create_records(connection, contract)
        read = []
        for number, file in enumerate(files):
            read.append(_read(connection, contract, file, number, folder))
            on_read(read[-1].size_bytes)
        rejected, _ = tally(connection)
        urls = [str(file) for file in files]
        name_files(connection, urls)
        kept = _written(rejects(connection, rejected), folder, "rejects")
        newest, superseded = finish(connection, contract)
        out = _written(newest, folder, "rows")
        counts = Counts(
            read=sum(file.records for file in read),
            written=newest.count,
            rejected=rejected,
            superseded=superseded,
        )
        counts.check("the files")
        reasons = by_reason(kept, samples)
        columns = tuple(column.name for column in contract.table_columns)
        return Trial(
            files=tuple(read),
            counts=counts,
            reasons=reasons,
            doubled=_doubled(connection, contract, samples) if superseded else (),
            values_truncated=count_truncated(connection, contract),
            columns=columns,
            types=tuple(str(column.type) for column in contract.table_columns),
            rows=_first_rows(out, columns, samples),
            blocked=(
                *(file.error for file in read if file.error is not None),
                *_beyond_limit(contract, counts, reasons),
            ),
        )


def _read(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    file: Path,
    number: int,
    folder: Path,
) -> FileRead:
    name = str(file)
    if not file.is_file():
        missing = FileUnreadable(name, "there is no such file", "a file to look at")
        return FileRead(name, 0, 0, str(missing))
    size_bytes = file.stat().st_size
    # Readers write beside the file that they are given.
    link = folder / f"raw-{number}"
    link.symlink_to(file.resolve())
    try:
        read = parse(connection, contract, link, name, number)
    except FileUnreadable as error:
        return FileRead(name, size_bytes, 0, str(error))
    return FileRead(name, size_bytes, read.records, unknown_fields=read.unknown_fields)


def _beyond_limit(
    contract: SourceContract, counts: Counts, found: Sequence[ReasonSamples]
) -> tuple[str, ...]:
    # Without examples: they stand above, with their values.
    reasons = [
        ReasonCount(column=each.column, reason=each.reason, records=each.records) for each in found
    ]
    try:
        check_limit(contract.rejects, "the files", counts, reasons, (), "shown above")
    except RejectLimitExceeded as error:
        return (str(error),)
    return ()


def _doubled(
    connection: duckdb.DuckDBPyConnection, contract: SourceContract, most: int
) -> tuple[Doubled, ...]:
    found = connection.execute(
        compose(
            "SELECT count(*) - 1, {key} FROM rows GROUP BY {key}"
            " HAVING count(*) > 1 ORDER BY 1 DESC, {key} LIMIT {most}",
            key=names(contract.key),
            most=Literal(most),
        )
    ).fetchall()
    return tuple(Doubled(tuple(key), superseded) for superseded, *key in found)


def _written(rows: Rows, folder: Path, name: str) -> list[Path]:
    return [
        file.rename(folder / f"{name}-{number}.parquet")
        for number, (file, _) in enumerate(write_files(rows, _STAMP, folder))
    ]


def _first_rows(
    files: Sequence[Path], columns: Sequence[str], most: int
) -> tuple[tuple[Any, ...], ...]:
    for file in files:
        with pq.ParquetFile(file) as written:
            for batch in written.iter_batches(max(most, 1), columns=list(columns)):
                return tuple(tuple(row.values()) for row in batch.slice(0, most).to_pylist())
    return ()
