"""Arrow values as JSON, exact and a whole array at a time.

DuckDB would do it with a binary fraction for a decimal within a list, and with a bare NaN.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from etl_platform.convert.readers.parquet_schema import is_bytes
from etl_platform.convert.readers.unknown import Known

Array = Any
"""An array. The functions of pyarrow are typed for scalars, arrays and chunks of arrays at once."""

_TEXT: Final = pa.large_string()
_SPECIAL: Final = r'[\x00-\x1f"\\]'
_encoded: Final = json.JSONEncoder(ensure_ascii=False).encode


def plain(array: Array) -> Array:
    """The same values in a type that DuckDB has."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_float16(kind):
        return array.cast(pa.float32())
    if pa.types.is_decimal256(kind):
        return array.cast(pa.string())
    if pa.types.is_duration(kind):
        return array.cast(pa.int64())
    if pa.types.is_nested(kind):
        # DuckDB would end the whole statement at a text that is not UTF-8.
        array.validate(full=True)
    return array


def json_texts(array: Array) -> Array:
    """The JSON of each value, and null for null."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_struct(kind):
        fields = [(f.name, pc.struct_field(array, [n])) for n, f in enumerate(kind)]
        members = [_member(name, _or_null(json_texts(field))) for name, field in fields]
        return _where(array, _between("{", _joined(members, ","), "}"))
    if pa.types.is_map(kind):
        entries = _entries(array)
        keys, values = (pc.struct_field(entries.flatten(), [n]) for n in (0, 1))
        pairs = _joined([_as_name(json_texts(keys)), _or_null(json_texts(values))], ":")
        return _where(array, _between("{", _by_list(entries, pairs), "}"))
    if pa.types.is_nested(kind):
        items = _by_list(array, _or_null(json_texts(array.flatten())))
        return _where(array, _between("[", items, "]"))
    return _scalars(array)


def hex_texts(array: Array) -> Array:
    """Bytes as hexadecimal digits."""
    return pa.array([None if b is None else b.hex() for b in array.to_pylist()], _TEXT)


def unknown_names(fields: Iterable["pa.Field[Any]"], known: Known, prefix: str = "") -> list[str]:
    """The paths of what is unknown in a file."""
    found: list[str] = []
    for field in fields:
        if field.name not in known:
            found.append(prefix + field.name)
        elif (within := known[field.name]) is not None and pa.types.is_struct(field.type):
            found += unknown_names(field.type, within, f"{prefix}{field.name}.")
    return found


def captured(fields: Iterable[tuple[str, Array]], known: Known) -> Array | None:
    """What is unknown of each record as an object of its values that are not null.

    Null where there is none; no array if nothing is unknown.
    """
    members = []
    for name, array in fields:
        if name not in known:
            members.append(_member(name, json_texts(array)))
        elif (within := known[name]) is not None and pa.types.is_struct(array.type):
            inner = [(f.name, pc.struct_field(array, [n])) for n, f in enumerate(array.type)]
            unknown = captured(inner, within)
            if unknown is not None:
                members.append(_member(name, unknown))
    if not members:
        return None
    each = [_between(",", member, "") for member in members]
    nothing = pa.scalar("", _TEXT)
    text = _joined([pc.fill_null(one, nothing) for one in each], "")
    found = _between("{", pc.utf8_ltrim(text, ","), "}")
    return pc.if_else(pc.equal(text, nothing), pa.scalar(None, _TEXT), found)


def _scalars(array: Array) -> Array:
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _quoted(array.cast(_TEXT))
    if is_bytes(kind):
        return _between('"', hex_texts(array), '"')
    if pa.types.is_timestamp(kind):
        moments = array.cast(pa.timestamp(kind.unit)).cast(_TEXT)
        zone = "" if kind.tz is None else "Z"
        return _between('"', pc.replace_substring(moments, " ", "T"), f'{zone}"')
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind):
        return _between('"', array.cast(_TEXT), '"')
    if pa.types.is_floating(kind):
        wide = array.cast(pa.float32()) if pa.types.is_float16(kind) else array
        numbers = wide.cast(_TEXT)
        return pc.if_else(pc.is_finite(wide), numbers, _between('"', numbers, '"'))
    numbers = array.cast(pa.int64()) if pa.types.is_duration(kind) else array
    return numbers.cast(_TEXT)


def _quoted(texts: Array) -> Array:
    if pc.any(pc.match_substring_regex(texts, _SPECIAL)).as_py():
        return pa.array([None if t is None else _encoded(t) for t in texts.to_pylist()], _TEXT)
    return _between('"', texts, '"')


def _as_name(texts: Array) -> Array:
    """JSON of keys, which only a string can be, as names."""
    bare = pc.invert(pc.starts_with(texts, '"'))
    if not pc.any(bare).as_py():
        return texts
    return pc.if_else(bare, _quoted(texts), texts)


def _entries(array: Array) -> Array:
    """The same map as lists, which Arrow can do more with."""
    pairs = pa.StructArray.from_arrays([array.keys, array.items], ["key", "value"])
    return pa.ListArray.from_arrays(array.offsets, pairs)


def _by_list(array: Array, texts: Array) -> Array:
    """The texts of what is in each list, with commas between them."""
    lengths: Array = pc.list_value_length(array)
    ends: Array = pc.cumulative_sum(pc.fill_null(lengths.cast(pa.int64()), 0))
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends])
    return pc.binary_join(pa.LargeListArray.from_arrays(offsets, texts), pa.scalar(",", _TEXT))


def _member(name: str, texts: Array) -> Array:
    return _between(f"{_encoded(name)}:", texts, "")


def _between(before: str, texts: Array, behind: str) -> Array:
    return _joined([pa.scalar(before, _TEXT), texts, pa.scalar(behind, _TEXT)], "")


def _joined(parts: list[Array], separator: str) -> Array:
    """Side by side; null if one is null."""
    return pc.binary_join_element_wise(*parts, pa.scalar(separator, _TEXT))


def _or_null(texts: Array) -> Array:
    return pc.fill_null(texts, pa.scalar("null", _TEXT))


def _where(array: Array, texts: Array) -> Array:
    return pc.if_else(pc.is_valid(array), texts, pa.scalar(None, _TEXT))
