"""The types of lineitem as those rivals have them that are told them in Arrow."""

import pyarrow as pa

_PLAIN: dict[str, pa.DataType] = {
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "date": pa.date32(),
}


def arrow_type(kind: str) -> pa.DataType:
    """Of a type as the contract spells it."""
    family, _, rest = kind.partition("(")
    if family == "decimal":
        return pa.decimal128(*map(int, rest.rstrip(")").split(",")))
    return _PLAIN.get(family) or pa.string()
