"""The rows of one bucket to deduplicated, sorted Parquet.

The newest row of a key stays: by the version column, then by the later file of the manifest, then
by the later record. So the result does not depend on the order in which rows arrive.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform.contract.batch import Batch
from etl_platform.contract.source import SourceContract
from etl_platform.convert.parse import FILE_NO, RECORD
from etl_platform.convert.reasons import REJECT_SCHEMA
from etl_platform.convert.sql import Identifier, Sql, compose, joined, names

ROW_GROUP_ROWS: Final = 122_880
"""What is held in memory while writing; a multiple of the 2,048 rows that DuckDB hands out."""


@dataclass(frozen=True)
class Stamp:
    """What every row of a batch carries after its own columns."""

    hour_utc: datetime
    batch_id: str

    @classmethod
    def of(cls, batch: Batch) -> "Stamp":
        return cls(batch.hour.start.replace(tzinfo=None), batch.batch_id)


def finish(
    connection: duckdb.DuckDBPyConnection, contract: SourceContract, stamp: Stamp, file: Path
) -> tuple[int, int]:
    """Write `rows` into one file, and none if there are no rows; rows written and superseded."""
    superseded = _mark_superseded(connection, contract)
    reader = connection.sql(_newest_in_order(contract)).to_arrow_reader(ROW_GROUP_ROWS)
    return write(reader, contract.arrow_schema, stamp, file), superseded


def write_rejects(reader: pa.RecordBatchReader, stamp: Stamp, file: Path) -> int:
    """Write rejects into one file, and none if there are none; how many there were."""
    return write(reader, REJECT_SCHEMA, stamp, file)


def write(reader: pa.RecordBatchReader, schema: pa.Schema, stamp: Stamp, file: Path) -> int:
    """Write a stream with its stamp as `schema` says; a file is made for the first row."""
    writer: pq.ParquetWriter | None = None
    rows = 0
    try:
        for batch in reader:
            if batch.num_rows:
                writer = writer or pq.ParquetWriter(file, schema, compression="zstd")
                writer.write_batch(_stamped(batch, schema, stamp))
                rows += batch.num_rows
    finally:
        if writer is not None:
            writer.close()
    return rows


def _stamped(batch: pa.RecordBatch, schema: pa.Schema, stamp: Stamp) -> pa.RecordBatch:
    own = len(batch.columns)
    marks: list[Any] = [
        pa.scalar(mark, kind)
        for mark, kind in zip((stamp.hour_utc, stamp.batch_id), schema.types[own:], strict=True)
    ]
    arrays = [
        *(
            column.cast(kind)
            for column, kind in zip(batch.columns, schema.types[:own], strict=True)
        ),
        *(pa.repeat(mark, batch.num_rows) for mark in marks),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _mark_superseded(connection: duckdb.DuckDBPyConnection, contract: SourceContract) -> int:
    """Fill the table `superseded` with the rows that a newer one of their key replaces.

    Keys that occur twice are found first, because ordering every row of every key would cost more
    than all the rest, and most batches have no such key.
    """
    connection.execute(
        compose(
            "CREATE OR REPLACE TABLE superseded ({file_no} INTEGER, {record} BIGINT)",
            file_no=FILE_NO,
            record=RECORD,
        )
    )
    if not contract.key:
        return 0
    inserted = connection.execute(
        compose(
            "INSERT INTO superseded SELECT {file_no}, {record} FROM rows SEMI JOIN"
            " (SELECT {key} FROM rows GROUP BY {key} HAVING count(*) > 1) USING ({key})"
            " QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {newest}) > 1",
            file_no=FILE_NO,
            record=RECORD,
            key=names(contract.key),
            newest=newest_first(contract),
        )
    ).fetchone()
    return inserted[0] if inserted else 0


def newest_first(contract: SourceContract) -> Sql:
    """The order of the rows of one key, of which the first stays."""
    version = contract.load.version
    newest = [*([Identifier(version)] if version else []), FILE_NO, RECORD]
    return joined(compose("{column} DESC", column=column) for column in newest)


def _newest_in_order(contract: SourceContract) -> Sql:
    order = dict.fromkeys([*contract.load.sortkey, *contract.key])
    return compose(
        "SELECT {columns} FROM rows ANTI JOIN superseded USING ({file_no}, {record})"
        " ORDER BY {order}",
        columns=names(c.name for c in contract.table_columns),
        file_no=FILE_NO,
        record=RECORD,
        order=joined([*(Identifier(name) for name in order), FILE_NO, RECORD]),
    )
