"""JSON Lines: one object a line, taken apart by DuckDB.

Numbers reach their column as they are written. DuckDB reads a fraction as a binary double, so a
line in which that could show has its numbers put into quotation marks first.
"""

import re
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from etl_platform.contract.columns import Column
from etl_platform.contract.source import SourceContract
from etl_platform.convert.readers import lines
from etl_platform.convert.readers.records import STREAM, Records
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, joined

_SPACES: Final = " \t\r"

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
}
"""The numbers whose spelling matters, by the type of their column. The others hold doubles, or
nothing that a number could be."""

_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_STRING_OR_NUMBER: Final = r'("(?:[^"\\]|\\.)*")|(-?[0-9][0-9.eE+-]*)'


def open_records(file: Path, url: str, contract: SourceContract) -> Records:
    """The records of a file; blank lines are none."""
    columns = contract.columns
    query = compose(
        "SELECT record, raw, {problem} AS problem, {columns} FROM ("
        "SELECT record, raw, problem, json,"
        " CASE WHEN json IS NOT NULL THEN json_extract_string(json, [{pointers}]) END AS cells"
        " FROM ("
        "SELECT record, raw, problem, CASE WHEN json_valid(raw) AND ltrim(raw, {spaces}) LIKE '{{%'"
        " THEN {exact} END AS json"
        " FROM {stream}))",
        problem=_problem(columns),
        columns=joined(
            compose("cells[{number}] AS {name}", number=Literal(n), name=Identifier(c.name))
            for n, c in enumerate(columns, 1)
        ),
        pointers=joined(_pointer(c) for c in columns),
        spaces=Literal(_SPACES),
        exact=_exact(columns),
        stream=Identifier(STREAM),
    )
    batches = lines.read_lines(file, url, lines.start_of_text(file))
    return Records(lines.SCHEMA, map(_without_blank_lines, batches), query)


def _without_blank_lines(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.filter(pc.invert(pc.ascii_is_space(batch["raw"])))


def _pointer(column: Column) -> Literal:
    """The place of a column as a JSON pointer, in which any name can be written."""
    return Literal(
        "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in column.steps)
    )


def _problem(columns: tuple[Column, ...]) -> Sql:
    nested = joined(
        (
            compose(
                "(cells[{n}] LIKE '[%' OR cells[{n}] LIKE '{{%')"
                " AND json_type(json, {pointer}) IN ('ARRAY', 'OBJECT')",
                n=Literal(number),
                pointer=_pointer(column),
            )
            for number, column in enumerate(columns, 1)
        ),
        " OR ",
    )
    return compose(
        "CASE WHEN problem IS NOT NULL THEN problem WHEN json IS NULL THEN {malformed}"
        " WHEN {nested} THEN {is_nested} END",
        malformed=Literal(str(Reason.MALFORMED_RECORD)),
        nested=nested,
        is_nested=Literal(str(Reason.NESTED_VALUE)),
    )


def _exact(columns: tuple[Column, ...]) -> Sql:
    """The line, with its numbers as strings if a double would change one of a column."""
    risks = [
        _name(column.steps[-1]) + _SHOWS[column.type.family]
        for column in columns
        if column.type.family in _SHOWS
    ]
    if not risks:
        return Sql("raw")
    # A name can also be spelled with escapes of its letters; hardly anyone does, so it is enough
    # to take such a line for one at risk.
    risk = "|".join([*risks, r"\\u00[2-7]"])
    return compose(
        "CASE WHEN regexp_matches(raw, {risk}) THEN {quoted} ELSE raw END",
        risk=Literal(risk),
        quoted=compose(
            # A string comes out with two quotation marks too many, a number with its own two.
            """replace(regexp_replace(raw, {pattern}, '\\1"\\2"', 'g'), '\"\"\"', '"')""",
            pattern=Literal(_STRING_OR_NUMBER),
        ),
    )


def _name(step: str) -> str:
    """A pattern for what stands before a value: its name, or anything in front of a list's."""
    return rf'"{step}"[ \t\r]*:[ \t\r]*' if _PLAIN_NAME.fullmatch(step) else ""
