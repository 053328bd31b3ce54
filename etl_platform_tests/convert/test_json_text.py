"""A text of a super column is JSON to the letter, against the json module told to be strict."""

import json
import math
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Never

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl_platform.contract.types import LONGEST_TEXT_BYTES, ColumnType
from etl_platform.convert.casts import cast
from etl_platform.convert.reasons import Reason
from etl_platform.convert.session import connect
from etl_platform.convert.sql import Sql, compose

LONGEST = "x" * (LONGEST_TEXT_BYTES - 2)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory() as name, connect(Path(name), 0.1, 2) as opened:
        yield opened


def outcomes(connection: duckdb.DuckDBPyConnection, texts: list[str]) -> list[str | Reason]:
    typed = cast(ColumnType("super"), Sql("t"))
    query = compose(
        "SELECT {reason}, {value} FROM (SELECT unnest(?) AS t, unnest(range(len(?))) AS n)"
        " ORDER BY n",
        reason=typed.reason,
        value=typed.value,
    )
    answered = connection.execute(query, [texts, texts]).fetchall()
    return [value if reason is None else Reason(reason) for reason, value in answered]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", "1"),
        ("-0", "-0"),
        ("1.50", "1.50"),
        ("12345678901234567890", "12345678901234567890"),
        ("0.1e-5", "0.1e-5"),
        ("true", "true"),
        ('"a b"', '"a b"'),
        ('"\\u00e9 \\\\u0000"', '"\\u00e9 \\\\u0000"'),
        (' { "a b" : [ 1 ,\n2 ] } ', '{"a b":[1,2]}'),
        ('{"a":"x \\" y","b":" "}', '{"a":"x \\" y","b":" "}'),
        (f'"{LONGEST}"', f'"{LONGEST}"'),
        (f' "{LONGEST}" ', f'"{LONGEST}"'),
        (f'"{LONGEST}x"', Reason.TOO_LONG),
        ("[" * 100 + "]" * 100, "[" * 100 + "]" * 100),
        ("[" * 101 + "]" * 101, Reason.TOO_DEEP),
        ("1" * 501, Reason.NUMBER_TOO_LONG),
        ("1e400", Reason.OUT_OF_RANGE),
        ('[{"a":-1E+400}]', Reason.OUT_OF_RANGE),
        ("9" * 400, Reason.OUT_OF_RANGE),
        ("1e-400", "1e-400"),
        ('{"a":1,"a":2}', Reason.DUPLICATE_NAME),
        ('{"a":{"b":1,"\\u0062":2}}', Reason.DUPLICATE_NAME),
        ('["\\u0000"]', Reason.NUL_CHARACTER),
        ('{"\\u0000":1}', Reason.NUL_CHARACTER),
        ('"\\ud800"', Reason.LONE_SURROGATE),
        ('"\\ud83d\\ude00"', '"\\ud83d\\ude00"'),
        ("", Reason.NOT_JSON),
        ("NaN", Reason.NOT_JSON),
        ("[Infinity]", Reason.NOT_JSON),
        ("[1,]", Reason.NOT_JSON),
        ("{'a':1}", Reason.NOT_JSON),
        ("{a:1}", Reason.NOT_JSON),
        ("01", Reason.NOT_JSON),
        (".5", Reason.NOT_JSON),
        ("+1", Reason.NOT_JSON),
        ("1 2", Reason.NOT_JSON),
        ('"a\nb"', Reason.NOT_JSON),
        ('"a\0b"', Reason.NOT_JSON),
        ("\ufeff1", Reason.NOT_JSON),
        ("\u00a01", Reason.NOT_JSON),
        ("/* */ 1", Reason.NOT_JSON),
        ("True", Reason.NOT_JSON),
    ],
)
def test_a_text_has_exactly_this_outcome(
    connection: duckdb.DuckDBPyConnection, text: str, expected: str | Reason
) -> None:
    assert outcomes(connection, [text]) == [expected]


class Strict(ValueError):
    """What the json module lets pass and JSON does not, or no warehouse can hold."""


def _refuse(_: str) -> Never:
    raise Strict


def _unique(pairs: list[tuple[str, Any]]) -> Any:
    if len({name for name, _ in pairs}) < len(pairs):
        raise Strict
    return [*pairs]


def _number(text: str) -> str:
    if math.isinf(float(text)):
        raise Strict
    return f"number {text}"


def read(text: str) -> Any:
    """The value with its numbers as they are written and its objects as pairs."""
    value = json.loads(
        text,
        object_pairs_hook=_unique,
        parse_constant=_refuse,
        parse_int=_number,
        parse_float=_number,
    )
    written = json.dumps(value, ensure_ascii=False)
    written.encode()
    if "\\u0000" in written.replace("\\\\", ""):
        raise Strict
    return value


_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=6)
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
_spelled = st.builds(
    lambda value, indent, ascii_only: json.dumps(value, indent=indent, ensure_ascii=ascii_only),
    _values,
    st.sampled_from([None, 0, 2]),
    st.booleans(),
)
_damaged = st.builds(
    lambda text, at, by, length: (
        text[: at % (len(text) + 1)] + by + text[at % (len(text) + 1) + length :]
    ),
    _spelled,
    st.integers(0, 200),
    st.sampled_from(["", ",", '"', "\\", "\\u0000", "}", "]", "NaN", " ", "0", "\n", "1e999"]),
    st.integers(0, 2),
)


@settings(max_examples=100, deadline=None)
@given(several=st.lists(st.one_of(_spelled, _damaged), min_size=1, max_size=20))
@example(several=['{"a":"\\\\","b":" "}', '["\\"", " "]', '"\\\\u0000"'])
def test_a_text_says_the_same_without_spaces_or_is_refused(
    connection: duckdb.DuckDBPyConnection, several: list[str]
) -> None:
    for text, outcome in zip(several, outcomes(connection, several), strict=True):
        try:
            expected = read(text)
        except ValueError:
            assert isinstance(outcome, Reason)
            continue
        assert not isinstance(outcome, Reason)
        assert read(outcome) == expected
        assert not re.search(r"[ \t\n\r]", re.sub(r'"(?:[^"\\]|\\.)*"', "", outcome))
