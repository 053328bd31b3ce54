"""Which columns of a Parquet file stand for those of a contract, and from which types.

A pair of types is admitted if every value that is not exact in the new type is seen by its cast.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform.contract.columns import Column
from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.source import SourceContract
from etl_platform.contract.types import ColumnType

Kind = Callable[[Any], bool]


def is_text(kind: pa.DataType) -> bool:
    """Whether values are texts, or bytes that may be."""
    return any(
        check(kind)
        for check in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
            is_bytes,
        )
    )


def is_bytes(kind: pa.DataType) -> bool:
    """Whether values are bytes; older writers do not say that these are UTF-8."""
    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _is_real(kind: pa.DataType) -> bool:
    return pa.types.is_float16(kind) or pa.types.is_float32(kind)


def _is_integer_within(bits: int) -> Kind:
    return lambda kind: pa.types.is_integer(kind) and kind.bit_width <= bits


def _is_decimal_within(digits: int) -> Kind:
    return lambda kind: pa.types.is_decimal(kind) and kind.precision <= digits


_NUMBERS: Final[tuple[Kind, ...]] = (
    pa.types.is_integer,
    _is_decimal_within(38),
    pa.types.is_floating,
)
_TIMES: Final[tuple[Kind, ...]] = (pa.types.is_timestamp, pa.types.is_date, pa.types.is_time)
_MOMENTS: Final[tuple[Kind, ...]] = (pa.types.is_timestamp,)

# The casts to binary fractions round as those of every language do, so these take only what they
# hold exactly: 16 and 32 bits of integers, 15 digits of a decimal (which come back from a double).
_ADMITTED: Final[dict[str, tuple[Kind, ...]]] = {
    "smallint": _NUMBERS,
    "integer": _NUMBERS,
    "bigint": _NUMBERS,
    "decimal": _NUMBERS,
    "real": (_is_real, _is_integer_within(16)),
    "double": (pa.types.is_floating, _is_integer_within(32), _is_decimal_within(15)),
    "boolean": (pa.types.is_boolean, pa.types.is_integer),
    "date": (pa.types.is_date,),
    "time": (pa.types.is_time,),
    "timestamp": _MOMENTS,
    "timestamptz": _MOMENTS,
    "varchar": (*_NUMBERS, *_TIMES, pa.types.is_boolean),
    "char": (*_NUMBERS, *_TIMES, pa.types.is_boolean),
    "super": (pa.types.is_nested, pa.types.is_decimal, *_NUMBERS, *_TIMES, pa.types.is_boolean),
}
"""What a column may come from, besides text and a column of nulls only."""


@dataclass(frozen=True)
class Chosen:
    """The place of a contract's column: a column of the file, and the fields within it."""

    name: str
    family: str
    index: int
    fields: tuple[str, ...]
    kind: pa.DataType
    is_int96: bool


def chosen(file: pq.ParquetFile, contract: SourceContract, url: str) -> list[Chosen]:
    """The columns of the contract in its order; raises FileUnreadable if one does not fit."""
    return [_choose(file, column, url) for column in contract.declared_columns]


def _choose(file: pq.ParquetFile, column: Column, url: str) -> Chosen:
    schema = file.schema_arrow
    path = column.path or column.name
    # A name may hold dots, as those that Spark writes often do.
    steps = (path,) if path in schema.names else column.steps
    indices = schema.get_all_field_indices(steps[0])
    if len(indices) > 1:
        raise FileUnreadable(
            url,
            f"it has the column {steps[0]!r} more than once",
            "each column of the contract once",
        )
    kind: pa.DataType | None = schema.field(indices[0]).type if indices else None
    for step in steps[1:]:
        kind = _field_type(kind, step)
    if kind is None:
        raise FileUnreadable(
            url,
            f"it has no column {path!r}",
            f"one for the column {column.name}; it has {', '.join(map(repr, schema.names[:50]))}",
        )
    if isinstance(kind, pa.DictionaryType):
        kind = kind.value_type
    if not admits(column.type, kind):
        raise FileUnreadable(
            url,
            f"its column {path!r} is {kind}",
            f"a type from which every {column.type} can be had without loss",
        )
    return Chosen(
        column.name, column.type.family, indices[0], steps[1:], kind, _is_int96(file, steps)
    )


def _field_type(kind: pa.DataType | None, name: str) -> pa.DataType | None:
    if not isinstance(kind, pa.StructType) or len(kind.get_all_field_indices(name)) != 1:
        return None
    found: pa.DataType = kind.field(name).type
    return found


def admits(wanted: ColumnType, kind: pa.DataType) -> bool:
    """Whether no value of a type loses anything that the cast to the wanted one would not see."""
    checks = _ADMITTED.get(wanted.family, ())
    return pa.types.is_null(kind) or is_text(kind) or any(check(kind) for check in checks)


def _is_int96(file: pq.ParquetFile, steps: tuple[str, ...]) -> bool:
    leaves = (file.schema.column(number) for number in range(len(file.schema)))
    path = ".".join(steps)
    return any(leaf.path == path and leaf.physical_type == "INT96" for leaf in leaves)
