"""UNLOAD of a query's rows into files in S3, with a manifest if asked for.

Names of files, folders of partitions and the manifest:
https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
The laptop is one node with one slice, so there is one file, or one for each partition.
"""

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.csv
from sqlglot.dialects.redshift import Redshift
from sqlglot.tokenizer_core import TokenType

from infra.local.redshift.backend import Backend
from infra.local.redshift.errors import RedshiftError, not_supported
from infra.local.redshift.files import FileOutcome
from infra.local.redshift.loads import BZIP2, GZIP, ZSTD, Unload
from infra.local.redshift.quoting import Sql, compose
from infra.local.redshift.s3 import Location, Store
from infra.local.redshift.unload_files import ParquetPart, Part, TextPart, redshift_type
from infra.local.redshift.wire import Column

_NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_SUFFIXES = {GZIP: ".gz", BZIP2: ".bz2", ZSTD: ".zst"}
_BLOCK_BYTES = 16 * 1024 * 1024


async def unload(
    backend: Backend,
    statement: Unload,
    query: str,
    store: Store,
    scratch: Path,
    files: list[FileOutcome],
) -> None:
    """Write the rows; `files` gets what was written."""
    _refuse_limit(statement.query)
    prefix = Location.parse(statement.location)
    source = Sql(query)
    shape = await backend.query(compose("SELECT * FROM ({query}) AS shape LIMIT 0", query=source))
    _check_partitions(statement, shape.columns)
    await asyncio.to_thread(_make_room, statement, store, prefix)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        rows_file = Path(folder, "rows.csv")
        with rows_file.open("wb") as sink:
            await backend.copy_out(
                compose("COPY ({query}) TO STDOUT (FORMAT csv)", query=source), sink.write
            )
        writer = _Writer(statement, shape.columns, prefix, Path(folder))
        await asyncio.to_thread(writer.write, rows_file)
        for part in writer.parts.values():
            await asyncio.to_thread(store.store, part.place, part.path)
            size_bytes = part.path.stat().st_size
            files.append(FileOutcome(part.place.url, size_bytes, part.rows, part.rows))
        if statement.manifest:
            manifest = Path(folder, "manifest")
            manifest.write_text(json.dumps(_manifest(statement, files, shape.columns)))
            target = Location(prefix.bucket, prefix.key + "manifest")
            await asyncio.to_thread(store.store, target, manifest)


def _refuse_limit(query: str) -> None:
    depth = 0
    for token in Redshift().tokenize(query):
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if not depth and token.token_type == TokenType.LIMIT:
            raise not_supported("Limit clause is not supported in the outer SELECT of UNLOAD")


def _check_partitions(statement: Unload, columns: Sequence[Column]) -> None:
    names = [column.name for column in columns]
    for name in statement.partition_by:
        if name not in names:
            raise RedshiftError("42703", f'Partition column "{name}" is not in the query of UNLOAD')
    if set(names) == set(statement.partition_by) and not statement.include_partitions:
        raise not_supported(
            "UNLOAD needs a column that is not in PARTITION BY, or PARTITION BY with INCLUDE"
        )


def _make_room(statement: Unload, store: Store, prefix: Location) -> None:
    if statement.clean_path:
        store.clear(prefix)
    elif not statement.allow_overwrite and not store.is_empty(prefix):
        raise RedshiftError(
            "XX000",
            "Specified unload destination on S3 is not empty. Consider using a different bucket "
            "/ prefix, manually removing the target files in S3, or using the ALLOWOVERWRITE "
            "option.",
        )


class _Writer:
    """The files of one UNLOAD, by the folder of their partition."""

    def __init__(
        self, statement: Unload, columns: Sequence[Column], prefix: Location, folder: Path
    ) -> None:
        self._statement = statement
        self._columns = columns
        self._prefix = prefix
        self._folder = folder
        self.parts: dict[str, Part] = {}

    def write(self, rows: Path) -> None:
        """Write all rows; every file is complete afterwards."""
        if not self._statement.partition_by:
            self._part("")
        try:
            for batch in _batches(rows, [column.name for column in self._columns]):
                for path, piece in self._by_partition(batch):
                    self._part(path).write(piece)
        finally:
            for part in self.parts.values():
                part.close()

    def _by_partition(self, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        names = self._statement.partition_by
        if not names:
            yield "", batch
            return
        by_path: dict[str, list[int]] = {}
        keys = [batch.column(name).to_pylist() for name in names]
        for place, values in enumerate(zip(*keys, strict=True)):
            path = "".join(
                f"{name}={_NO_PARTITION if value is None else quote(value, safe=' ')}/"
                for name, value in zip(names, values, strict=True)
            )
            by_path.setdefault(path, []).append(place)
        for path, places in by_path.items():
            yield path, batch.take(pa.array(places))

    def _part(self, path: str) -> Part:
        if path not in self.parts:
            self.parts[path] = self._new_part(path)
        return self.parts[path]

    def _new_part(self, path: str) -> Part:
        statement = self._statement
        key = self._prefix.key
        if path and not key.endswith("/"):
            key += "/"
        place = Location(self._prefix.bucket, f"{key}{path}{self._file_name()}")
        local = self._folder / f"part-{len(self.parts)}"
        hidden = () if statement.include_partitions else statement.partition_by
        if statement.text is None:
            return ParquetPart(place, local, self._columns, hidden)
        return TextPart(place, local, self._columns, hidden, statement.text)

    def _file_name(self) -> str:
        statement = self._statement
        name = "0000_part_00" if statement.parallel else "000"
        if statement.extension is not None:
            return f"{name}.{statement.extension}"
        if statement.text is None:
            return f"{name}.parquet"
        return name + _SUFFIXES.get(statement.text.compression or "", "")


def _batches(rows: Path, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows that PostgreSQL wrote, every value as its text."""
    if not rows.stat().st_size:
        return
    reader = pyarrow.csv.open_csv(
        rows,
        read_options=pyarrow.csv.ReadOptions(column_names=list(names), block_size=_BLOCK_BYTES),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        # An empty field without quotes is NULL, one with quotes an empty string.
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: pa.string() for name in names},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    yield from reader


def _manifest(
    statement: Unload, files: Sequence[FileOutcome], columns: Sequence[Column]
) -> dict[str, Any]:
    if not statement.verbose:
        return {"entries": [{"url": file.url} for file in files]}
    entries = [
        {
            "url": file.url,
            "meta": {"content_length": file.size_bytes, "record_count": file.rows},
        }
        for file in files
    ]
    return {
        "entries": entries,
        "schema": {"elements": [redshift_type(column) for column in columns]},
        "meta": {
            "content_length": sum(file.size_bytes for file in files),
            "record_count": sum(file.rows for file in files),
        },
        "author": {"name": "Amazon Redshift", "version": "1.0.0"},
    }
