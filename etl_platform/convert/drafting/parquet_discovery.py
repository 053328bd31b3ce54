"""The first look at Parquet files, whose schemas name their columns and types."""

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.types import ColumnType
from etl_platform.convert.drafting.sample_files import Discovery, Fields, SampleFile
from etl_platform.convert.readers.parquet_schema import admits, is_text

_TEXT: Final = ColumnType("varchar", (65535,))

_NAMED: Final[dict[pa.DataType, ColumnType]] = {
    pa.int8(): ColumnType("smallint"),
    pa.uint8(): ColumnType("smallint"),
    pa.int16(): ColumnType("smallint"),
    pa.uint16(): ColumnType("integer"),
    pa.int32(): ColumnType("integer"),
    pa.uint32(): ColumnType("bigint"),
    pa.int64(): ColumnType("bigint"),
    pa.uint64(): ColumnType("decimal", (20, 0)),
    pa.float16(): ColumnType("real"),
    pa.float32(): ColumnType("real"),
    pa.float64(): ColumnType("double"),
    pa.bool_(): ColumnType("boolean"),
    pa.date32(): ColumnType("date"),
    pa.date64(): ColumnType("date"),
}


def discover_parquet(files: Sequence[SampleFile]) -> Discovery:
    """The columns that every file has; raises FileUnreadable for a file that is not Parquet."""
    fields = Fields()
    found: list[dict[str, pa.DataType]] = []
    for file in files:
        found.append({})
        for path, kind in _values(_schema(file), "", fields):
            if path in found[-1]:
                fields.leave_out(path, "stands twice in a file")
            found[-1][path] = kind
            fields.add(path)
            if not admits(_TEXT, kind):
                fields.leave_out(path, f"is {kind}")
    types = {}
    for path in fields.paths:
        kinds = [kinds.get(path) for kinds in found]
        if None in kinds:
            fields.leave_out(path, "is not in every file")
        elif all(kind == kinds[0] for kind in kinds) and (named := _type(kinds[0])) is not None:
            types[path] = named
    return Discovery({"type": "parquet"}, fields, types)


def _schema(file: SampleFile) -> pa.Schema:
    try:
        return pq.read_schema(file.path)
    except (OSError, pa.ArrowException) as error:
        raise FileUnreadable(
            file.name, f"it is not Parquet, or cut off ({error})", "a whole Parquet file"
        ) from None


def _values(
    parent: pa.Schema | pa.StructType, prefix: str, fields: Fields
) -> Iterator[tuple[str, pa.DataType]]:
    """Every single value and where it stands; the reader looks into structs by dotted names."""
    for field in parent:
        path = f"{prefix}{field.name}"
        if not field.name or (prefix and "." in field.name):
            fields.leave_out(path, "has a name that no path can have")
            continue
        kind = field.type.value_type if isinstance(field.type, pa.DictionaryType) else field.type
        if isinstance(kind, pa.StructType):
            yield from _values(kind, f"{path}.", fields)
        else:
            yield path, kind


def _type(kind: pa.DataType | None) -> ColumnType | None:
    """What holds every value of a type of Arrow; None if only the values can tell."""
    if kind is None:
        return None
    if is_text(kind):
        return _TEXT
    if pa.types.is_decimal(kind) and 0 <= kind.scale <= kind.precision <= 38:
        return ColumnType("decimal", (kind.precision, kind.scale))
    if pa.types.is_timestamp(kind):
        return ColumnType("timestamptz" if kind.tz else "timestamp")
    if pa.types.is_time(kind):
        return ColumnType("time")
    return _NAMED.get(kind)
