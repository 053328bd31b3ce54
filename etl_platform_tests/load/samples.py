"""Contracts, batches and their converted files, small enough to be read in a test."""

import io
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform.contract.batch import Batch
from etl_platform.contract.commit import Commit, Counts, ParquetFile
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names, part
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage

NAMES = Names("load-tests")
START = Hour.parse("2026-11-23-00")
FIRST_MANIFEST = datetime(2026, 11, 23, tzinfo=UTC)
_numbers = itertools.count()

Row = tuple[Any, ...]


def contract(strategy: str, version: str | None = None, **changes: Any) -> SourceContract:
    """A contract with a key, a version and a value, for a table that no other test uses."""
    source = f"feed{next(_numbers)}"
    attributes: dict[str, Any] = {
        "source": source,
        "description": "A feed of the tests",
        "owner": "team:tests",
        "starts": "2026-01-01-00",
        "format": {"type": "json"},
        "columns": [
            {"name": "id", "type": "integer", "required": True},
            {"name": "revision", "type": "bigint", "required": True},
            {"name": "value", "type": "varchar(20)"},
        ],
        "key": ["id"],
        "load": {"strategy": strategy, "version": version},
    }
    return SourceContract.model_validate(attributes | changes)


def batch(of: SourceContract, hour: int, manifest: int = 0) -> Batch:
    """The batch of an hour; a later manifest has a greater number."""
    at = START.plus(hour)
    return Batch(
        source=of.source,
        hour=at,
        manifest_url=str(NAMES.manifest(of.source, at)),
        manifest_version=f"version-{manifest}",
        manifest_at=FIRST_MANIFEST + timedelta(minutes=manifest),
        files=(),
    )


def commit(of: SourceContract, batch: Batch, files: Sequence[ParquetFile]) -> Commit:
    """The commit of a batch of which every record was written."""
    written = sum(file.rows for file in files)
    return Commit(
        batch=batch,
        attempt="a1",
        contract_digest=of.digest,
        kept_by=of.kept_by,
        engine="single_node",
        counts=Counts(read=written, written=written),
        reasons=(),
        files=tuple(files),
        reject_files=(),
        seconds=0.1,
        converted_at=FIRST_MANIFEST,
    )


def converted(
    storage: Storage, of: SourceContract, batch: Batch, rows: Sequence[Row], parts: int = 1
) -> Commit:
    """Write the rows of a batch as convert does, in some files, and its commit."""
    attempt = NAMES.attempt(of.source, batch.hour, batch.batch_id, "a1")
    files = []
    for number in range(parts if rows else 0):
        body = parquet(of, batch, rows[number::parts])
        location = part(attempt, 0, number)
        storage.write(location, body)
        files.append(
            ParquetFile(
                bucket=location.bucket,
                key=location.key,
                size_bytes=len(body),
                rows=len(rows[number::parts]),
            )
        )
    made = commit(of, batch, files)
    where = NAMES.commit(of.source, batch.hour, batch.batch_id)
    storage.write(where, made.model_dump_json().encode())
    return made


def parquet(of: SourceContract, batch: Batch, rows: Sequence[Row]) -> bytes:
    """A file with the columns of the contract and those of the platform."""
    schema = of.arrow_schema
    hour = batch.hour.start.replace(tzinfo=None)
    records = [(*row, hour, batch.batch_id) for row in rows]
    columns = [
        pa.array(values, field.type)
        for values, field in zip(zip(*records, strict=True), schema, strict=True)
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), sink)
    return sink.getvalue()
