"""One Parquet file against one table: what fits is encoded for PostgreSQL, the rest is refused.

Columns meet by position. Types meet exactly: Redshift neither widens nor narrows on a COPY.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pgpq
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb

from infra.local.redshift.columns import TableColumn
from infra.local.redshift.errors import RedshiftError, scan_error
from infra.local.redshift.faults import Fault
from infra.local.redshift.files import Chunk
from infra.local.redshift.loads import Copy, ParquetFormat
from infra.local.redshift.types import LONGEST_VARCHAR

ROWS_A_BATCH = 20_000

# The stubs of pyarrow tell the types of values apart, which are only known from each file.
_Array = Any
_Field = Any

_PLAIN_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us"),
    "varchar": pa.string(),
    "bpchar": pa.string(),
    "text": pa.string(),
    "bytea": pa.binary(),
    "jsonb": pa.string(),
}


class ParquetLoad:
    """Turns the files of one load into one stream of PostgreSQL's binary COPY."""

    form = "binary"

    def __init__(self, columns: Sequence[TableColumn], statement: Copy) -> None:
        self._columns = columns
        self._statement = statement
        self._schema = pa.schema([(column.name, _arrow(column)) for column in columns])
        encoders = {
            column.name: StringEncoderBuilder.new_with_output(
                self._schema.field(column.name), Jsonb()
            )
            if column.kind == "jsonb"
            else pgpq.ArrowToPostgresBinaryEncoder.infer_encoder(self._schema.field(column.name))
            for column in columns
        }
        self._encoder = pgpq.ArrowToPostgresBinaryEncoder.new_with_encoders(self._schema, encoders)
        # The first bad value ends a load of columnar files, so none is put aside.
        self.faults: list[Fault] = []

    def header(self) -> bytes:
        """The bytes before the first row."""
        return self._encoder.write_header()

    def footer(self) -> bytes:
        """The bytes after the last row."""
        return self._encoder.finish()

    def file(self, path: Path, url: str) -> Iterator[Chunk]:
        """The rows of a file, some at a time."""
        try:
            with pq.ParquetFile(path, coerce_int96_timestamp_unit="us") as file:
                self._check_schema(file, url)
                for batch in file.iter_batches(batch_size=ROWS_A_BATCH):
                    data = self._encoder.write_batch(self._fit(batch))
                    yield Chunk(data, batch.num_rows, batch.num_rows)
        except pa.ArrowInvalid as error:
            raise scan_error(15001, f"Invalid Parquet file {url}: {error}") from error

    @property
    def _serializes(self) -> bool:
        form = self._statement.format
        return isinstance(form, ParquetFormat) and form.serialize_to_json

    def _check_schema(self, file: pq.ParquetFile, url: str) -> None:
        in_file, in_table = len(file.schema_arrow), len(self._columns)
        filled = self._statement.fill_record and in_file < in_table
        if in_file != in_table and not filled:
            raise scan_error(
                15007,
                "Unmatched number of columns between table and file. "
                f"Table columns: {in_table}, Data columns: {in_file}, Data file: {url}",
            )
        flat = len(file.schema) == in_file
        for place, (column, field) in enumerate(
            zip(self._columns, file.schema_arrow, strict=False)
        ):
            check_type(column, field, file.schema.column(place) if flat else None, url)
            if column.kind == "jsonb" and not self._serializes:
                raise scan_error(
                    15007, f"Column {column.name} of type super needs the option SERIALIZETOJSON"
                )

    def _fit(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = []
        for place, column in enumerate(self._columns):
            if place < batch.num_columns:
                arrays.append(self._fit_array(column, batch.column(place)))
            else:
                arrays.append(pa.nulls(batch.num_rows, _arrow(column)))
            if column.not_null and arrays[-1].null_count:
                raise scan_error(
                    1213, f"Missing data for not-null field. The data column {column.name} is null"
                )
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _fit_array(self, column: TableColumn, values: _Array) -> _Array:
        if column.kind == "jsonb":
            return _as_json(values)
        if column.kind in ("varchar", "bpchar", "text"):
            return self._fit_text(column, values)
        if pa.types.is_timestamp(values.type):
            # The wall clock in UTC is what Redshift stores, whether the file says UTC or not.
            moments = values.cast(pa.timestamp("us", values.type.tz))
            return moments.cast(pa.int64()).cast(_arrow(column))
        return values.cast(_arrow(column))

    def _fit_text(self, column: TableColumn, values: _Array) -> _Array:
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        values = self._valid_text(column, values)
        limit = column.length_bytes or LONGEST_VARCHAR
        sizes: Any = pc.binary_length(values)
        longest: int = pc.max(sizes).as_py() or 0
        if longest > limit:
            raise scan_error(
                15001,
                f"The length of the data column {column.name} is longer than the length defined "
                f"in the table. Table: {limit}, Data: {longest}",
            )
        if column.kind == "bpchar" and not pc.all(pc.string_is_ascii(values)).as_py():
            raise scan_error(
                1220, f"Multibyte character not supported for CHAR. The data column {column.name}"
            )
        return values

    def _valid_text(self, column: TableColumn, values: _Array) -> _Array:
        try:
            found = values.cast(pa.binary()).cast(pa.string())
            found.validate(full=True)
        except pa.ArrowInvalid:
            replacement = self._statement.conversion.invalid_as
            if replacement is not None:
                return _without_invalid(values, replacement)
            raise scan_error(
                15001,
                "String contains invalid or unsupported UTF8 codepoints. "
                f"The data column {column.name}",
            ) from None
        return found


def _arrow(column: TableColumn) -> Any:
    """The Arrow type whose values PostgreSQL takes for the column."""
    if column.kind == "numeric":
        return pa.decimal128(column.precision or 18, column.scale or 0)
    try:
        return _PLAIN_TYPES[column.kind]
    except KeyError:
        raise scan_error(
            15007, f"Column {column.name} of type {column.declared} cannot be loaded from Parquet"
        ) from None


def check_type(
    column: TableColumn, field: _Field, written: pq.ColumnSchema | None, url: str
) -> None:
    """Raise unless the column of the file has the type of the table's column."""
    if column.kind == "jsonb":
        return
    if column.kind == "numeric" and pa.types.is_decimal(field.type):
        _check_decimal(column, field, written)
        return
    found = field.type
    if pa.types.is_dictionary(found):
        found = found.value_type
    if _arrow(column) == pa.string():
        fits = pa.types.is_string(found) or pa.types.is_large_string(found)
    elif _arrow(column) == pa.int16():
        fits = pa.types.is_int16(found) or pa.types.is_int8(found)
    elif pa.types.is_timestamp(_arrow(column)):
        fits = pa.types.is_timestamp(found) and found.unit in ("us", "ms")
    elif _arrow(column) == pa.binary():
        fits = pa.types.is_binary(found) or pa.types.is_large_binary(found)
    else:
        fits = found == _arrow(column)
    if not fits:
        raise _incompatible(column, field, written, url)


def _check_decimal(column: TableColumn, field: _Field, written: pq.ColumnSchema | None) -> None:
    expected, found = _arrow(column), field.type
    if (found.precision, found.scale) == (expected.precision, expected.scale):
        return
    wanted, given = _decimal_bytes(expected.precision), _decimal_bytes(found.precision)
    if written is not None and written.physical_type == "FIXED_LEN_BYTE_ARRAY":
        given = written.length or given
    raise scan_error(
        15001,
        f"column '{field.name}' has an invalid type length. Expecting: {wanted} len in file: "
        f"{given}. Column type: {column.declared.upper()}, Parquet type: {found}",
    )


def _decimal_bytes(precision: int) -> int:
    largest: int = 10**precision - 1
    return (largest.bit_length() + 8) // 8


def _incompatible(
    column: TableColumn, field: _Field, written: pq.ColumnSchema | None, url: str
) -> RedshiftError:
    kind = field.type if written is None else f"{written.physical_type} {written.logical_type}"
    return scan_error(
        15007,
        f"File '{url}' has an incompatible Parquet schema for column '{column.name}'. "
        f"Column type: {column.declared.upper()}, Parquet schema: {kind} {field.name}",
    )


def _as_json(values: _Array) -> _Array:
    texts = [
        None if value is None else json.dumps(value, default=str, ensure_ascii=False)
        for value in (_plain(value) for value in values.to_pylist(maps_as_pydicts="lossy"))
    ]
    return pa.array(texts, pa.string())


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _without_invalid(values: _Array, replacement: str) -> _Array:
    texts = [
        None if value is None else _replaced(value, replacement)
        for value in values.cast(pa.binary()).to_pylist()
    ]
    return pa.array(texts, pa.string())


def _replaced(value: bytes, replacement: str) -> str:
    text = value.decode(errors="surrogateescape")
    return re.sub("[\udc80-\udcff]", lambda _: replacement, text)
