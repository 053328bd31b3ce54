"""What a reader gives: a stream of Arrow batches, and the SQL that finds the columns in it."""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from etl_platform.convert.ahead import ahead
from etl_platform.convert.readers.unknown import Unknown
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Sql, compose, names

MOST_RECORD_BYTES: Final = 64 * 1024 * 1024
"""A longer record is taken for a broken file: it would need several times this in memory."""

MOST_REST_BYTES: Final = 64 * 1024
"""What a reject shows of a file behind its last whole record."""

IS_TYPED: Final = "_is_typed"

STREAM: Final = "raw_records"
"""The name under which the query of Records sees the batches."""

# The underscore keeps them apart from the contract's columns, none of which can begin with one.
RECORD_COLUMNS: Final[dict[str, pa.DataType]] = {
    "_record": pa.int64(),
    "_raw": pa.string(),
    "_problem": pa.string(),
}

RECORDS_OF_A_FILE: Final = 1 << 40
"""More than a file has: it is how far the numbers of records in two files are apart."""

_BATCH_RECORDS: Final = 16_384
_BATCH_BYTES: Final = 16 * 1024 * 1024
_BATCHES_AHEAD: Final = 8


class BrokenOff(Exception):
    """Raised behind the last record of a file that goes on with something else, or not at all."""

    def __init__(self, place: str, why: str, rest: bytes) -> None:
        super().__init__(why)
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        # Not final: a character that is cut at the limit is none of the file's faults.
        self.raw = f"{place}: {why}\n{decoder.decode(rest[:MOST_REST_BYTES])}"


def typed_name(column: str) -> str:
    """Where a reader gives the values of a column that it can give as values."""
    return f"_typed_{column}"


class Records:
    """The records of one file.

    `query` reads the table STREAM and gives `_record` (from 1), `_raw`, `_problem` (a Reason, or
    null) and one text for each column of the contract that is read. If it `judges_columns`, it also
    gives `_column_problems`: null, or a list with a Reason or null for each of these columns. If it
    `explains_problems`, it also gives `_problem_value`: null, or what of the record is the problem.
    For the columns that are `typed` it also gives IS_TYPED and values under `typed_name`: where it
    is true, the value stands for a text that the cast would admit, and there is no text.
    """

    def __init__(
        self,
        schema: pa.Schema,
        batches: Iterator[pa.RecordBatch],
        query: Sql,
        unknown: Unknown,
        *,
        judges_columns: bool = False,
        explains_problems: bool = False,
        typed: frozenset[str] = frozenset(),
    ) -> None:
        self.query = query
        self.unknown = unknown
        self.judges_columns = judges_columns
        self.explains_problems = explains_problems
        self.typed = typed
        self.count = 0
        self.error: Exception | None = None
        self._schema = schema
        self._batches = batches

    def reader(self) -> pa.RecordBatchReader:
        """The batches, once. An error while reading is kept in `error`, because DuckDB, which
        pulls them, would make text of it."""
        return pa.RecordBatchReader.from_batches(self._schema, self._watched())

    def is_like(self, other: "Records") -> bool:
        """Whether the same statement reads both."""
        return (
            (self._schema, self.query, self.typed) == (other._schema, other.query, other.typed)
            and self.judges_columns == other.judges_columns
            and self.explains_problems == other.explains_problems
        )

    @classmethod
    def one_after_the_other(cls, several: "Sequence[Records]") -> "Records":
        """The records of files that are like each other; the number of a record tells its file.

        How many a file has, and what is unknown in it, is told by its own Records.
        """
        first = several[0]
        return cls(
            first._schema,
            _numbered_by_file(several),
            first.query,
            first.unknown,
            judges_columns=first.judges_columns,
            explains_problems=first.explains_problems,
            typed=first.typed,
        )

    def _watched(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in ahead(self._batches, _BATCHES_AHEAD):
                self.count += batch.num_rows
                yield batch
        except Exception as error:
            self.error = error
            raise


def _numbered_by_file(files: Iterable[Records]) -> Iterator[pa.RecordBatch]:
    for number, file in enumerate(files):
        before = pa.scalar(number * RECORDS_OF_A_FILE, pa.int64())
        for batch in file._batches:
            file.count += batch.num_rows
            place = batch.schema.get_field_index("_record")
            numbers: pa.Array[Any] = pc.add(batch.column(place), before)
            yield batch.set_column(place, batch.schema.field(place), numbers)


RawRecord = tuple[str, Reason | None, Sequence[str | None]]
"""The raw text, what is wrong with the whole record, and the texts of the columns."""


@dataclass(frozen=True)
class Judged:
    """A record that Python has taken apart: the texts of the columns, and what is wrong."""

    raw: str
    texts: Sequence[str | None]
    problem: Reason | None = None
    problem_value: str | None = None
    column_problems: Sequence[Reason | None] | None = None


def records_of(columns: Sequence[str], records: Iterator[Judged], unknown: Unknown) -> Records:
    """Records of Python; where they end with BrokenOff, that is one more."""
    schema = pa.schema(
        RECORD_COLUMNS
        | {"_problem_value": pa.string(), "_column_problems": pa.list_(pa.string())}
        | dict.fromkeys(columns, pa.string())
    )
    return Records(
        schema,
        _batches(schema, _to_the_end(records, [None] * len(columns))),
        compose("SELECT * FROM {stream}", stream=names([STREAM])),
        unknown,
        judges_columns=True,
        explains_problems=True,
    )


def _to_the_end(records: Iterator[Judged], nothing: Sequence[None]) -> Iterator[Judged]:
    try:
        yield from records
    except BrokenOff as broken:
        yield Judged(broken.raw, nothing, Reason.BROKEN_OFF)


def _batches(schema: pa.Schema, records: Iterator[Judged]) -> Iterator[pa.RecordBatch]:
    first, size_bytes = 1, 0
    some: list[Judged] = []
    for record in records:
        some.append(record)
        size_bytes += len(record.raw)
        if len(some) == _BATCH_RECORDS or size_bytes > _BATCH_BYTES:
            yield _batch(schema, first, some)
            first, size_bytes, some = first + len(some), 0, []
    if some:
        yield _batch(schema, first, some)


def _batch(schema: pa.Schema, first: int, records: Sequence[Judged]) -> pa.RecordBatch:
    arrays: list[Sequence[object]] = [
        range(first, first + len(records)),
        [record.raw for record in records],
        [record.problem for record in records],
        [record.problem_value for record in records],
        [record.column_problems for record in records],
        *zip(*(record.texts for record in records), strict=True),
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(a, f.type) for a, f in zip(arrays, schema, strict=True)], schema=schema
    )
