"""Objects and arrays of JSON as values, and fields that the contract does not know."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl_platform.contract.errors import FileUnreadable
from etl_platform.convert.readers import open_records
from etl_platform.convert.readers.json_strict import Number, read_object, written
from etl_platform.convert.reasons import Reason
from etl_platform_tests.convert.samples import Converted, contract, converted

JSON = {"type": "json"}


def read(line: str, path: str = "a", kind: str = "super") -> Converted:
    return converted(contract([{"name": "v", "type": kind, "path": path}], JSON), line.encode())


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('{"a": {"b": [1.50, 1e3, -0, 0.1, 1E400]}}', None),
        ('{"a": {"b": [1.50, 1e3, -0, 0.1, 1E-40]}}', '{"b":[1.50,1e3,-0,0.1,1E-40]}'),
        ('{"a": 12345678901234567890.50}', "12345678901234567890.50"),
        ('{"a": [ ] }', "[]"),
        ('{"a": {"z": 1, "a" : 2, "b": null}}', '{"z":1,"a":2,"b":null}'),
        ('{"a": "1.50 \\"x\\" \\u00fc \\/"}', '"1.50 \\"x\\" ü /"'),
        ('{"a": ["\\u00011.5", "\\u0001\\u0001", "\\\\u00011", 1.5]}', None),
        ('{"a": "null"}', '"null"'),
        ('{"a": true}', "true"),
    ],
)
def test_what_stands_at_the_path_is_kept_with_its_numbers_as_they_are_written(
    line: str, value: str | None
) -> None:
    result = read(line)
    if "E400" in line:
        assert result.reasons[0][2] == Reason.OUT_OF_RANGE
        return
    text = result.rows[0]["v"]
    assert value is None or text == value
    assert json.loads(text, parse_float=str) == json.loads(line, parse_float=str)["a"]


def test_absent_and_null_are_null() -> None:
    assert [row["v"] for row in read('{}\n{"a": null}\n{"a": {"x": null}}').rows] == [
        None,
        None,
        '{"x":null}',
    ]


def test_a_path_leads_to_objects_within_others() -> None:
    assert read('{"a": {"b": [{"c": 1.0}]}}', "a.b.0").rows == [{"v": '{"c":1.0}'}]


def test_columns_of_both_kinds_are_read_from_one_record() -> None:
    columns = [
        {"name": "n", "type": "varchar(9)", "path": "a.n"},
        {"name": "v", "type": "super", "path": "a"},
        {"name": "w", "type": "decimal(4,2)", "path": "a.n"},
    ]
    (row,) = converted(contract(columns, JSON), b'{"a": {"n": 1.50}}').rows
    assert (row["n"], row["v"], str(row["w"])) == ("1.50", '{"n":1.50}', "1.50")


numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9])?", fullmatch=True)
texts = st.text(st.sampled_from('ab"\\u0001/\x01\x1f é😀[{,: 1.5-\u2028'), max_size=8)
spelled = st.recursive(
    st.one_of(
        numbers.filter(str.isascii),
        texts.map(json.dumps),
        texts.map(lambda text: json.dumps(text, ensure_ascii=False)),
        st.sampled_from(["true", "false", "null", '"\\u00011.5"', '"\\\\u00011"', '"\\/"']),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda several: "[" + " ,".join(several) + "]"),
        st.dictionaries(texts, inner, max_size=4).map(
            lambda members: (
                "{" + ", ".join(f"{json.dumps(k)} : {v}" for k, v in members.items()) + "}"
            )
        ),
    ),
    max_leaves=10,
)


def exactly(text: str) -> Any:
    """Order, numbers as text, and nothing in common with the product but the standard library."""
    return json.loads(
        text,
        object_pairs_hook=list,
        parse_int=lambda n: ("number", n),
        parse_float=lambda n: ("number", n),
    )


@settings(max_examples=20, deadline=None)
@given(values=st.lists(spelled, min_size=8, max_size=20))
@example(values=['["\\u0001", "\\u0001\\u0001", "\\u00011", 1.5, "\\\\\\u00011"]'])
def test_any_value_is_kept_exactly(values: list[str]) -> None:
    body = "\n".join(f'{{"a": {value}, "n": {n}}}' for n, value in enumerate(values))
    of = contract({"n": "integer", "a": "super"}, JSON, null_tokens=[])
    result = converted(of, body.encode())
    assert not result.rejects
    for n, value in enumerate(values):
        text = next(row["a"] for row in result.rows if row["n"] == n)
        assert exactly(text or "null") == exactly(value)


# Fields that no column leads to or through


KNOWN = [
    {"name": "id", "type": "integer"},
    {"name": "temp", "type": "decimal(4,2)", "path": "air.temp"},
    {"name": "tag", "type": "varchar(9)", "path": "tags.0"},
    {"name": "rest", "type": "super"},
]


def with_policy(policy: str, body: str) -> Converted:
    return converted(contract(KNOWN, JSON, unknown=policy), body.encode())


CLEAN = '{"id": 1, "air": {"temp": 1.5}, "tags": ["x", "y", {"z": 1}], "rest": {"x": 1}}'
STRANGE = (
    '{"id": 2, "air": {"temp": 2.5, "wet": 1.50, "a": {"b": 1}}, "new": [1e2, null], "é": "ü"}'
)


def test_unknown_fields_are_passed_over_and_named() -> None:
    result = with_policy("ignore", f"{CLEAN}\n{STRANGE}")
    assert sorted(row["id"] for row in result.rows) == [1, 2]
    assert result.unknown_fields == ("air.a", "air.wet", "new", "é")
    assert with_policy("ignore", CLEAN).unknown_fields == ()


def test_unknown_fields_block_and_the_error_names_them_and_the_record() -> None:
    assert with_policy("block", CLEAN).rows
    with pytest.raises(FileUnreadable) as caught:
        with_policy("block", f'{CLEAN}\n{{"ID": 3, "new": 1}}')
    assert "record 2 has what the contract has not: 'ID' (resembles 'id'), 'new'" in str(
        caught.value
    )


def test_the_record_in_the_error_is_that_of_the_file_of_which_a_part_is_read(
    tmp_path: Path,
) -> None:
    file = tmp_path / "part.json"
    file.write_text('{"new": 1}')
    records = open_records(file, "s3://raw/0", contract(KNOWN, JSON, unknown="block"), 7)
    with pytest.raises(FileUnreadable, match="record 8 has"):
        records.reader().read_all()


def test_unknown_fields_reject_their_records_and_no_other() -> None:
    result = with_policy("reject", "\n".join([CLEAN, STRANGE, CLEAN, STRANGE]))
    assert [row["id"] for row in result.rows] == [1, 1]
    assert result.reasons == [
        (number, "", Reason.UNKNOWN_FIELD, "air.wet, air.a, new, é") for number in (2, 4)
    ]


def test_unknown_fields_are_captured_under_the_names_that_lead_to_them() -> None:
    result = with_policy("capture", "\n".join([CLEAN, STRANGE, CLEAN, STRANGE]))
    captured = '{"air":{"wet":1.50,"a":{"b":1}},"new":[1e2,null],"é":"ü"}'
    assert sorted((row["id"], row["_extra"]) for row in result.rows) == [
        *[(1, None)] * 2,
        *[(2, captured)] * 2,
    ]


def test_names_are_few_and_short_however_many_there_are() -> None:
    body = "\n".join(json.dumps({f"{n:03}" + "x" * 200: 1}) for n in reversed(range(300)))
    result = with_policy("ignore", body)
    assert result.unknown_fields == tuple(f"{n:03}" + "x" * 97 for n in range(20))


nested = st.recursive(
    st.integers(),
    lambda inner: (
        st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), inner, max_size=3)
        | st.lists(inner, max_size=2)
    ),
    max_leaves=8,
)
paths = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3).map(".".join)


def left_over(value: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """The oracle: all but what stands at the path; a list or a scalar on its way is known too."""
    first, *rest = path
    known = value.get(first)
    others = {name: one for name, one in value.items() if name != first}
    if not rest or not isinstance(known, dict):
        return others
    within = left_over(known, rest)
    return others | ({first: within} if within else {})


@settings(max_examples=20, deadline=None)
@given(records=st.lists(st.dictionaries(st.sampled_from("abcd"), nested), max_size=20), path=paths)
def test_what_is_captured_and_what_is_known_make_the_record(
    records: list[dict[str, Any]], path: str
) -> None:
    columns = [
        {"name": "n", "type": "integer"},
        {"name": "v", "type": "super", "path": path},
    ]
    of = contract(columns, JSON, unknown="capture")
    body = "\n".join(json.dumps(record | {"n": n}) for n, record in enumerate(records))
    result = converted(of, body.encode())
    assert not result.rejects
    for n, record in enumerate(records):
        row = next(row for row in result.rows if row["n"] == n)
        assert json.loads(row["_extra"] or "{}") == left_over(record, path.split("."))


@settings(max_examples=30)
@given(value=st.dictionaries(texts, nested))
def test_what_is_read_strictly_is_written_as_it_was(value: dict[str, Any]) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert written(read_object(text)) == text
    assert written([Number("1.50"), "1.50", True, None]) == '[1.50,"1.50",true,null]'
