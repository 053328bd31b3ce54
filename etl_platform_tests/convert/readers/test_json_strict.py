"""Nothing but JSON is a record: held against the json module, which shares no code with DuckDB."""

import json
from decimal import Decimal
from typing import Any, Never

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl_platform.convert.reasons import Reason
from etl_platform_tests.convert.samples import Converted, contract, converted

JSON = {"type": "json"}
FEED = contract({"a": "varchar(2000)"}, JSON, null_tokens=[])
GOOD = b'{"a": "1", "b": {"c": [1, 2]}}'


def between_good_lines(line: bytes) -> Converted:
    """A line among enough good ones for their pattern to be known when it comes."""
    return converted(FEED, b"\n".join([*[GOOD] * 200, line, *[GOOD] * 3]))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": "1", "a": "2"}', Reason.DUPLICATE_NAME),
        ('{"a": "1", "\\u0061": "2"}', Reason.DUPLICATE_NAME),
        ('{"a": "1", "b": {"c": [], "c": []}}', Reason.DUPLICATE_NAME),
        ('{"a": "1", "b": [{"c": 1}, {"c": 1, "c": 2}]}', Reason.DUPLICATE_NAME),
        ('{"a": NaN}', Reason.MALFORMED_RECORD),
        ('{"a": nan}', Reason.MALFORMED_RECORD),
        ('{"a": "1", "b": {"c": [1, NaN]}}', Reason.MALFORMED_RECORD),
        ('{"a": -Infinity}', Reason.MALFORMED_RECORD),
        ('{"a": inf}', Reason.MALFORMED_RECORD),
        ('{"a": yes}', Reason.MALFORMED_RECORD),
        ('{"a": True}', Reason.MALFORMED_RECORD),
        ('{"a": "1",}', Reason.MALFORMED_RECORD),
        ('{"a": "1", "b": {"c": [1, 2,]}}', Reason.MALFORMED_RECORD),
        ('{"a": "1"} // one', Reason.MALFORMED_RECORD),
        ('/* one */ {"a": "1"}', Reason.MALFORMED_RECORD),
        ('{"a": "1"} x', Reason.MALFORMED_RECORD),
        ('{"a": "1"}{"a": "2"}', Reason.MALFORMED_RECORD),
        ('{"a": "1"}\f', Reason.MALFORMED_RECORD),
        ("{a: 1}", Reason.MALFORMED_RECORD),
        ('{"a": 0x1F}', Reason.MALFORMED_RECORD),
        ('{"a": +1}', Reason.MALFORMED_RECORD),
        ('{"a": 1.}', Reason.MALFORMED_RECORD),
        ('{"a": 1.2.3, "b": {"c": [1]}}', Reason.MALFORMED_RECORD),
        ('{"a": 01, "b": {"c": [1]}}', Reason.MALFORMED_RECORD),
        ('{"a": "tab\there", "b": {"c": [1]}}', Reason.MALFORMED_RECORD),
        ('{"a": "\x01"}', Reason.MALFORMED_RECORD),
        ('{"a": "\\x41", "b": {"c": [1]}}', Reason.MALFORMED_RECORD),
        ('{"a": "\\u12"}', Reason.MALFORMED_RECORD),
        ('{"a": "\\ud800", "b": {"c": [1]}}', Reason.LONE_SURROGATE),
        ('{"a": "\\uDC00\\uD800"}', Reason.LONE_SURROGATE),
        ('{"\\ud83d": "1"}', Reason.LONE_SURROGATE),
        ('{"a": ' + "1" * 10_000 + ', "b": {"c": [1]}}', Reason.NUMBER_TOO_LONG),
        ('{"a": 1e' + "9" * 10_000 + "}", Reason.NUMBER_TOO_LONG),
        ('{"a": 0.' + "1" * 10_000 + "}", Reason.NUMBER_TOO_LONG),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", Reason.TOO_DEEP),
        ('{"a": ' + "[" * 1_000_000 + "}", Reason.TOO_DEEP),
        ('{"a":' * 100_000, Reason.TOO_DEEP),
        ("[1, 2]", Reason.MALFORMED_RECORD),
    ],
    ids=lambda value: value[:40],
)
def test_what_is_no_json_is_kept_out_with_its_text_and_costs_no_neighbour(
    line: str, reason: Reason
) -> None:
    result = between_good_lines(line.encode())
    assert len(result.rows) == 203
    assert [(r["record"], r["raw"]) for r in result.rejects] == [(201, line)]
    assert result.reasons == [(201, "", reason, None)]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('{"a": "\\ud83d\\ude00"}', "😀"),
        ('{"a": "\\\\ud800"}', "\\ud800"),
        ('{"a": "NaN, ]}"}', "NaN, ]}"),
        ('{"a": "[{"}', "[{"),
        ('{"a": "' + "[" * 500 + '"}', "[" * 500),
        ('{"a": "' + "1" * 600 + '"}', "1" * 600),
        ('{"a": ' + "1" * 500 + "}", "1" * 500),
        ('{"a": "1", "b": ' + "[" * 99 + "]" * 99 + "}", "1"),
        ('{"a": "1", "b": [{"c": 1}, {"c": 1}]}', "1"),
        ('{"a": "1", "A": "2"}', "1"),
        ('\t{"a"\t:\r"1"}', "1"),
        ('{"a": "\x7f"}', "\x7f"),
        ('{"a": -0}', "-0"),
        ('{"a": 1E400}', "1E400"),
        ('{"a": 1e3}', "1e3"),
        ('{"a": 12345678901234567890}', "12345678901234567890"),
    ],
    ids=lambda value: value[:40],
)
def test_what_only_looks_like_a_fault_is_a_record(line: str, value: str) -> None:
    result = between_good_lines(line.encode())
    assert not result.rejects
    assert [row["a"] for row in result.rows if row["a"] != "1"] == [value] * (value != "1")


