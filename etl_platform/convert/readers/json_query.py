"""The SQL that takes JSON objects apart.

Numbers reach their column as they are written. DuckDB reads a fraction as a binary double, so in a
text in which that could show, numbers are made strings first.
"""

import re
from collections.abc import Sequence
from typing import Final

from etl_platform.contract.columns import Column
from etl_platform.contract.types import EXTRA_COLUMN
from etl_platform.convert.readers.json_shapes import UNKNOWN
from etl_platform.convert.readers.json_typed import JsonTyped
from etl_platform.convert.readers.records import IS_TYPED, STREAM, typed_name
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, joined, names

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
    "varbyte": rf"(?:{_FRACTION}|-0)",
    "decimal": _LONG,
    "real": _LONG,
}
"""The numbers whose spelling matters, by the type of their column. The others hold doubles, or
nothing that a number could be."""

_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_STRING_OR_NUMBER: Final = r'("(?:[^"\\]|\\.)*")|(-?[0-9][0-9.eE+-]*)'

_MARK: Final = r"\u0001"
_NEEDS_MARKS: Final = r"[:,\[][ \t\r\n]*(?:-?[0-9]+[.eE]|-0)|\\u0001"
_MARKED_NUMBER: Final = r'"\\u0001(-?[0-9][0-9.eE+-]*)"'


def json_query(columns: Sequence[Column], typed: JsonTyped | None, captures: bool) -> Sql:
    """The columns from the texts of STREAM; with EXTRA_COLUMN last if it `captures`.

    Texts with plain values are taken apart by `from_json`, in one pass; in them the structure has
    every column. The others are asked for the text of each column.
    """
    is_nested = any(_holds_json(column) for column in columns)
    texts = [_text(n, column, typed) for n, column in enumerate(columns, 1)]
    if captures:
        texts.append(
            compose("{unknown} AS {name}", unknown=_UNKNOWN, name=Identifier(EXTRA_COLUMN))
        )
    return compose(
        "SELECT _record, _raw, {problem} AS _problem, {unknown} AS _problem_value, {values}"
        " {column_problems} AS _column_problems, {texts}"
        " FROM (SELECT *,"
        " CASE WHEN json IS NOT NULL THEN json_extract_string(json, [{pointers}]) END AS cells,"
        " {marked} AS marked FROM ("
        "SELECT *, {given} AS given, CASE WHEN _problem IS NULL AND NOT {is_typed}"
        " AND json_valid(_raw) AND ltrim(_raw, {spaces}) LIKE '{{%' THEN {exact} END AS json"
        " FROM {stream}))",
        problem=compose(
            "CASE WHEN _problem IS NOT NULL THEN _problem"
            " WHEN json IS NULL AND NOT {is_typed} THEN {malformed} END",
            is_typed=Identifier(IS_TYPED),
            malformed=Literal(str(Reason.MALFORMED_RECORD)),
        ),
        unknown=_UNKNOWN,
        values=_values(typed) if typed else Sql(""),
        column_problems=_column_problems(columns),
        texts=joined(texts),
        pointers=joined(_pointer(column) for column in columns),
        marked=_marked() if is_nested else Sql("NULL"),
        given=_given(typed) if typed else Sql("NULL"),
        is_typed=Identifier(IS_TYPED),
        spaces=Literal(_SPACES),
        exact=_exact(columns),
        stream=Identifier(STREAM),
    )


def _text(number: int, column: Column, typed: JsonTyped | None) -> Sql:
    cell = compose("cells[{n}]", n=Literal(number))
    text = _json_at(column) if _holds_json(column) else cell
    if typed and column.name in typed.texts:
        # Of a text with plain values there are no cells.
        text = compose("coalesce({given}, {text})", given=_given_at(column.steps), text=text)
    return compose("{text} AS {name}", text=text, name=Identifier(column.name))


def _given(typed: JsonTyped) -> Sql:
    return compose(
        "CASE WHEN {is_typed} THEN from_json(_raw, {structure}) END",
        is_typed=Identifier(IS_TYPED),
        structure=Literal(typed.structure),
    )


def _values(typed: JsonTyped) -> Sql:
    each = (
        compose("{given} AS {name}", given=_given_at(steps), name=Identifier(typed_name(name)))
        for name, steps in typed.places.items()
    )
    return compose("{is_typed}, {each},", is_typed=Identifier(IS_TYPED), each=joined(each))


def _given_at(steps: Sequence[str]) -> Sql:
    return joined([Sql("given"), *(compose("[{step}]", step=Literal(s)) for s in steps)], "")


def _holds_json(column: Column) -> bool:
    return column.type.family == "super"


def _pointer(column: Column) -> Literal:
    """The place of a column as a JSON pointer, in which any name can be written."""
    return Literal(
        "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in column.steps)
    )


def _column_problems(columns: Sequence[Column]) -> Sql:
    """Which columns find an object or an array, and not a text that looks like one."""
    suspicious = (
        compose(
            "(cells[{n}] LIKE '[%' OR cells[{n}] LIKE '{{%') AND {nested}",
            n=Literal(number),
            nested=_is_nested(column),
        )
        for number, column in enumerate(columns, 1)
        if not _holds_json(column)
    )
    each = (
        compose(
            "CASE WHEN {nested} THEN {reason} END",
            nested=_is_nested(column),
            reason=Literal(str(Reason.NESTED_VALUE)),
        )
        if not _holds_json(column)
        else Sql("NULL")
        for column in columns
    )
    return compose(
        "CASE WHEN {any} THEN [{each}] ELSE NULL::VARCHAR[] END",
        any=joined([*suspicious, Sql("false")], " OR "),
        each=joined(each),
    )


def _is_nested(column: Column) -> Sql:
    return compose("json_type(json, {pointer}) IN ('ARRAY', 'OBJECT')", pointer=_pointer(column))


def _exact(columns: Sequence[Column]) -> Sql:
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


def _marked() -> Sql:
    """The text; if it has a number that DuckDB would write differently, with all of them as strings
    that begin with a mark.

    A mark of the text's own is doubled, so that no string looks like such a number.
    """
    return compose(
        "CASE WHEN json IS NULL THEN NULL WHEN regexp_matches(_raw, {needs_marks})"
        " THEN replace(regexp_replace(replace(_raw, {mark}, {doubled}),"
        " {pattern}, {marked}, 'g'), {no_number}, '') ELSE _raw END",
        needs_marks=Literal(_NEEDS_MARKS),
        mark=Literal(_MARK),
        doubled=Literal(_MARK * 2),
        pattern=Literal(_STRING_OR_NUMBER),
        marked=Literal(rf'\1"\{_MARK}\2"'),
        no_number=Literal(f'"{_MARK}"'),
    )


def _json_at(column: Column) -> Sql:
    """What stands at the place of a column, without white space."""
    return compose(
        "replace(regexp_replace(nullif(json_extract(marked, {pointer})::VARCHAR, 'null'),"
        " {pattern}, {number}, 'g'), {doubled}, {mark})",
        pointer=_pointer(column),
        pattern=Literal(_MARKED_NUMBER),
        number=Literal(r"\1"),
        doubled=Literal(_MARK * 2),
        mark=Literal(_MARK),
    )


def _name(step: str) -> str:
    """A pattern for what stands before a value: its name, or anything in front of a list's."""
    return rf'"{step}"[ \t\r\n]*:[ \t\r\n]*' if _PLAIN_NAME.fullmatch(step) else ""


_UNKNOWN: Final = names([UNKNOWN])
