"""A stream of rows to Parquet files of about one size, as COPY and Athena like to read them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform.contract.batch import Batch
from etl_platform.convert.ahead import ahead

FILE_BYTES: Final = 128 * 1024**2
"""COPY divides columnar files among slices from this size on; AWS advises 1 MB to 1 GB a file:
https://docs.aws.amazon.com/redshift/latest/dg/c_best-practices-use-multiple-files.html"""

ROW_GROUP_ROWS: Final = 122_880
ROW_GROUP_BYTES: Final = 64 * 1024**2
"""A row group ends with the first of the two. While a file is written, memory holds three."""

BATCH_ROWS: Final = 8_192
"""Rows that are asked for at once; a multiple of the 2,048 that DuckDB hands out."""

_FALSE_POSITIVES: Final = 0.05


@dataclass(frozen=True)
class Stamp:
    """What every row of a batch carries after its own columns."""

    hour_utc: datetime
    batch_id: str

    @classmethod
    def of(cls, batch: Batch) -> "Stamp":
        return cls(batch.hour.start.replace(tzinfo=None), batch.batch_id)


@dataclass(frozen=True)
class Rows:
    """A stream that becomes files of `schema`, whose last two columns are those of the stamp.

    `looked_up` names columns that readers look for single values of, in no order.
    """

    reader: pa.RecordBatchReader
    count: int
    schema: pa.Schema
    looked_up: tuple[str, ...] = ()


def write_files(rows: Rows, stamp: Stamp, folder: Path) -> Iterator[tuple[Path, int]]:
    """Files in a folder with their rows, one after the other, none for no rows.

    The caller takes a file away before it asks for the next, so that the disk holds one.
    """
    file = folder / "part.parquet"
    groups = ahead(_row_groups(rows.reader), 1)
    rows_a_file = rows.count
    for first in groups:
        with pq.ParquetWriter(
            file, rows.schema, compression="zstd", bloom_filter_options=_filters(rows)
        ) as writer:
            written = _write(writer, first, rows.schema, stamp)
            rows_a_file = min(rows_a_file, _rows_a_file(rows.count, written, file.stat().st_size))
            while written < rows_a_file and (group := next(groups, None)) is not None:
                written += _write(writer, group, rows.schema, stamp)
        yield file, written


def _rows_a_file(count: int, rows: int, size_bytes: int) -> int:
    """Of files of equal size, if all rows take as many bytes as these."""
    files = max(1, round(count / rows * size_bytes / FILE_BYTES))
    return -(-count // files)


def _filters(rows: Rows) -> Mapping[str, Mapping[str, float]] | None:
    """Bloom filters, which pay where there is more than one row group to be passed over."""
    if rows.count <= ROW_GROUP_ROWS:
        return None
    filter_ = {"ndv": ROW_GROUP_ROWS, "fpp": _FALSE_POSITIVES}
    return dict.fromkeys(rows.looked_up, filter_)


def _row_groups(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    group: list[pa.RecordBatch] = []
    rows = size_bytes = 0
    for batch in reader:
        group.append(batch)
        rows += batch.num_rows
        size_bytes += batch.nbytes
        if rows >= ROW_GROUP_ROWS or size_bytes >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(group)
            group, rows, size_bytes = [], 0, 0
    if rows:
        yield pa.Table.from_batches(group)


def _write(writer: pq.ParquetWriter, group: pa.Table, schema: pa.Schema, stamp: Stamp) -> int:
    own = len(group.columns)
    marks: list[Any] = [
        pa.scalar(mark, kind)
        for mark, kind in zip((stamp.hour_utc, stamp.batch_id), schema.types[own:], strict=True)
    ]
    columns = [
        *(
            column.cast(kind)
            for column, kind in zip(group.columns, schema.types[:own], strict=True)
        ),
        *(pa.repeat(mark, group.num_rows) for mark in marks),
    ]
    writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=group.num_rows)
    return group.num_rows
