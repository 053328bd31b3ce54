"""The records of JSON files, laid out on the columns of a table.

https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-json.html
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from infra.local.redshift import faults
from infra.local.redshift.columns import TableColumn
from infra.local.redshift.errors import RedshiftError, engine_error, not_supported
from infra.local.redshift.faults import BadValue
from infra.local.redshift.records import LONGEST_RECORD, Lines, Record

Layout = Callable[[Any], list[str | None]]

_STEP = re.compile(
    r"\.(?P<name>[^.\[\]'\"]+)|\[(?P<quote>['\"])(?P<key>.+?)(?P=quote)\]|\[(?P<place>\d+)\]"
)


class _Number(str):
    """A number as it was written, so that it keeps all its digits."""

    __slots__ = ()


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


_DECODER = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_no_number)


def layout(mapping: str, columns: Sequence[TableColumn], jsonpaths: bytes | None) -> Layout:
    """What lays a JSON value out on the columns.

    Args:
        mapping: 'auto', 'auto ignorecase', 'noshred' or the place of a jsonpaths file.
        columns: The columns, in the order of the fields.
        jsonpaths: The content of the jsonpaths file, if there is one.
    """
    if jsonpaths is not None:
        return _by_paths(jsonpaths, columns)
    if mapping == "noshred":
        if len(columns) != 1 or columns[0].kind != "jsonb":
            raise not_supported("JSON 'noshred' needs a single SUPER column")
        return lambda value: [_dumped(value)]
    if mapping == "auto":
        return _by_names(columns, str)
    if mapping == "auto ignorecase":
        return _by_names(columns, str.lower)
    raise RedshiftError(
        "XX000", f"Invalid JSONPath file location '{mapping}': auto or s3://bucket/key is expected"
    )


def json_records(lines: Lines, lay_out: Layout) -> Iterator[Record]:
    """One record for each value of a file; values follow each other with white space between."""
    pending, start = "", 1
    for line in lines:
        if not pending:
            start = lines.number
        pending += f"{line}\n"
        while pending := pending.lstrip():
            try:
                value, end = _DECODER.raw_decode(pending)
            except (ValueError, RecursionError) as error:
                if _is_unfinished(error, pending) and len(pending) <= LONGEST_RECORD:
                    break
                yield _malformed(start, pending)
                pending = ""
                continue
            raw, pending = pending[:end], pending[end:]
            try:
                yield Record(start, raw, lay_out(value))
            except BadValue as problem:
                yield Record(start, raw, [], problem)
            start = lines.number
    if pending:
        yield _malformed(start, pending)


def _malformed(number: int, raw: str) -> Record:
    return Record(number, raw.rstrip("\n"), [], BadValue(faults.BAD_LINE, "Invalid JSON format"))


def _is_unfinished(error: Exception, text: str) -> bool:
    if not isinstance(error, json.JSONDecodeError):
        return False
    # A string cannot hold a bare line end, so an open one will not be closed by the next line.
    return error.pos >= len(text.rstrip())


def _by_names(columns: Sequence[TableColumn], fold: Callable[[str], str]) -> Layout:
    def lay_out(value: Any) -> list[str | None]:
        if not isinstance(value, dict):
            raise BadValue(faults.BAD_LINE, "Invalid JSON format: an object is expected")
        found = {fold(key): member for key, member in value.items()}
        return [_field(found.get(fold(column.name)), column) for column in columns]

    return lay_out


def _by_paths(content: bytes, columns: Sequence[TableColumn]) -> Layout:
    try:
        expressions = json.loads(content)["jsonpaths"]
        paths = [_path(expression) for expression in expressions]
    except (ValueError, KeyError, TypeError):
        raise RedshiftError(
            "XX000", 'Invalid JSONPath format: expected {"jsonpaths": ["$.column", ..]}'
        ) from None
    if len(paths) != len(columns):
        raise engine_error(
            "Number of jsonpaths and the number of columns should match. JSONPath size: "
            f"{len(paths)}, Number of columns in table or column list: {len(columns)}",
            8001,
            "jsonpaths",
            "s3_utility.cpp",
        )
    return lambda value: [
        _field(_at(value, path), column) for path, column in zip(paths, columns, strict=True)
    ]


def _path(expression: str) -> list[str | int]:
    steps: list[str | int] = []
    if not expression.startswith("$"):
        raise ValueError(expression)
    end = 1
    while end < len(expression):
        found = _STEP.match(expression, end)
        if found is None:
            raise ValueError(expression)
        place = found["place"]
        steps.append(found["name"] or found["key"] if place is None else int(place))
        end = found.end()
    return steps


def _at(value: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _field(value: Any, column: TableColumn) -> str | None:
    if value is None:
        return None
    # A string is the text of its column, and a JSON string of a SUPER.
    if isinstance(value, str) and column.kind != "jsonb":
        return str(value)
    return _dumped(value)


def _dumped(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        members = (f"{_dumped(key)}:{_dumped(member)}" for key, member in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dumped, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
