"""COPY of files from S3 into a table, in the client's session and transaction."""

import asyncio
import tempfile
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from typing import TypeVar

from infra.local.redshift.backend import Backend
from infra.local.redshift.columns import Target, target_of
from infra.local.redshift.files import Chunk, FileLoad, FileOutcome, Outcome
from infra.local.redshift.json_records import json_records, layout
from infra.local.redshift.loads import (
    Copy,
    CsvFormat,
    DelimitedFormat,
    JsonFormat,
    ParquetFormat,
)
from infra.local.redshift.parquet import ParquetLoad
from infra.local.redshift.quoting import compose, identifier, identifiers, literal
from infra.local.redshift.records import csv_records, delimited_records
from infra.local.redshift.s3 import DataFile, Location, Store
from infra.local.redshift.text_load import RecordReader, TextLoad

_JSONPATHS_BYTES = 1024 * 1024
_FILES_AHEAD = 4

_T = TypeVar("_T")


async def copy(
    backend: Backend, statement: Copy, store: Store, scratch: Path, outcome: Outcome
) -> None:
    """Load the files; `outcome` tells how far it came. The caller ends or fails the transaction."""
    target = await target_of(backend, statement)
    outcome.table_id = target.relation
    columnar = isinstance(statement.format, ParquetFormat)
    files = await asyncio.to_thread(
        store.list_files, statement.location, manifest=statement.manifest, columnar=columnar
    )
    await backend.query(
        compose("SELECT redshift_local.lock_for_load({table})", table=literal(target.relation))
    )
    load = await asyncio.to_thread(_load, statement, target, store)
    outcome.faults = load.faults
    parts = {
        "table": identifier(*statement.table),
        "columns": identifiers([column.name for column in target.columns]),
    }
    if load.form == "binary":
        sql = compose("COPY {table} ({columns}) FROM STDIN (FORMAT binary)", **parts)
    else:
        sql = compose("COPY {table} ({columns}) FROM STDIN", **parts)
    outcome.rows = await backend.copy_in(sql, _stream(store, files, load, scratch, outcome))


def _load(statement: Copy, target: Target, store: Store) -> FileLoad:
    form = statement.format
    if isinstance(form, ParquetFormat):
        return ParquetLoad(target.columns, statement)
    return TextLoad(statement, target.columns, _reader(form, target, store))


def _reader(
    form: DelimitedFormat | CsvFormat | JsonFormat, target: Target, store: Store
) -> RecordReader:
    if isinstance(form, DelimitedFormat):
        return partial(delimited_records, form=form)
    if isinstance(form, CsvFormat):
        return partial(csv_records, form=form)
    paths = None
    if form.mapping.startswith("s3://"):
        paths = store.read(Location.parse(form.mapping), _JSONPATHS_BYTES)
    return partial(json_records, lay_out=layout(form.mapping, target.columns, paths))


async def _stream(
    store: Store, files: Sequence[DataFile], load: FileLoad, scratch: Path, outcome: Outcome
) -> AsyncIterator[bytes]:
    """The bytes of all files: a few files on disk at a time, and two chunks in memory.

    While PostgreSQL takes a chunk, the next one is made and the files behind it are fetched.
    """
    yield load.header()
    # A fetch that was given up may still write when the folder goes.
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        paths = [Path(folder, str(number)) for number in range(len(files))]
        fetches = map(partial(partial, store.fetch), files, paths)
        places = zip(files, paths, strict=True)
        async with aclosing(_ahead(fetches, _FILES_AHEAD)) as fetched:
            async for is_there in fetched:
                file, path = next(places)
                if not is_there:
                    continue
                read = FileOutcome(file.location.url, path.stat().st_size)
                outcome.files.append(read)
                async for chunk in _chunks(load.file(path, file.location.url)):
                    read.records += chunk.records
                    read.rows += chunk.rows
                    yield chunk.data
                path.unlink()
    yield load.footer()


async def _chunks(chunks: Iterator[Chunk]) -> AsyncIterator[Chunk]:
    calls = repeat(partial(next, chunks, None))
    async with aclosing(_ahead(calls, 1)) as made:
        async for chunk in made:
            if chunk is None:
                return
            yield chunk


async def _ahead(calls: Iterator[Callable[[], _T]], count: int) -> AsyncGenerator[_T, None]:
    """What the calls return, in their order, with so many of them under way in threads."""
    running = deque(asyncio.create_task(asyncio.to_thread(c)) for c in islice(calls, count))
    try:
        while running:
            done = await running.popleft()
            running.extend(asyncio.create_task(asyncio.to_thread(c)) for c in islice(calls, 1))
            yield done
    finally:
        for task in running:
            task.cancel()
