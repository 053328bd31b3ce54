"""The shapes of a JSON file: where a record begins and ends, and what no record is."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl_platform.contract.errors import FileUnreadable
from etl_platform.convert.readers import json_elements
from etl_platform.convert.readers.json_elements import array_elements, documents, whole_document
from etl_platform.convert.readers.records import BrokenOff
from etl_platform.convert.reasons import Reason
from etl_platform_tests.convert.samples import Converted, contract, converted

READERS = {"array": array_elements, "documents": documents, "document": whole_document}


def texts(tmp_path: Path, shape: str, body: bytes) -> list[bytes]:
    file = tmp_path / "raw.json"
    file.write_bytes(body)
    return list(READERS[shape](file, "s3://raw/0"))


def read(shape: str, body: bytes) -> Converted:
    of = contract({"a": "varchar(100)"}, {"type": "json", "shape": shape}, null_tokens=[])
    return converted(of, body)


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ("array", b'[{"a": "1"}, {"a": "2"}]'),
        ("array", b'\xef\xbb\xbf \n[\n  {\n    "a": "1"\n  },\n  {"a": "2"}\n]\n'),
        ("documents", b'{"a": "1"}{"a": "2"}'),
        ("documents", b'\xef\xbb\xbf{\n  "a":\n  "1"\n}\r\n\r\n{\n  "a": "2"\n}\n'),
    ],
)
def test_a_file_of_each_shape_has_its_records(shape: str, body: bytes) -> None:
    result = read(shape, body)
    assert not result.rejects
    assert sorted(row["a"] for row in result.rows) == ["1", "2"]


def test_a_whole_file_may_be_one_document() -> None:
    assert read("document", b'\xef\xbb\xbf\n{\n "a"\n: "1"\n}\n\n').rows == [{"a": "1"}]


def test_numbers_in_a_record_of_several_lines_are_as_written() -> None:
    assert read("documents", b'{\n"a"\n:\n1.50\n}').rows == [{"a": "1.50"}]


def test_an_empty_array_and_a_file_without_documents_have_no_records() -> None:
    assert read("array", b" [ ] ").rows == []
    assert read("documents", b" \n").rows == []


BAD = [
    b'{"a": NaN}',
    b'{"a": "1",}',
    b'{"a": "1", "a": "2"}',
    b'{"a": ]}',
    b'{"a": [1}',
    b'{"a" "1"}',
    b'{"a": "\\q"}',
    b'{"a": "two\nlines"}',
    b"5",
    b"[1, 2]",
    b"nonsense",
]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("shape", ["array", "documents"])
def test_a_bad_record_is_kept_as_it_was_and_costs_no_neighbour(shape: str, bad: bytes) -> None:
    good = b'{"a": "1"}'
    between = b",\n" if shape == "array" else b"\n"
    body = between.join([good, bad, good, bad, good])
    result = read(shape, b"[" + body + b"]" if shape == "array" else body)
    assert [row["a"] for row in result.rows] == ["1", "1", "1"]
    assert [r["raw"] for r in result.rejects] == [bad.decode()] * 2
    assert [r["record"] for r in result.rejects] == [2, 4]


@pytest.mark.parametrize("body", [b'[{"a": "1"},]', b'[{"a": "1"} , ]', b'[,{"a": "1"}]'])
def test_a_comma_too_many_in_an_array_is_a_reject_and_not_passed_over(body: bytes) -> None:
    result = read("array", body)
    assert [row["a"] for row in result.rows] == ["1"]
    assert [(r["raw"], r["reasons"][0]["reason"]) for r in result.rejects] == [
        ("", Reason.MALFORMED_RECORD)
    ]


def test_a_missing_comma_in_an_array_costs_the_two_that_it_should_part() -> None:
    result = read("array", b'[{"a": "1"} {"a": "2"}, {"a": "3"}]')
    assert [row["a"] for row in result.rows] == ["3"]
    assert [r["raw"] for r in result.rejects] == ['{"a": "1"} {"a": "2"}']


def test_what_stands_between_documents_is_rejected() -> None:
    result = read("documents", b'{"a": "1"},\n{"a": "2"}}\nrest {"a": "3"}')
    assert len(result.rows) == 3
    assert [r["raw"] for r in result.rejects] == [",", "}", "rest"]


def test_undecodable_bytes_cost_their_element_only() -> None:
    result = read("array", b'[{"a": "\xff"}, {"a": "2"}]')
    assert [row["a"] for row in result.rows] == ["2"]
    assert result.reasons == [(1, "", Reason.UNDECODABLE, None)]


@pytest.mark.parametrize(
    ("shape", "body", "problem"),
    [
        ("array", b"", "does not begin with a [, at byte 0"),
        ("array", b'\xef\xbb\xbf  {"a": 1}', "does not begin with a [, at byte 5"),
        ("document", b" \n", "it is empty"),
    ],
)
def test_a_file_that_does_not_even_begin_is_unreadable(
    shape: str, body: bytes, problem: str
) -> None:
    with pytest.raises(FileUnreadable) as caught:
        read(shape, body)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "body", "raw"),
    [
        ("array", b'[{"a": 1}] x', "byte 11: something follows the array\nx"),
        ("array", b'[{"a": 1}][2]', "byte 10: something follows the array\n[2]"),
        ("array", b'[{"a": 1}, {"a": 2}', 'byte 11: the file ends within its array\n{"a": 2}'),
        ("array", b'[{"a": 1}, {"a": 2', 'byte 11: the file ends within a value\n{"a": 2'),
        ("array", b'[{"a": 1}, {"a": "2', 'byte 11: the file ends within a value\n{"a": "2'),
        ("array", b'[{"a": 1},', "byte 10: the file ends within its array\n"),
        ("array", b'[{"a": 1}, "x', 'byte 11: the file ends within its array\n"x'),
        ("documents", b'{"a": 1} {"a": ', 'byte 9: the file ends within a value\n{"a": '),
        ("documents", b'{"a": 1} "x', 'byte 9: the file ends within a text\n"x'),
        ("documents", b'\xef\xbb\xbf{"a": 1} {', "byte 12: the file ends within a value\n{"),
        ("documents", b'{"a": 1} {"\xc3', 'byte 9: the file ends within a value\n{"'),
        ("documents", b'{"a": 1} {"\xff"', 'byte 9: the file ends within a value\n{"\\xff"'),
    ],
)
def test_a_file_that_breaks_off_keeps_the_records_before_and_the_rest_is_one_reject(
    shape: str, body: bytes, raw: str
) -> None:
    result = read(shape, body)
    assert [row["a"] for row in result.rows] == ["1"]
    assert [(reject["record"], reject["raw"]) for reject in result.rejects] == [(2, raw)]
    assert result.reasons == [(2, "", Reason.BROKEN_OFF, None)]


def test_of_a_long_rest_the_reject_holds_the_first_part() -> None:
    (reject,) = read("array", b"[]" + "é".encode() * 100_000).rejects
    assert reject["raw"] == "byte 2: something follows the array\n" + "é" * 32_768


@settings(max_examples=200, deadline=None)
@given(
    several=st.lists(st.dictionaries(st.sampled_from("abc"), st.text('a"\\{}[]', max_size=4))),
    part=st.floats(0, 1),
    block_bytes=st.integers(1, 20),
)
@pytest.mark.parametrize("shape", ["array", "documents"])
def test_every_cut_gives_the_records_before_it_and_breaks_off(
    several: list[dict[str, str]],
    part: float,
    block_bytes: int,
    shape: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    parts = [json.dumps(one).encode() for one in several]
    body = b"[" + b",".join(parts) + b"]" if shape == "array" else b"".join(parts)
    cut = body[: round(part * len(body))]
    file = tmp_path_factory.mktemp("cut") / "raw.json"
    file.write_bytes(cut)
    found, rest = [], None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_elements, "_BLOCK_BYTES", block_bytes)
        try:
            for text in READERS[shape](file, "s3://raw/0"):
                found.append(text)
        except BrokenOff as broken:
            rest = broken.raw.partition("\n")[2].encode()
        except FileUnreadable:
            assert (shape, cut) == ("array", b"")
            return
    # In an array, only what follows an element says that nothing more of it is missing.
    assert found == parts[: len(found)]
    if rest is None:
        assert cut == (body if shape == "array" else b"".join(found))
    elif shape == "array":
        assert cut == b"[" + b"".join(text + b"," for text in found) + rest
    else:
        assert cut == b"".join(found) + rest


@pytest.mark.parametrize("shape", ["array", "documents"])
def test_a_record_that_does_not_end_is_not_read_into_memory(
    shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_elements, "MOST_RECORD_BYTES", 1000)
    monkeypatch.setattr(json_elements, "_BLOCK_BYTES", 100)
    with pytest.raises(FileUnreadable, match="does not end"):
        texts(tmp_path, shape, b"[" + b"{" * 100_000)


def test_brackets_without_an_end_take_no_more_than_linear_time(tmp_path: Path) -> None:
    body = b"[" + b"[" * 300_000 + b"}" * 300_000 + b"]" * 300_001
    assert texts(tmp_path, "array", body) == [body[1:-1]]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.sampled_from('ab"\\[]{},: é'), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
containers = st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values)


@settings(max_examples=150, deadline=None)
@given(
    several=st.lists(containers, max_size=6),
    indent=st.sampled_from([None, 0, 2]),
    block_bytes=st.integers(1, 20),
)
@example(several=[{"\\": '"'}], indent=None, block_bytes=1)
def test_elements_are_found_wherever_a_block_ends(
    several: list[Any], indent: int | None, block_bytes: int, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("blocks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_elements, "_BLOCK_BYTES", block_bytes)
        array = json.dumps(several, indent=indent, ensure_ascii=False).encode()
        assert [json.loads(text) for text in texts(folder, "array", array)] == several
        parts = [json.dumps(one, indent=indent).encode() for one in several]
        assert texts(folder, "documents", b" ".join(parts)) == parts
        assert texts(folder, "documents", b"".join(parts)) == parts
