"""Redshift's types in PostgreSQL's words, with Redshift's defaults and limits."""

from sqlglot import exp
from sqlglot.expressions import DataType

from infra.local.redshift.errors import RedshiftError, not_supported

LONGEST_VARCHAR = 65535
LONGEST_CHAR = 4096
LONGEST_VARBYTE = 16_777_216
LARGEST_PRECISION = 38
_DEFAULT_LENGTH = 256
_DEFAULT_VARBYTE = 64_000
_DEFAULT_PRECISION = (18, 0)

_Type = exp.DType
_TEXTS = frozenset({_Type.VARCHAR, _Type.NVARCHAR, _Type.TEXT, _Type.BPCHAR})
_CHARS = frozenset({_Type.CHAR, _Type.NCHAR})
_UNCHANGED = frozenset(
    {
        _Type.BOOLEAN,
        _Type.SMALLINT,
        _Type.INT,
        _Type.BIGINT,
        _Type.FLOAT,
        _Type.DOUBLE,
        _Type.DATE,
        _Type.TIME,
        _Type.TIMETZ,
        _Type.TIMESTAMP,
        _Type.TIMESTAMPTZ,
        _Type.TIMESTAMPNTZ,
        _Type.INTERVAL,
        _Type.NAME,
    }
)


def translate_types(tree: exp.Expr) -> None:
    """Put every type of the statement into PostgreSQL's words, in place."""
    for found in list(tree.find_all(DataType)):
        if isinstance(found.parent, exp.Interval | DataType):
            continue
        column = found.parent if isinstance(found.parent, exp.ColumnDef) else None
        altered = isinstance(found.parent, exp.AlterColumn)
        if isinstance(found, exp.ObjectIdentifier) and isinstance(found.parent, exp.Cast):
            # What names an object of the catalog, 't'::regclass::oid.
            continue
        found.replace(_translated(found, column, defines=column is not None or altered))


def varbyte_length(found: DataType) -> int | None:
    """The bytes that a column of this type holds, if it is a VARBYTE."""
    if found.this is not _Type.VARBINARY:
        return None
    return _length(found, LONGEST_VARBYTE) or _DEFAULT_VARBYTE


def _translated(found: DataType, column: exp.ColumnDef | None, *, defines: bool) -> DataType:
    kind = found.this
    if kind in _TEXTS:
        return _text(found, defines=defines)
    if kind in _CHARS:
        length = _length(found, LONGEST_CHAR) or 1
        return _sized(_Type.CHAR, length)
    if kind is _Type.DECIMAL:
        return _decimal(found)
    if kind is _Type.SUPER:
        return DataType(this=_Type.JSONB)
    if kind is _Type.VARBINARY:
        _length(found, LONGEST_VARBYTE)
        return DataType(this=_Type.VARBINARY)
    if kind in _UNCHANGED:
        return found
    name = found.sql("redshift").lower()
    if column is None:
        raise not_supported(f'type "{name}" is not supported')
    raise not_supported(f'Column "{column.name}" has unsupported type "{name}".')


def _text(found: DataType, *, defines: bool) -> DataType:
    length = _length(found, LONGEST_VARCHAR)
    if length is None and not defines:
        return DataType(this=_Type.VARCHAR)
    return _sized(_Type.VARCHAR, length or _DEFAULT_LENGTH)


def _decimal(found: DataType) -> DataType:
    numbers = [_number(parameter) for parameter in found.expressions]
    if not numbers:
        return _sized(_Type.DECIMAL, *_DEFAULT_PRECISION)
    if not 1 <= numbers[0] <= LARGEST_PRECISION:
        raise RedshiftError(
            "22023", f"DECIMAL precision {numbers[0]} must be between 1 and {LARGEST_PRECISION}"
        )
    return found


def _length(found: DataType, longest: int) -> int | None:
    if not found.expressions:
        return None
    if found.expressions[0].name.upper() == "MAX":
        return longest
    length = _number(found.expressions[0])
    if not 1 <= length <= longest:
        name = found.sql("redshift").split("(")[0].lower()
        raise RedshiftError("22023", f"length for type {name} cannot exceed {longest}")
    return length


def _number(parameter: exp.Expr) -> int:
    try:
        return int(parameter.name)
    except ValueError as error:
        raise RedshiftError("42601", f'syntax error at or near "{parameter.name}"') from error


def _sized(kind: exp.DType, *numbers: int) -> DataType:
    parameters = [exp.DataTypeParam(this=exp.Literal.number(number)) for number in numbers]
    return DataType(this=kind, expressions=parameters)
