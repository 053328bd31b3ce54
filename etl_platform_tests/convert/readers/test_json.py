"""JSON Lines, and that a number arrives as it was written."""

import json
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl_platform.contract.source import SourceContract
from etl_platform.convert.reasons import Reason
from etl_platform_tests.convert.samples import contract, converted

JSON = {"type": "json"}
FEED = contract({"a": "varchar(100)", "b": "varchar(100)"}, JSON, null_tokens=[])


def at(path: str, kind: str = "varchar(100)") -> SourceContract:
    return contract([{"name": "a", "type": kind, "path": path}], JSON)


def problems(body: bytes) -> list[tuple[int, str]]:
    return [(record, reason) for record, _, reason, _ in converted(FEED, body).reasons]


def test_absent_and_null_are_null_and_other_names_are_passed_over() -> None:
    rows = converted(FEED, b'{"a": null, "c": 1}\n{"b": "x"}\n').rows
    assert rows == [{"a": None, "b": None}, {"a": None, "b": "x"}]


@pytest.mark.parametrize(
    ("path", "line", "value"),
    [
        ("air.temp", '{"air": {"temp": "1"}}', "1"),
        ("air.temp", '{"air": 5}', None),
        ("list.1", '{"list": ["x", "y"]}', "y"),
        ("a/b~c", '{"a/b~c": "1"}', "1"),
        ("*", '{"x": 2, "*": 1}', "1"),
        ('q"uote', '{"q\\"uote": "1"}', "1"),
        ("ü", '{"\\u00fc": "1"}', "1"),
    ],
)
def test_a_path_leads_to_a_value(path: str, line: str, value: str | None) -> None:
    assert converted(at(path), line.encode()).rows == [{"a": value}]


@pytest.mark.parametrize(
    "line", [b'{"a": ', b"5", b'["a"]', b'"text"', b"null", b"{} {}", b'{"a": 01}', b"'a'"]
)
def test_a_line_that_is_no_object_is_kept_as_it_was(line: bytes) -> None:
    result = converted(FEED, b'{"a": "1"}\n' + line + b'\n{"a": "3"}')
    assert [row["a"] for row in result.rows] == ["1", "3"]
    assert [(r["record"], r["raw"]) for r in result.rejects] == [(2, line.decode())]
    assert result.reasons == [(2, "", Reason.MALFORMED_RECORD, None)]


def test_blank_lines_are_no_records() -> None:
    assert converted(FEED, b'\n  \n{"a": "1"}\r\n\t\r\n\n').rows == [{"a": "1", "b": None}]


def test_an_object_or_a_list_is_not_a_value_and_a_text_like_one_is() -> None:
    body = b'{"a": [1, 2]}\n{"a": {"b": 1}}\n{"a": "[1, 2]"}\n'
    assert [row["a"] for row in converted(FEED, body).rows] == ["[1, 2]"]
    assert problems(body) == [(1, Reason.NESTED_VALUE), (2, Reason.NESTED_VALUE)]


def test_undecodable_bytes_reject_their_record_only() -> None:
    assert problems(b'{"a": "\xff"}\n{"a": "1"}\n') == [(1, Reason.UNDECODABLE)]


def test_an_escaped_nul_is_found_in_its_column() -> None:
    assert converted(FEED, b'{"a": "x\\u0000"}').reasons == [(1, "a", Reason.NUL_CHARACTER, "x\0")]


def test_a_deep_document_does_not_end_the_process() -> None:
    deep = b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    assert problems(deep) == [(1, Reason.TOO_DEEP)]


def test_a_decimal_is_not_rounded_on_its_way() -> None:
    body = b'{"a": 12.340000000000000001}\n{"a": 12.34}\n{"a": 0.12345678901234567891}\n'
    narrow, wide = (
        converted(at("a", "decimal(6,2)"), body),
        converted(at("a", "decimal(38,20)"), body),
    )
    assert [row["a"] for row in narrow.rows] == [Decimal("12.34")]
    assert {row["a"] for row in wide.rows} == {
        Decimal("12.34"),
        Decimal("12.340000000000000001"),
        Decimal("0.12345678901234567891"),
    }


def test_a_large_integer_with_a_fraction_is_not_rounded_on_its_way() -> None:
    assert converted(at("a", "bigint"), b'{"a": 9007199254740993.0}').rows == [
        {"a": 9007199254740993}
    ]


number_texts = st.from_regex(
    r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
).filter(str.isascii)
strings = st.text(st.sampled_from('ab"\\:,{}[]1.5e-\né '), max_size=12)


@settings(max_examples=120, deadline=None)
@given(
    several=st.lists(st.tuples(number_texts, strings, strings), min_size=1, max_size=12),
    spaces=st.sampled_from(["", " ", "\t"]),
)
@example(several=[("-0", '"a":1.50,', "\\"), ("1.50", 'x"', '"')], spaces="")
def test_a_number_in_a_text_column_is_spelled_as_it_was(
    several: list[tuple[str, str, str]], spaces: str
) -> None:
    body = "\n".join(
        f'{{{json.dumps(name + "!")}:{spaces}[{number}],"b":{spaces}{json.dumps(text)},'
        f'"a":{spaces}{number}{spaces}}}'
        for number, name, text in several
    )
    found = sorted(converted(FEED, body.encode()).rows, key=repr)
    assert found == sorted(({"a": n, "b": text} for n, _, text in several), key=repr)


def exact_or_none(text: str) -> Decimal | None:
    value = Decimal(text)
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if (
        "e" in text.lower()
        or abs(value) >= 10**10
        or any(digits[max(len(digits) + 10 + exponent, 0) :])
    ):
        return None
    return value


@settings(max_examples=120, deadline=None)
@given(
    several=st.lists(
        st.one_of(number_texts, number_texts.map(lambda text: f"0.00000{text.strip('-')[0]}")),
        min_size=1,
        max_size=12,
    )
)
@example(several=["0.0000001", "0.0001", "-0.00012345", "1E2", "1e-2", "9999999999.9999999999"])
def test_a_number_in_a_decimal_column_is_exact_or_refused(several: list[str]) -> None:
    body = "\n".join(f'{{"a": {number}}}' for number in several)
    found = [row["a"] for row in converted(at("a", "decimal(20,10)"), body.encode()).rows]
    expected = [exact_or_none(text) for text in several]
    assert sorted(found) == sorted(value for value in expected if value is not None)
