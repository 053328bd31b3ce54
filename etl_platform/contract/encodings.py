"""The compression encodings of Redshift, and the types that each is for.

https://docs.aws.amazon.com/redshift/latest/dg/c_Compression_encodings.html
"""

from typing import Final, Literal

Encoding = Literal[
    "raw",
    "az64",
    "bytedict",
    "delta",
    "delta32k",
    "lzo",
    "mostly8",
    "mostly16",
    "mostly32",
    "runlength",
    "text255",
    "text32k",
    "zstd",
]

_WHOLE: Final = ("smallint", "integer", "bigint", "decimal")
_FLOATS: Final = ("real", "double")
_TEXTS: Final = ("char", "varchar")
_TIMES: Final = ("date", "timestamp", "timestamptz")

_FAMILIES: Final[dict[Encoding, tuple[str, ...]]] = {
    "az64": (*_WHOLE, *_TIMES),
    "bytedict": (*_WHOLE, *_FLOATS, *_TEXTS, *_TIMES),
    "delta": (*_WHOLE, "date", "timestamp"),
    "delta32k": ("integer", "bigint", "decimal", "date", "timestamp"),
    "lzo": (*_WHOLE, *_TEXTS, *_TIMES, "super"),
    "mostly8": _WHOLE,
    "mostly16": ("integer", "bigint", "decimal"),
    "mostly32": ("bigint", "decimal"),
    "runlength": (*_WHOLE, *_FLOATS, "boolean", *_TEXTS, *_TIMES),
    "text255": ("varchar",),
    "text32k": ("varchar",),
    "zstd": (*_WHOLE, *_FLOATS, "boolean", *_TEXTS, *_TIMES, "super"),
}


def encodings_of(family: str) -> tuple[Encoding, ...]:
    """What a column of a type may have. Not to be compressed is for all."""
    return ("raw", *(name for name, families in _FAMILIES.items() if family in families))
