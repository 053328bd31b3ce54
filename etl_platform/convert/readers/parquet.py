"""Parquet as it is sent: columns by name, and types that a cast to the contract's keeps exact.

Values go through the text that stands for exactly them and through the strict casts of all formats,
so that one set of rules says what is a reject.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.source import SourceContract
from etl_platform.contract.types import EXTRA_COLUMN
from etl_platform.convert.readers.compression import MOST_BYTES
from etl_platform.convert.readers.parquet_json import (
    captured,
    hex_texts,
    json_texts,
    plain,
    unknown_names,
)
from etl_platform.convert.readers.parquet_schema import Chosen, chosen, is_bytes, is_text
from etl_platform.convert.readers.records import STREAM, Records
from etl_platform.convert.readers.unknown import Unknown, known_fields
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, joined, names

_BATCH_ROWS: Final = 16_384
_EXPECTED: Final = "a whole Parquet file"

# Columns of the stream have numbers for names: those of a file may be anything, also these.
_FIELD, _VALUE, _FINER = "field_{}", "value_{}", "finer_{}"


def open_records(file: Path, url: str, contract: SourceContract) -> Records:
    """The rows of a file, numbered by their position; the raw text of one is its JSON."""
    unknown = Unknown(contract, url)
    rows = _Rows(file, url, contract)
    shown = unknown.meet(unknown_names(rows.schema, rows.known), "its schema")
    texts = [
        compose("{text} AS {name}", text=_text(number, column), name=Identifier(column.name))
        for number, column in enumerate(rows.columns)
    ]
    if unknown.policy == "capture":
        texts.append(names([EXTRA_COLUMN]))
    is_rejected = shown != "" and unknown.policy == "reject"
    query = compose(
        "SELECT _record, {raw} AS _raw, {problem}::VARCHAR AS _problem,"
        " {problem_value}::VARCHAR AS _problem_value, _column_problems, {texts} FROM {stream}",
        raw=_raw(rows.schema),
        problem=Literal(str(Reason.UNKNOWN_FIELD)) if is_rejected else Sql("NULL"),
        problem_value=Literal(shown.replace("\0", "")) if is_rejected else Sql("NULL"),
        texts=joined(texts),
        stream=Identifier(STREAM),
    )
    return Records(
        rows.stream_schema,
        rows.batches(),
        query,
        unknown,
        judges_columns=True,
        explains_problems=True,
    )


class _Rows:
    """One open file, as a stream of its fields and of the values that the contract asks for."""

    def __init__(self, file: Path, url: str, contract: SourceContract) -> None:
        self._url = url
        self._file = _opened(file, url, "us")
        self.schema = self._file.schema_arrow
        self.columns = chosen(self._file, contract, url)
        self.known = known_fields((self.schema.names[c.index], *c.fields) for c in self.columns)
        self._captures = contract.unknown == "capture"
        # A timestamp of 96 bits has nanoseconds in every year, which no type of Arrow has. Read as
        # microseconds it keeps the year; what that drops shows in a second reading.
        is_int96 = any(column.is_int96 for column in self.columns)
        self._finer = _opened(file, url, "ns") if is_int96 else None
        finer = _no_rows(self._finer.schema_arrow) if self._finer else None
        self.stream_schema = self._streamed(0, _no_rows(self.schema), finer).schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows of the file; raises FileUnreadable where it is damaged."""
        before = size_bytes = 0
        try:
            finer = self._finer.iter_batches(_BATCH_ROWS) if self._finer else None
            for batch in self._file.iter_batches(_BATCH_ROWS):
                yield self._streamed(before, batch, next(finer) if finer else None)
                before += batch.num_rows
                size_bytes += batch.nbytes
                if size_bytes > MOST_BYTES:
                    raise FileUnreadable(
                        self._url, "its rows do not end", f"{MOST_BYTES} bytes of values at most"
                    )
        except (OSError, pa.ArrowException) as error:
            raise FileUnreadable(
                self._url, f"it is damaged behind row {before} ({error})", _EXPECTED
            ) from None
        if before != self._file.metadata.num_rows:
            raise FileUnreadable(
                self._url, f"{before} of its {self._file.metadata.num_rows} rows came", _EXPECTED
            )

    def _streamed(
        self, before: int, batch: pa.RecordBatch, finer: pa.RecordBatch | None
    ) -> pa.RecordBatch:
        fields = [plain(column) for column in batch.columns]
        arrays: dict[str, Any] = {
            "_record": pa.array(range(before + 1, before + 1 + len(batch)), pa.int64())
        }
        damaged: list[pa.Array[Any] | None] = []
        for number, field in enumerate(fields):
            arrays[_FIELD.format(number)], _ = _utf8(field)
        for number, column in enumerate(self.columns):
            value = _within(fields[column.index], column.fields)
            if column.family == "super" and not is_text(value.type):
                value = json_texts(value)
            elif column.family == "varbyte" and is_bytes(value.type):
                value = hex_texts(value)
            value, is_damaged = _utf8(value, also_bytes=True)
            arrays[_VALUE.format(number)] = value
            damaged.append(is_damaged)
            if column.is_int96 and finer is not None:
                exact = _within(finer.column(column.index), column.fields)
                arrays[_FINER.format(number)] = _beyond_microseconds(value, exact)
        if self._captures:
            arrays[EXTRA_COLUMN], is_damaged = self._extra(batch, fields)
            damaged.append(is_damaged)
        arrays["_column_problems"] = _problems(damaged, len(batch))
        return pa.RecordBatch.from_pydict(arrays)

    def _extra(
        self, batch: pa.RecordBatch, fields: "list[pa.Array[Any]]"
    ) -> "tuple[pa.Array[Any], pa.Array[Any] | None]":
        """What is unknown as JSON, and where it held a text that is none."""
        arrays, damaged = [], pa.repeat(pa.scalar(False), len(batch))
        for name, given, field in zip(self.schema.names, batch.columns, fields, strict=True):
            text, is_damaged = _utf8(field)
            if is_damaged is not None and name not in self.known:
                damaged = pc.or_(damaged, is_damaged)
            # These are digits in quotes by now.
            arrays.append((name, given if pa.types.is_decimal256(given.type) else text))
        extra = captured(arrays, self.known)
        return pa.nulls(len(batch), pa.string()) if extra is None else extra, damaged


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)


