"""The files that UNLOAD writes: Parquet, delimited text and CSV."""

import bz2
import gzip
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.local.redshift.loads import BZIP2, GZIP, ZSTD, TextUnload
from infra.local.redshift.s3 import Location
from infra.local.redshift.wire import Column

_BOOL, _BYTEA, _NUMERIC, _JSONB, _TIMESTAMPTZ = 16, 17, 1700, 3802, 1184
_ARROW: dict[int, pa.DataType] = {
    _BOOL: pa.bool_(),
    _BYTEA: pa.binary(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    700: pa.float32(),
    701: pa.float64(),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
    _TIMESTAMPTZ: pa.timestamp("us", "UTC"),
}
_NAMES = {
    _BOOL: "boolean",
    _BYTEA: "binary varying",
    20: "bigint",
    21: "smallint",
    23: "integer",
    700: "real",
    701: "double precision",
    1042: "character",
    1082: "date",
    1083: "time without time zone",
    1114: "timestamp without time zone",
    _TIMESTAMPTZ: "timestamp with time zone",
    _NUMERIC: "numeric",
    _JSONB: "super",
}
_TEXT_SIZES = frozenset({1042, 1043})


class Part(Protocol):
    """One file of an UNLOAD while it is written."""

    place: Location
    path: Path
    rows: int

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, each value as its text."""

    def close(self) -> None:
        """Make the file complete."""


def redshift_type(column: Column) -> dict[str, Any]:
    """A column as a verbose manifest describes it."""
    kind: dict[str, Any] = {"base": _NAMES.get(column.type_oid, "character varying")}
    modifier = column.type_modifier - 4
    if modifier > 0 and column.type_oid == _NUMERIC:
        kind |= {"precision": modifier >> 16, "scale": modifier & 0x7FF}
    elif modifier > 0 and column.type_oid in _TEXT_SIZES:
        kind["max_length"] = modifier
    return {"name": column.name, "type": kind}


class ParquetPart:
    """A Parquet file; a SUPER is a JSON text, as Redshift writes it."""

    def __init__(
        self, place: Location, path: Path, columns: Sequence[Column], hidden: Sequence[str]
    ) -> None:
        self.place, self.path, self.rows = place, path, 0
        self._columns = [column for column in columns if column.name not in hidden]
        self._schema = pa.schema([(column.name, _arrow(column)) for column in self._columns])
        self._writer = pq.ParquetWriter(path, self._schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, each value as its text."""
        arrays = [
            _typed(batch.column(column.name), column, self._schema.field(place).type)
            for place, column in enumerate(self._columns)
        ]
        self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self.rows += batch.num_rows

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


def _arrow(column: Column) -> pa.DataType:
    if column.type_oid == _NUMERIC:
        modifier = column.type_modifier - 4
        return pa.decimal128(modifier >> 16, modifier & 0x7FF) if modifier > 0 else pa.float64()
    return _ARROW.get(column.type_oid, pa.string())


def _typed(values: Any, column: Column, kind: pa.DataType) -> Any:
    if column.type_oid == _BOOL:
        return pc.equal(values, pa.scalar("t"))
    if column.type_oid == _BYTEA:
        texts = values.to_pylist()
        return pa.array([None if text is None else bytes.fromhex(text[2:]) for text in texts], kind)
    if column.type_oid == _TIMESTAMPTZ:
        # PostgreSQL runs in UTC and writes the offset as +00.
        return pc.cast(pc.replace_substring_regex(values, r"\+00$", "Z"), kind)
    return pc.cast(values, kind)


class TextPart:
    """A file of delimited text or CSV."""

    def __init__(
        self,
        place: Location,
        path: Path,
        columns: Sequence[Column],
        hidden: Sequence[str],
        form: TextUnload,
    ) -> None:
        self.place, self.path, self.rows = place, path, 0
        self._columns = [column for column in columns if column.name not in hidden]
        self._form = form
        self._file = io.TextIOWrapper(_compressed(path, form.compression), "utf-8", newline="")
        if form.header:
            self._put([self._written(column.name) for column in self._columns])

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, each value as its text."""
        columns = [
            [self._field(column, value) for value in batch.column(column.name).to_pylist()]
            for column in self._columns
        ]
        for fields in zip(*columns, strict=True):
            self._put(fields)
        self.rows += batch.num_rows

    def close(self) -> None:
        """Write what is left."""
        self._file.close()

    def _put(self, fields: Sequence[str]) -> None:
        self._file.write(self._form.delimiter.join(fields) + "\n")

    def _field(self, column: Column, value: str | None) -> str:
        if value is None:
            # https://docs.aws.amazon.com/redshift/latest/dg/unload-super.html
            return "null" if column.type_oid == _JSONB else self._form.null_as
        if column.type_oid == _BYTEA:
            value = value[2:]
        return self._written(value)

    def _written(self, value: str) -> str:
        form = self._form
        if form.csv:
            if any(found in value for found in (form.delimiter, '"', "\n", "\r")):
                return '"' + value.replace('"', '""') + '"'
            return value
        if form.escape:
            special = ["\\", "\n", "\r", form.delimiter, *("\"'" if form.add_quotes else "")]
            value = "".join(f"\\{found}" if found in special else found for found in value)
        return f'"{value}"' if form.add_quotes else value


def _compressed(path: Path, compression: str | None) -> BinaryIO:
    if compression == GZIP:
        return cast(BinaryIO, gzip.open(path, "wb"))
    if compression == BZIP2:
        return cast(BinaryIO, bz2.open(path, "wb"))
    if compression == ZSTD:
        return io.BufferedWriter(cast(io.RawIOBase, pa.output_stream(path, compression="zstd")))
    return path.open("wb")
