"""What a reader gives: a stream of Arrow batches, and the SQL that finds the columns in it."""

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa

from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Sql, compose, names

MOST_RECORD_BYTES: Final = 64 * 1024 * 1024
"""A longer record is taken for a broken file: it would need several times this in memory."""

STREAM: Final = "raw_records"
"""The name under which the query of Records sees the batches."""

# The underscore keeps them apart from the contract's columns, none of which can begin with one.
RECORD_COLUMNS: Final[dict[str, pa.DataType]] = {
    "_record": pa.int64(),
    "_raw": pa.string(),
    "_problem": pa.string(),
}

_BATCH_RECORDS: Final = 16_384
_BATCH_BYTES: Final = 16 * 1024 * 1024


class Records:
    """The records of one file.

    `query` reads the table STREAM and gives `_record` (from 1), `_raw`, `_problem` (a Reason, or
    null) and one text for each column of the contract. If it `judges_columns`, it also gives
    `_column_problems`: null, or a list with a Reason or null for each column.
    """

    def __init__(
        self,
        schema: pa.Schema,
        batches: Iterator[pa.RecordBatch],
        query: Sql,
        *,
        judges_columns: bool = False,
    ) -> None:
        self.query = query
        self.judges_columns = judges_columns
        self.count = 0
        self.error: Exception | None = None
        self._schema = schema
        self._batches = batches

    def reader(self) -> pa.RecordBatchReader:
        """The batches, once. An error while reading is kept in `error`, because DuckDB, which
        pulls them, would make text of it."""
        return pa.RecordBatchReader.from_batches(self._schema, self._watched())

    def _watched(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._batches:
                self.count += batch.num_rows
                yield batch
        except Exception as error:
            self.error = error
            raise


RawRecord = tuple[str, Reason | None, Sequence[str | None]]
"""The raw text, what is wrong with the whole record, and the texts of the columns."""


def records_of(columns: Sequence[str], raw_records: Iterator[RawRecord]) -> Records:
    """Records that Python has taken apart."""
    schema = pa.schema(RECORD_COLUMNS | dict.fromkeys(columns, pa.string()))
    query = compose(
        "SELECT _record, _raw, _problem, {columns} FROM {stream}",
        columns=names(columns),
        stream=names([STREAM]),
    )
    return Records(schema, _batches(schema, raw_records), query)


JudgedRecord = tuple[str, Reason | None, Sequence[str | None], Sequence[Reason | None] | None]
"""A RawRecord, and what is wrong with each column if anything is."""


def judged_records_of(columns: Sequence[str], records: Iterator[JudgedRecord]) -> Records:
    """Records that Python has taken apart, and of which it knows which columns it could not."""
    schema = pa.schema(
        RECORD_COLUMNS
        | {"_column_problems": pa.list_(pa.string())}
        | dict.fromkeys(columns, pa.string())
    )
    query = compose("SELECT * FROM {stream}", stream=names([STREAM]))
    return Records(schema, _batches(schema, records), query, judges_columns=True)


def _batches(
    schema: pa.Schema, raw_records: Iterator[RawRecord] | Iterator[JudgedRecord]
) -> Iterator[pa.RecordBatch]:
    first, size_bytes = 1, 0
    rows: list[RawRecord | JudgedRecord] = []
    for row in raw_records:
        rows.append(row)
        size_bytes += len(row[0])
        if len(rows) == _BATCH_RECORDS or size_bytes > _BATCH_BYTES:
            yield _batch(schema, first, rows)
            first, size_bytes, rows = first + len(rows), 0, []
    if rows:
        yield _batch(schema, first, rows)


def _batch(
    schema: pa.Schema, first: int, rows: Sequence[RawRecord | JudgedRecord]
) -> pa.RecordBatch:
    raws, problems, cells, *judged = zip(*rows, strict=True)
    columns = zip(*cells, strict=True)
    arrays = [range(first, first + len(rows)), raws, problems, *judged, *columns]
    return pa.RecordBatch.from_arrays(
        [pa.array(a, f.type) for a, f in zip(arrays, schema, strict=True)], schema=schema
    )
