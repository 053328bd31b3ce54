"""COPY of files from S3 into a table, in the client's session and transaction."""

import asyncio
import functools
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

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
        return functools.partial(delimited_records, form=form)
    if isinstance(form, CsvFormat):
        return functools.partial(csv_records, form=form)
    paths = None
    if form.mapping.startswith("s3://"):
        paths = store.read(Location.parse(form.mapping), _JSONPATHS_BYTES)
    return functools.partial(json_records, lay_out=layout(form.mapping, target.columns, paths))


async def _stream(
    store: Store, files: Sequence[DataFile], load: FileLoad, scratch: Path, outcome: Outcome
) -> AsyncIterator[bytes]:
    """The bytes of all files, one file at a time on disk and one chunk in memory."""
    yield load.header()
    for file in files:
        with tempfile.NamedTemporaryFile(dir=scratch) as local:
            path = Path(local.name)
            if not await asyncio.to_thread(store.fetch, file, path):
                continue
            read = FileOutcome(file.location.url, path.stat().st_size)
            outcome.files.append(read)
            chunks = load.file(path, file.location.url)
            while (chunk := await asyncio.to_thread(_next, chunks)) is not None:
                read.records += chunk.records
                read.rows += chunk.rows
                yield chunk.data
    yield load.footer()


def _next(chunks: Iterator[Chunk]) -> Chunk | None:
    return next(chunks, None)
