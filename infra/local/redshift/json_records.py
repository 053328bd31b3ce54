"""The records of JSON files, laid out on the columns of a table.

https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-json.html
The line of a record is the last one of its value, as STL_LOAD_ERRORS has it.
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
_BLANKS = re.compile(r"[ \t\r\n]+")


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
    unread = _Unread()
    for line in lines:
        if unread.add(line, lines.number):
            yield from _laid_out(unread.values(at_end=False), lay_out)
    yield from _laid_out(unread.values(at_end=True), lay_out)


class _Unread:
    """The lines whose values are still to be read."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._first_line = 1
        self._tried = 0

    def add(self, line: str, number: int) -> bool:
        """Take one line more; whether it is worth while to look for values now.

        A value of many lines is looked at again when twice as much is there: to look at every
        line would cost the square of its length.
        """
        if not self._parts:
            self._first_line = number
        self._parts.append(f"{line}\n")
        self._size += len(line) + 1
        return self._size >= 2 * self._tried

    def values(self, *, at_end: bool) -> Iterator[tuple[int, str, Any]]:
        """Last line, text and value of what is complete; a BadValue for what is none."""
        text = "".join(self._parts)
        place, number = 0, self._first_line
        while (start := _past_blanks(text, place)) < len(text):
            number += text.count("\n", place, start)
            place = start
            value, end = _decoded(text, place)
            if end is None and not at_end and len(text) - place <= LONGEST_RECORD:
                break
            if end is None:
                end = len(text)
            raw = text[place:end].rstrip("\n")
            yield number + raw.count("\n"), raw, value
            number += text.count("\n", place, end)
            place = end
        self._parts = [text[place:]] if place < len(text) else []
        self._size = self._tried = len(text) - place
        self._first_line = number


def _past_blanks(text: str, place: int) -> int:
    found = _BLANKS.match(text, place)
    return found.end() if found else place


def _decoded(text: str, place: int) -> tuple[Any, int | None]:
    """A value and where it ends; a BadValue without an end if the text stops inside of a value."""
    problem = BadValue(faults.BAD_LINE, "Invalid JSON format")
    try:
        return _DECODER.raw_decode(text, place)
    except RecursionError:
        return problem, len(text)
    except json.JSONDecodeError as error:
        # A string cannot hold a bare line end, so an open one will not be closed by a later line.
        if error.pos >= len(text.rstrip()):
            return problem, None
        return problem, text.index("\n", error.pos) + 1
    except ValueError:
        return problem, text.index("\n", place) + 1


def _laid_out(values: Iterator[tuple[int, str, Any]], lay_out: Layout) -> Iterator[Record]:
    for number, raw, value in values:
        try:
            if isinstance(value, BadValue):
                raise value
            yield Record(number, raw, lay_out(value))
        except BadValue as problem:
            yield Record(number, raw, [], problem)


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
