"""Every step against plain Python, alone and all of them in their order."""

import re
import sys
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform.contract.columns import Column
from etl_platform.convert.cleansing import SPACES, cleansed
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import compose
from etl_platform_tests.convert.samples import contract, converted

CSV = {"type": "csv"}
Texts = list[str | None]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def column(**options: Any) -> Column:
    return Column.model_validate({"name": "t", "type": "varchar(100)", **options})


def cleaned(connection: duckdb.DuckDBPyConnection, of: Column, texts: Texts) -> Texts:
    declared = of.model_dump(mode="json", by_alias=True)
    expression = cleansed(contract([declared], CSV, null_tokens=[]), of)
    query = compose(
        "SELECT {expression} FROM (SELECT unnest(?) AS t, unnest(range(len(?))) AS n) ORDER BY n",
        expression=expression,
    )
    return [text for (text,) in connection.execute(query, [texts, texts]).fetchall()]


def oracle(of: Column, text: str | None) -> str | None:
    if text is not None and of.trim:
        text = text.strip()
    if text in (of.null_tokens or ()):
        text = None
    if text is not None and of.case:
        text = "".join(getattr(character, of.case)() for character in text)
    for each in of.replace:
        # Python writes the whole match as \g<0>, RE2 as \0.
        replacement = each.replacement.replace("\\0", "\\g<0>")
        # In Python `$` is also in front of a last line end.
        pattern = each.pattern.replace("$", r"\Z")
        text = text and re.sub(pattern, replacement, text, flags=re.ASCII)
    if text is None and of.default is not None:
        text = str(of.default)
    return text if text is None else of.mapping.get(text, text)


def is_simple(character: str) -> bool:
    """Whether both cases are one character in every library; for 'ß' they are not."""
    return len(character.lower()) == len(character.upper()) == 1


letters = st.characters(max_codepoint=0x52F, exclude_characters="\0").filter(is_simple)
texts = st.one_of(
    st.none(),
    st.text(letters, max_size=8),
    st.text(st.sampled_from("aAbB1 -\t\n\xa0\u2003."), max_size=8),
    st.sampled_from(["NA", " NA ", "na", "", "-", "a", "b"]),
)
words = st.text(st.sampled_from("aAbB1 -"), max_size=3)
replacements = st.lists(
    st.sampled_from(
        [
            {"pattern": "[0-9]+", "with": ""},
            {"pattern": "a", "with": "b"},
            {"pattern": "(a)(b)", "with": r"\2\1"},
            # Not \s: Python counts the vertical tab among it, and RE2 does not.
            {"pattern": "[ \t]+", "with": "_"},
            {"pattern": "^a|bb", "with": r"<\0>"},
            {"pattern": r"\.", "with": r"\\"},
        ]
    ),
    max_size=3,
)
columns = st.builds(
    column,
    trim=st.booleans(),
    null_tokens=st.lists(st.sampled_from(["NA", "", "-", "a"]), max_size=3),
    case=st.sampled_from([None, "lower", "upper"]),
    replace=replacements,
    default=st.one_of(st.none(), words),
    mapping=st.dictionaries(words, words, max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(of=columns, several=st.lists(texts, min_size=1, max_size=30))
def test_all_steps_in_their_order_give_what_python_gives(
    connection: duckdb.DuckDBPyConnection, of: Column, several: Texts
) -> None:
    assert cleaned(connection, of, several) == [oracle(of, text) for text in several]


def test_trim_takes_off_every_space_that_python_knows() -> None:
    assert set(SPACES) == {c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace()}


@pytest.mark.parametrize(
    ("options", "before", "after"),
    [
        ({"trim": True}, "\u2003\t a b \n\xa0", "a b"),
        ({"trim": True, "null_tokens": ["NA"]}, " NA ", None),
        ({"null_tokens": ["NA"]}, " NA ", " NA "),
        ({"null_tokens": ["NA"], "case": "upper"}, "na", "NA"),
        ({"case": "lower"}, "ÀÉ", "àé"),
        ({"case": "lower"}, "ΟΔΟΣ", "οδοσ"),
        ({"case": "upper"}, "straße", "STRAẞE"),
        ({"case": "lower", "replace": [{"pattern": "A", "with": "x"}]}, "A", "a"),
        ({"replace": [{"pattern": ",", "with": "."}]}, "1,5,7", "1.5.7"),
        ({"replace": [{"pattern": "(?i)eur", "with": "€"}]}, "5 EUR", "5 €"),
        ({"replace": [{"pattern": "'", "with": '"'}]}, "it's {x}", 'it"s {x}'),
        ({"replace": [{"pattern": ".+", "with": ""}], "default": "x"}, "a", ""),
        ({"default": "x"}, None, "x"),
        ({"default": "x"}, "", ""),
        ({"default": "x", "mapping": {"x": "y", "y": "z"}}, None, "y"),
        ({"mapping": {"it's": "''", "": "empty"}}, "it's", "''"),
        ({"mapping": {"it's": "''", "": "empty"}}, "", "empty"),
        ({"mapping": {"a": "b"}}, "A", "A"),
    ],
)
def test_a_text_becomes_exactly_this(
    connection: duckdb.DuckDBPyConnection, options: Any, before: str | None, after: str | None
) -> None:
    assert cleaned(connection, column(**options), [before]) == [after]


def test_a_default_satisfies_a_required_column() -> None:
    of = contract([{"name": "n", "type": "integer", "required": True, "default": 0}], CSV)
    assert [row["n"] for row in converted(of, b"n\n\n7\n").rows] in ([7], [0, 7])
    assert converted(of, b'n\n""\n').rows == [{"n": 0}]


def test_a_mapped_text_is_cast_like_any_other() -> None:
    of = contract([{"name": "n", "type": "integer", "mapping": {"one": "1", "two": "zwei"}}], CSV)
    result = converted(of, b"n\none\ntwo\n3\n")
    assert result.rows == [{"n": 1}, {"n": 3}]
    assert result.reasons == [(2, "n", Reason.NOT_AN_INTEGER, "zwei")]


def test_the_null_of_json_is_a_null_of_the_column() -> None:
    columns: list[dict[str, Any]] = [
        {"name": "n", "type": "integer"},
        {"name": "doc", "type": "super", "required": True, "default": "[]"},
        {"name": "raw", "type": "super"},
    ]
    of = contract(columns, {"type": "csv"})
    result = converted(of, b"n,doc,raw\n1, null ,null\n2,1,[null]\n")
    assert result.reasons == []
    assert result.rows == [
        {"n": 1, "doc": "[]", "raw": None},
        {"n": 2, "doc": "1", "raw": "[null]"},
    ]
