"""JSON: objects that are taken apart by DuckDB, after each was found to be JSON to the letter.

Numbers reach their column as they are written. DuckDB reads a fraction as a binary double, so a
text in which that could show has its numbers put into quotation marks first.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from etl_platform.contract.columns import Column
from etl_platform.contract.formats import JsonFormat
from etl_platform.contract.source import SourceContract
from etl_platform.convert.readers import lines
from etl_platform.convert.readers.json_elements import array_elements, documents, whole_document
from etl_platform.convert.readers.json_shapes import Shapes
from etl_platform.convert.readers.records import STREAM, Records
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, joined

_SPACES: Final = " \t\r\n"

_FRACTION: Final = r"-?[0-9]*[.eE]"
# Up to 15 digits survive the way through a double and back, so a decimal is safe below that,
# unless it is so small that the way back gives it an exponent.
_LONG: Final = r"-?(?:[0-9][0-9.]{15}|[0-9][0-9.]*[eE]|0\.000)"
_SHOWS: Final = {
    "smallint": _FRACTION,
    "integer": _FRACTION,
    "bigint": _FRACTION,
    "varchar": rf"(?:{_FRACTION}|-0)",
    "char": rf"(?:{_FRACTION}|-0)",
    "decimal": _LONG,
    "real": _LONG,
}
"""The numbers whose spelling matters, by the type of their column. The others hold doubles, or
nothing that a number could be."""

_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_STRING_OR_NUMBER: Final = r'("(?:[^"\\]|\\.)*")|(-?[0-9][0-9.eE+-]*)'


_TEXTS: Final[dict[str, Callable[[Path, str], Iterator[bytes]]]] = {
    "array": array_elements,
    "documents": documents,
    "document": whole_document,
}

_BATCH_TEXTS: Final = 16_384
_BATCH_BYTES: Final = 8 * 1024 * 1024


def open_records(file: Path, url: str, contract: SourceContract, form: JsonFormat) -> Records:
    """The records of a file in any shape; blank lines are none."""
    batches = map(Shapes().checked, _raw_batches(file, url, form))
    return Records(lines.SCHEMA, batches, _query(contract.read_columns), judges_columns=True)


def _raw_batches(file: Path, url: str, form: JsonFormat) -> Iterator[pa.RecordBatch]:
    if form.shape != "lines":
        return _batches(_TEXTS[form.shape](file, url))
    return map(_without_blank_lines, lines.read_lines(file, url, lines.start_of_text(file)))


def _without_blank_lines(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.filter(pc.invert(pc.ascii_is_space(batch["_raw"])))


def _batches(texts: Iterator[bytes]) -> Iterator[pa.RecordBatch]:
    first, size_bytes = 1, 0
    some: list[bytes] = []
    for text in texts:
        some.append(text)
        size_bytes += len(text)
        if len(some) == _BATCH_TEXTS or size_bytes > _BATCH_BYTES:
            yield _batch(first, some)
            first, size_bytes, some = first + len(some), 0, []
    if some:
        yield _batch(first, some)


def _batch(first: int, texts: list[bytes]) -> pa.RecordBatch:
    raw, problems = lines.decoded(pa.array(texts, pa.binary()))
    numbers = pa.array(range(first, first + len(texts)), pa.int64())
    return pa.RecordBatch.from_arrays([numbers, raw, problems], schema=lines.SCHEMA)


def _query(columns: tuple[Column, ...]) -> Sql:
    return compose(
        "SELECT _record, _raw, {problem} AS _problem,"
        " {column_problems} AS _column_problems, {columns}"
        " FROM (SELECT _record, _raw, _problem, json,"
        " CASE WHEN json IS NOT NULL THEN json_extract_string(json, [{pointers}]) END AS cells"
        " FROM ("
        "SELECT _record, _raw, _problem, CASE WHEN _problem IS NULL AND json_valid(_raw)"
        " AND ltrim(_raw, {spaces}) LIKE '{{%' THEN {exact} END AS json"
        " FROM {stream}))",
        problem=compose(
            "CASE WHEN _problem IS NOT NULL THEN _problem WHEN json IS NULL THEN {malformed} END",
            malformed=Literal(str(Reason.MALFORMED_RECORD)),
        ),
        column_problems=_column_problems(columns),
        columns=joined(
            compose("cells[{number}] AS {name}", number=Literal(n), name=Identifier(c.name))
            for n, c in enumerate(columns, 1)
        ),
        pointers=joined(_pointer(c) for c in columns),
        spaces=Literal(_SPACES),
        exact=_exact(columns),
        stream=Identifier(STREAM),
    )


def _pointer(column: Column) -> Literal:
    """The place of a column as a JSON pointer, in which any name can be written."""
    return Literal(
        "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in column.steps)
    )


def _column_problems(columns: tuple[Column, ...]) -> Sql:
    """Which columns find an object or an array, and not a text that looks like one."""
    suspicious = (
        compose(
            "(cells[{n}] LIKE '[%' OR cells[{n}] LIKE '{{%') AND {nested}",
            n=Literal(number),
            nested=_is_nested(column),
        )
        for number, column in enumerate(columns, 1)
    )
    each = (
        compose(
            "CASE WHEN {nested} THEN {reason} END",
            nested=_is_nested(column),
            reason=Literal(str(Reason.NESTED_VALUE)),
        )
        for column in columns
    )
    return compose(
        "CASE WHEN {any} THEN [{each}] END", any=joined(suspicious, " OR "), each=joined(each)
    )


def _is_nested(column: Column) -> Sql:
    return compose("json_type(json, {pointer}) IN ('ARRAY', 'OBJECT')", pointer=_pointer(column))


def _exact(columns: tuple[Column, ...]) -> Sql:
    """The text, with its numbers as strings if a double would change one of a column."""
    risks = [
        _name(column.steps[-1]) + _SHOWS[column.type.family]
        for column in columns
        if column.type.family in _SHOWS
    ]
    if not risks:
        return Sql("_raw")
    # A name can also be spelled with escapes of its letters; hardly anyone does, so it is enough
    # to take such a text for one at risk.
    risk = "|".join([*risks, r"\\u00[2-7]"])
    return compose(
        "CASE WHEN regexp_matches(_raw, {risk}) THEN {quoted} ELSE _raw END",
        risk=Literal(risk),
        quoted=compose(
            # A string comes out with two quotation marks too many, a number with its own two.
            """replace(regexp_replace(_raw, {pattern}, '\\1"\\2"', 'g'), '\"\"\"', '"')""",
            pattern=Literal(_STRING_OR_NUMBER),
        ),
    )


def _name(step: str) -> str:
    """A pattern for what stands before a value: its name, or anything in front of a list's."""
    return rf'"{step}"[ \t\r\n]*:[ \t\r\n]*' if _PLAIN_NAME.fullmatch(step) else ""