@pytest.mark.parametrize(
    ("kind", "number", "value"),
    [
        ("bigint", "-0", 0),
        ("bigint", "9223372036854775807", 2**63 - 1),
        ("bigint", "1e3", Reason.NOT_AN_INTEGER),
        ("bigint", "12345678901234567890", Reason.OUT_OF_RANGE),
        ("decimal(38,0)", "12345678901234567890", Decimal("12345678901234567890")),
        ("decimal(2,1)", "0.1", Decimal("0.1")),
        ("decimal(38,0)", "1E400", Reason.NOT_A_DECIMAL),
        ("double", "1E400", Reason.OUT_OF_RANGE),
        ("double", "1e3", 1000.0),
        # As a double it would lie in the middle of two reals, and be rounded to the even one.
        ("real", "1.000000178813934332", 1.0000002384185791),
    ],
)
def test_a_number_is_exact_or_refused(kind: str, number: str, value: Any) -> None:
    result = converted(contract({"a": kind}, JSON), f'{{"a": {number}}}'.encode())
    found = [row["a"] for row in result.rows] or [reason for _, _, reason, _ in result.reasons]
    assert found == [value]


def test_an_object_where_a_value_is_expected_is_a_fault_of_its_column_beside_others() -> None:
    of = contract({"a": "integer", "b": "varchar(5)!", "c": "integer"}, JSON)
    result = converted(of, b'{"a": {"x": 1.50}, "b": [1], "c": "x"}')
    assert result.reasons == [
        (1, "a", Reason.NESTED_VALUE, None),
        (1, "b", Reason.NESTED_VALUE, None),
        (1, "c", Reason.NOT_AN_INTEGER, "x"),
    ]


# The oracle: the json module with everything it is lax about made strict.


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def no_constant(name: str) -> Never:
    raise AssertionError(name)


