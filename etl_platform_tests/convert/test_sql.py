"""Whatever a name or a value holds, it stays one name or one value."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform.convert.sql import Identifier, Literal, compose, joined, names

hostile = st.text(min_size=1, max_size=30).filter(lambda text: "\0" not in text)


@settings(max_examples=100, deadline=None)
@given(value=hostile, name=hostile)
def test_a_value_and_a_name_come_back_as_they_were(value: str, name: str) -> None:
    query = compose("SELECT {value} AS {name}", value=Literal(value), name=Identifier(name))
    with duckdb.connect() as connection:
        answered = connection.execute(query)
        assert [column[0] for column in answered.description or []] == [name]
        assert answered.fetchall() == [(value,)]


def test_braces_in_a_part_are_not_filled_again() -> None:
    assert compose("{a} {b}", a=Literal("{b}"), b=Literal(1)) == "'{b}' 1"


def test_a_part_that_was_not_quoted_is_refused() -> None:
    with pytest.raises(TypeError, match="quote it first"):
        compose("SELECT {value}", value="1; DROP TABLE x")  # type: ignore[arg-type]


def test_a_nul_cannot_end_a_literal_early() -> None:
    with pytest.raises(ValueError, match="NUL"):
        _ = Literal("a\0b").sql


def test_names_are_joined_one_by_one() -> None:
    assert names(["a", 'b"']) == '"a", "b"""'
    assert joined([Literal(1), Literal("x")], " OR ") == "1 OR 'x'"
