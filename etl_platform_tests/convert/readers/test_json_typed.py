"""Plain records are made values by DuckDB at once, and of each comes what the casts make of it."""

import json
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from etl_platform.contract.source import SourceContract
from etl_platform.convert.readers import json as json_reader
from etl_platform.convert.readers.json_typed import JsonTyped, json_typed
from etl_platform_tests.convert.samples import Converted, contract, converted

JSON = {"type": "json"}
TYPES = {
    "i": "integer",
    "s": "smallint!",
    "b": "bigint",
    "d": "decimal(6,2)",
    "whole": "decimal(18,0)",
    "wide": "decimal(38,20)",
    "f": "double",
    "r": "real",
    "on": "date",
    "at": "timestamp",
    "t": "varchar(5)",
    "yes": "boolean",
}
FEED = contract(TYPES, JSON)
PLAIN: dict[str, Any] = {
    "i": 1,
    "s": -2,
    "b": 3,
    "d": 4.25,
    "whole": 5,
    "wide": None,
    "f": 6.5,
    "r": None,
    "on": "2012-02-29",
    "at": "2013-01-31T06:00:00Z",
    "t": "x",
    "yes": True,
}

digits = st.text("0123456789", min_size=1, max_size=19)
number = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    st.one_of(st.just("0"), digits),
    st.one_of(st.just(""), digits.map(".{}".format)),
    st.sampled_from(["", "", "", "e1", "E-2"]),
)
text = st.one_of(
    st.text(max_size=6).map(json.dumps),
    st.text('a\\n"/u0041 é', max_size=6).map('"{}"'.format),
    st.dates().map(lambda day: f'"{day}"'),
    number.map('"{}"'.format),
)
value = st.one_of(number, number, text, st.sampled_from(["null", "true", "[1]", '{"x":1}', ""]))


def typed(of: SourceContract) -> JsonTyped:
    found = json_typed(of)
    assert found is not None
    return found


def without_values(of: SourceContract, body: bytes) -> Converted:
    with patch.object(json_reader, "json_typed", lambda _: None):
        return converted(of, body)


def is_plain(of: SourceContract, record: dict[str, Any]) -> bool:
    return typed(of).pattern(record, json.dumps(record)) is not None


@settings(max_examples=80)
@given(name=st.sampled_from(sorted(TYPES)), others=st.lists(value, min_size=1, max_size=6))
def test_a_value_is_the_same_whether_its_record_is_plain_or_not(
    name: str, others: list[str]
) -> None:
    members = {n: json.dumps(v) for n, v in PLAIN.items()}
    lines = [
        "{" + ", ".join(f'"{n}": {v}' for n, v in (members | {name: other}).items()) + "}"
        for other in ["null", *others]
    ]
    body = "\n".join([json.dumps(PLAIN), *lines]).encode(errors="surrogatepass")
    fast, sure = converted(FEED, body), without_values(FEED, body)
    # In text, so that -0.0 is told from 0.0.
    assert list(map(repr, fast.rows)) == list(map(repr, sure.rows))
    assert fast.rejects == sure.rejects
    event(f"{name}: {len(fast.rows)} rows of {len(lines) + 1}")


def test_a_record_like_the_ones_before_it_is_plain() -> None:
    assert is_plain(FEED, PLAIN)
    assert is_plain(FEED, {"s": 1})
    assert is_plain(FEED, PLAIN | {"unknown": {"nested": 0.1}})


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("i", "1.5"),
        ("i", "12345678901"),
        ("i", '"1"'),
        ("s", "null"),
        ("d", "1.125"),
        ("wide", "0.1"),
        ("r", "0.1"),
        ("f", "-0"),
        ("f", "1e5"),
        ("t", "0.1"),
        ("t", '"\\u0041"'),
        ("on", '"2013-02-29"'),
        ("unknown", "[]"),
    ],
)
def test_a_record_that_spells_one_value_otherwise_is_not(name: str, spelling: str) -> None:
    members = {n: json.dumps(v) for n, v in PLAIN.items()} | {name: spelling}
    text = "{" + ",".join(f'"{n}":{v}' for n, v in members.items()) + "}"
    assert typed(FEED).pattern(json.loads(text), text) is None


def test_a_record_without_a_required_value_is_not() -> None:
    assert not is_plain(FEED, {name: value for name, value in PLAIN.items() if name != "s"})


def test_nested_values_are_found_at_their_paths() -> None:
    of = contract(
        [
            {"name": "a", "type": "integer", "path": "x.a"},
            {"name": "b", "type": "varchar(5)", "path": "x.y.b"},
            {"name": "c", "type": "date", "path": "A"},
        ],
        JSON,
    )
    record = {"x": {"a": 1, "y": {"b": "q", "B": "no"}}, "A": "2013-01-01", "a": 9}
    assert is_plain(of, record)
    body = "\n".join([json.dumps(record), json.dumps(record | {"x": 5})] * 2).encode()
    assert converted(of, body).rows == without_values(of, body).rows
    assert [row["a"] for row in converted(of, body).rows] == [1, None, 1, None]


@pytest.mark.parametrize(
    "columns",
    [
        [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer", "path": "a.b"}],
        [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer", "path": "A"}],
        [{"name": "a", "type": "integer"}, {"name": "b", "type": "super"}],
        [{"name": "a", "type": "integer", "path": 'q"q'}],
        [{"name": "a", "type": "integer", "default": 1}],
        [{"name": "a", "type": "integer", "null_tokens": ["0"]}],
        [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer", "path": "a"}],
    ],
)
def test_where_a_struct_would_say_something_else_nothing_is_read_as_values(
    columns: list[dict[str, Any]],
) -> None:
    assert json_typed(contract(columns, JSON)) is None