def oracle(text: str) -> tuple[bool, str | None]:
    """Whether a text is a record, and its `a` as text."""
    try:
        value = json.loads(
            text,
            object_pairs_hook=no_duplicates,
            parse_int=str,
            parse_float=str,
            parse_constant=no_constant,
        )
        json.dumps(value, ensure_ascii=False).encode()
        assert isinstance(value, dict)
    except (AssertionError, ValueError):
        return False, None
    found = value.get("a")
    if isinstance(found, bool):
        found = str(found).lower()
    return not isinstance(found, dict | list), found


tokens = st.sampled_from(
    [
        *('"a"', '"b"', '"\\u0061"', '"\\ud83d\\ude00"', '"\\udc00"', '"é\\n"', '""', '"NaN"'),
        *("{", "}", "[", "]", ",", ":", " ", "\t", "\r", "\\", '"', "\x01", "\f", "\ufeff", "/"),
        *("0", "-0", "1.50", "1e3", "-", "01", ".5", "1E400", "12345678901234567890.125", "+"),
        *("null", "true", "false", "NaN", "nan", "Infinity", "-inf", "nul", "True"),
        *('{"a":', '"a":', '{"a":1,', "//", "/**/", "'a'"),
    ]
)
names = st.sampled_from(["a", "b", "c", "\\u0061", "é", "a b", "x.y", ""])
scalars = st.one_of(
    st.sampled_from(["null", "true", "0", "-0", "1.50", "1e3", "NaN", "-Infinity", "1E400", "nan"]),
    st.text(max_size=5).map(lambda text: json.dumps(text)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5).map(
        lambda text: json.dumps(text, ensure_ascii=False)
    ),
)


def members(value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    member = st.tuples(names, value).map(lambda pair: f'"{pair[0]}": {pair[1]}')
    return st.lists(member, max_size=4).map(lambda several: "{" + ", ".join(several) + "}")


documents = members(
    st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda several: "[" + ", ".join(several) + "]"),
            members(inner),
        ),
        max_leaves=6,
    )
)
mutated = st.tuples(documents, st.integers(0, 200), tokens, st.integers(0, 2)).map(
    lambda drawn: drawn[0][: drawn[1]] + drawn[2] + drawn[0][drawn[1] + drawn[3] :]
)
soup = st.lists(tokens, max_size=8).map("".join)
lines = st.one_of(documents, mutated, soup).filter(
    lambda text: text.strip(" \t\r\n\f\v\x1c\x1d\x1e\x1f\x85") != "" and "\n" not in text
)


@settings(max_examples=100, deadline=None)
@given(several=st.lists(lines, min_size=1, max_size=30))
@example(several=['{"a": 1}', '{"a": 01}', '{"a": 1.2.3}', '{"a": +1}', '{"a": "\x1f"}'])
@example(several=['{"a": "x"}', '{"a": "\\q"}', '{"a": "\\udead"}', '{"a": "\\u00zz"}'])
@example(several=['{"a": 1}', '{"a":\ufeff1}', '\ufeff{"a": 1}', '{"a": 1}\x00', '{"a": "\x00"}'])
def test_the_same_lines_are_records_with_the_same_values_as_for_the_json_module(
    several: list[str],
) -> None:
    result = converted(FEED, b"{}\n" + "\n".join(several).encode())
    judged = [oracle(line) for line in several]
    expected = [value for is_record, value in judged if is_record]
    refused = [n for n, (is_record, _) in enumerate(judged, 2) if not is_record]
    nul = [n for n, (ok, value) in enumerate(judged, 2) if ok and value and "\0" in value]
    rejected = [reject["record"] for reject in result.rejects]
    assert rejected == sorted([*refused, *nul])
    found = [row["a"] for row in result.rows]
    kept = [value for value in expected if not (value and "\0" in value)]
    assert sorted(found, key=repr) == sorted([None, *kept], key=repr)