def _opened(file: Path, url: str, int96_unit: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(
            file,
            memory_map=True,
            pre_buffer=False,
            coerce_int96_timestamp_unit=int96_unit,
            page_checksum_verification=True,
        )
    except (OSError, pa.ArrowException) as error:
        raise FileUnreadable(url, f"it is not Parquet, or cut off ({error})", _EXPECTED) from None


def _utf8(
    array: "pa.Array[Any]", also_bytes: bool = False
) -> "tuple[pa.Array[Any], pa.Array[Any] | None]":
    """Texts as such, with escapes for what is not UTF-8, and which of them had such."""
    kind = array.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if pa.types.is_string_view(kind):
        array, is_text = array.cast(pa.large_string()), True
    if not is_text and not (also_bytes and is_bytes(kind)):
        return array, None
    values = array.cast(pa.large_binary())
    try:
        return values.cast(pa.large_string()), None
    except pa.ArrowInvalid:
        raws = values.to_pylist()
        texts = [None if r is None else r.decode(errors="backslashreplace") for r in raws]
        damaged = [
            text is not None and text.encode() != raw for text, raw in zip(texts, raws, strict=True)
        ]
        return pa.array(texts, pa.large_string()), pa.array(damaged)


def _within(array: "pa.Array[Any]", fields: tuple[str, ...]) -> "pa.Array[Any]":
    for name in fields:
        array = plain(pc.struct_field(array, name))
    return array


def _beyond_microseconds(micros: "pa.Array[Any]", nanos: "pa.Array[Any]") -> "pa.Array[Any]":
    """Those timestamps that microseconds do not hold, and null for all others.

    Both sides wrap around in years that nanoseconds do not reach, so they still compare.
    """
    rounded = pc.multiply(micros.cast(pa.int64()), 1000)
    is_same = pc.equal(rounded, nanos.cast(pa.int64()))
    beyond: pa.Array[Any] = pc.if_else(is_same, pa.scalar(None, nanos.type), nanos)
    return beyond


def _problems(damaged: "list[pa.Array[Any] | None]", rows: int) -> "pa.Array[Any]":
    kind = pa.list_(pa.string())
    if all(column is None for column in damaged):
        return pa.nulls(rows, kind)
    reason = str(Reason.UNDECODABLE)
    flags = [column.to_pylist() if column is not None else [False] * rows for column in damaged]
    return pa.array(
        [
            [reason if is_damaged else None for is_damaged in row] if any(row) else None
            for row in zip(*flags, strict=True)
        ],
        kind,
    )


def _raw(schema: pa.Schema) -> Sql:
    return compose(
        "json_object({members})::VARCHAR",
        members=joined(
            compose(
                "{name}, {value}",
                name=Literal(field.name.replace("\0", "")),
                value=_json_value(Identifier(_FIELD.format(number)), field.type),
            )
            for number, field in enumerate(schema)
        ),
    )


def _json_value(field: Identifier, kind: pa.DataType) -> Sql:
    if pa.types.is_floating(kind):
        # JSON has no NaN and no Infinity.
        return compose(
            "CASE WHEN isfinite({field}) THEN to_json({field}) ELSE to_json({field}::VARCHAR) END",
            field=field,
        )
    return compose("to_json({field})", field=field)


def _text(number: int, column: Chosen) -> Sql:
    value = Identifier(_VALUE.format(number)).sql
    if column.family == "double" and pa.types.is_floating(column.kind):
        # The shortest text of a float of 32 bits is another number as a double.
        value = compose("{value}::DOUBLE", value=value)
    text = compose("{value}::VARCHAR", value=value)
    if column.is_int96:
        finer = Identifier(_FINER.format(number))
        text = compose("coalesce({finer}::VARCHAR, {text})", finer=finer, text=text)
    return text
