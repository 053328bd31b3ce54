"""UNLOAD of a query's rows into a Parquet file in S3, with a manifest if asked for."""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from infra.local.redshift import s3
from infra.local.redshift.backend import Backend
from infra.local.redshift.errors import RedshiftError
from infra.local.redshift.quoting import Sql, compose
from infra.local.redshift.s3 import Location
from infra.local.redshift.statements import Unload
from infra.local.redshift.wire import Column

_NUMERIC = 1700
_TYPES: dict[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    700: pa.float32(),
    701: pa.float64(),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
}


async def unload(backend: Backend, statement: Unload, query: str, scratch: Path) -> int:
    """Write the rows; their number."""
    client = s3.client()
    prefix = Location.parse(statement.location)
    if not statement.allow_overwrite and not await asyncio.to_thread(s3.is_empty, client, prefix):
        raise RedshiftError(
            "XX000",
            "Specified unload destination on S3 is not empty. Consider using a different bucket "
            "/ prefix, manually removing the target files in S3, or using the ALLOWOVERWRITE "
            "option.",
        )
    source = Sql(query)
    shape = await backend.query(compose("SELECT * FROM ({query}) AS shape LIMIT 0", query=source))
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        rows_file, parquet_file = Path(folder, "rows.csv"), Path(folder, "rows.parquet")
        with rows_file.open("wb") as sink:
            rows = await backend.copy_out(
                compose("COPY ({query}) TO STDOUT (FORMAT csv)", query=source), sink.write
            )
        schema = _schema(shape.columns)
        await asyncio.to_thread(_to_parquet, rows_file, parquet_file, schema)
        part = "000.parquet" if not statement.parallel else "0000_part_00.parquet"
        place = Location(prefix.bucket, prefix.key + part)
        await asyncio.to_thread(s3.store, client, place, parquet_file)
        if statement.manifest:
            manifest = Path(folder, "manifest")
            size_bytes = parquet_file.stat().st_size
            manifest.write_text(json.dumps(_manifest(statement, place, size_bytes, rows, schema)))
            target = Location(prefix.bucket, prefix.key + "manifest")
            await asyncio.to_thread(s3.store, client, target, manifest)
    return rows


def _schema(columns: Sequence[Column]) -> pa.Schema:
    return pa.schema([(column.name, _arrow(column)) for column in columns])


def _arrow(column: Column) -> pa.DataType:
    if column.type_oid == _NUMERIC:
        modifier = column.type_modifier - 4
        return pa.decimal128(modifier >> 16, modifier & 0x7FF) if modifier > 0 else pa.float64()
    return _TYPES.get(column.type_oid, pa.string())


def _to_parquet(rows: Path, target: Path, schema: pa.Schema) -> None:
    with pq.ParquetWriter(target, schema) as writer:
        if not rows.stat().st_size:
            return
        reader = pyarrow.csv.open_csv(
            rows,
            read_options=pyarrow.csv.ReadOptions(column_names=schema.names),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            # An empty field without quotes is NULL, one with quotes an empty string.
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=schema,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            writer.write_batch(batch)


def _manifest(
    statement: Unload, place: Location, size_bytes: int, rows: int, schema: pa.Schema
) -> dict[str, Any]:
    if not statement.verbose:
        return {"entries": [{"url": place.url}]}
    meta = {"content_length": size_bytes, "record_count": rows}
    return {
        "entries": [{"url": place.url, "meta": meta}],
        "schema": {"elements": [{"name": f.name, "type": {"base": str(f.type)}} for f in schema]},
        "meta": meta,
        "author": {"name": "Amazon Redshift", "version": "1.0.0"},
    }
