"""Encodings, headers, skipped lines and comments of CSV."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.source import SourceContract
from etl_platform.convert.readers import encodings
from etl_platform.convert.readers.encodings import open_text
from etl_platform.convert.reasons import Reason
from etl_platform_tests.convert.samples import contract, converted


def feed(unknown: str = "ignore", **options: Any) -> SourceContract:
    columns = {"a": "varchar(99)", "b": "varchar(99)"}
    return contract(columns, {"type": "csv", **options}, unknown=unknown)


def refused(of: SourceContract, body: bytes) -> str:
    with pytest.raises(FileUnreadable) as caught:
        converted(of, body)
    return str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [("utf-8", "utf-8-sig"), ("utf-16", "utf-16"), ("latin-1", "latin-1"), ("cp1252", "cp1252")],
)
def test_a_file_is_read_in_the_encoding_of_its_contract(encoding: str, codec: str) -> None:
    body = 'a,b\r\nZoë,"é, ü"\r\n'.encode(codec)
    assert converted(feed(encoding=encoding), body).rows == [{"a": "Zoë", "b": "é, ü"}]


@pytest.mark.parametrize(("mark", "codec"), [("fffe", "utf-16-le"), ("feff", "utf-16-be")])
def test_the_mark_of_utf_16_says_its_byte_order(mark: str, codec: str) -> None:
    body = bytes.fromhex(mark) + "a,b\nđ,😀\n".encode(codec)
    assert converted(feed(encoding="utf-16"), body).rows == [{"a": "đ", "b": "😀"}]


def test_utf_16_without_a_byte_order_mark_is_not_guessed() -> None:
    said = refused(feed(encoding="utf-16"), "a,b\n".encode("utf-16-le"))
    assert "byte 0 begins no byte order mark" in said


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_the_mark_of_utf_8_contradicts_another_encoding(encoding: str) -> None:
    said = refused(feed(encoding=encoding), "a,b\n1,2\n".encode("utf-8-sig"))
    assert "byte order mark of UTF-8" in said


def test_a_byte_that_the_code_page_leaves_open_rejects_its_record_only() -> None:
    result = converted(feed(encoding="cp1252"), b"a,b\n\x80,1\nx\x81\x8dy,2\n\x9f,3\n")
    assert [row["a"] for row in result.rows] == ["€", "Ÿ"]
    assert [(reject["record"], reject["raw"]) for reject in result.rejects] == [
        (2, "x\\x81\\x8dy,2")
    ]
    assert result.reasons == [(2, "", Reason.UNDECODABLE, None)]


def test_half_a_surrogate_pair_rejects_its_record_only() -> None:
    body = "a,b\n1,2\n".encode("utf-16") + b"\x00\xd8" + "x,3\n5,6\n".encode("utf-16-le")
    result = converted(feed(encoding="utf-16"), body)
    assert [row["a"] for row in result.rows] == ["1", "5"]
    assert [(said[0], said[2]) for said in result.reasons] == [(2, Reason.UNDECODABLE)]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_file_that_ends_within_a_character_of_utf_16_rejects_its_last_record(cut: int) -> None:
    body = "a,b\n1,2\n3,4😀".encode("utf-16")
    result = converted(feed(encoding="utf-16"), body[:-cut])
    assert [row["a"] for row in result.rows] == ["1"]
    assert [(said[0], said[2]) for said in result.reasons] == [(2, Reason.UNDECODABLE)]


@pytest.mark.parametrize(
    ("encoding", "body", "position"),
    [
        ("utf-8", b"\xef\xbb\xbfa,\xff\n", 5),
        ("cp1252", "#é\na,".encode("cp1252") + b"\x81,b\n", 5),
        ("utf-16", "#é\na,".encode("utf-16") + b"\x00\xdc,\x00b\x00", 12),
    ],
)
def test_an_undecodable_header_is_told_with_its_byte_in_the_file(
    encoding: str, body: bytes, position: int
) -> None:
    said = refused(feed(encoding=encoding, comment="#"), body)
    assert f"byte {position}, in its header, is not {encoding}" in said


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.text(max_size=20),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
    piece=st.integers(1, 5),
)
def test_text_is_the_same_in_whatever_pieces_it_is_read(
    tmp_path: Path, text: str, encoding: Any, piece: int
) -> None:
    file = tmp_path / "raw"
    file.write_bytes(("\ufeff" + text).encode("utf-8" if encoding == "utf-8" else "utf-16-be"))
    with (
        patch.object(encodings, "_PIECE_BYTES", piece),
        open_text(file, "s3://raw/feed", encoding) as opened,
    ):
        assert opened.read().decode() == text


def test_columns_without_a_header_stand_in_the_order_of_the_contract() -> None:
    result = converted(feed(header="absent"), b'1,2\n"x",y\n1\n1,2,3\n')
    assert result.rows == [{"a": "1", "b": "2"}, {"a": "x", "b": "y"}]
    assert [(said[0], said[2]) for said in result.reasons] == [
        (3, Reason.WRONG_NUMBER_OF_FIELDS),
        (4, Reason.WRONG_NUMBER_OF_FIELDS),
    ]


def test_an_empty_file_without_a_header_has_no_records() -> None:
    assert converted(feed(header="absent"), b"").rows == []


def test_a_path_without_a_header_is_refused() -> None:
    columns = [{"name": "a", "type": "integer", "path": "A"}]
    with pytest.raises(ValidationError, match="no header to find it in"):
        contract(columns, {"type": "csv", "header": "absent"})


def test_a_header_may_hold_quoted_line_breaks() -> None:
    columns = [{"name": "a", "type": "integer", "path": "Unit\nNo."}]
    assert converted(contract(columns, {"type": "csv"}), b'"Unit\nNo."\n7\n').rows == [{"a": 7}]


UNKNOWN = b'a,new,b,x\n1,x,2,\n"3",y,4,"z"\n'


@pytest.mark.parametrize("body", [UNKNOWN, UNKNOWN.replace(b'"', b"")])
def test_unknown_names_are_ignored_block_reject_or_are_captured_as_the_contract_says(
    body: bytes,
) -> None:
    ignored = converted(feed(), body)
    assert ignored.rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert ignored.unknown_fields == ("new", "x")
    assert "'new', 'x'" in refused(feed(unknown="block"), body)
    rejected = converted(feed(unknown="reject"), body)
    assert rejected.reasons == [(n, "", Reason.UNKNOWN_FIELD, "new, x") for n in (1, 2)]
    assert [reject["raw"].encode() for reject in rejected.rejects] == body.splitlines()[1:]
    captured = sorted((row["a"], row["_extra"]) for row in converted(feed("capture"), body).rows)
    assert captured == [("1", '{"new":"x","x":""}'), ("3", '{"new":"y","x":"z"}')]


@pytest.mark.parametrize("unknown", ["block", "reject", "capture"])
def test_a_header_without_unknown_names_passes_every_policy(unknown: str) -> None:
    (row,) = converted(feed(unknown), b"b,a\n2,1\n").rows
    assert (row["a"], row["b"], row.get("_extra")) == ("1", "2", None)


@pytest.mark.parametrize("end", [b"", b'"1",2,3,4\n'])
def test_an_unknown_name_that_stands_several_times_is_captured_as_a_list(end: bytes) -> None:
    rows = converted(feed("capture"), b"a,,b,\n1,2,3,\n" + end).rows
    assert {"a": "1", "b": "3", "_extra": '{"":["2",""]}'} in rows


def test_records_that_are_broken_are_no_captured_ones() -> None:
    result = converted(feed("capture"), b'a,b,c\n1,2\n"3",4,5,6\n7,8,"\0"\n')
    assert [said[:3] for said in result.reasons] == [
        (1, "", Reason.WRONG_NUMBER_OF_FIELDS),
        (2, "", Reason.WRONG_NUMBER_OF_FIELDS),
        (3, "_extra", Reason.NUL_CHARACTER),
    ]


def test_a_header_with_a_nul_is_refused() -> None:
    assert "its header holds a NUL" in refused(feed(), b"a,b,\0\n")


@pytest.mark.parametrize("unknown", ["ignore", "block", "reject"])
def test_a_missing_name_blocks_and_the_error_shows_the_one_that_resembles_it(unknown: str) -> None:
    said = refused(feed(unknown=unknown), b"A ,b\n1,2\n")
    assert "does not name 'a', only 'A ', spelled differently" in said


def test_an_unknown_name_that_resembles_a_column_is_told_with_it() -> None:
    said = refused(feed(unknown="block"), b"a,b,B,x\n1,2,3,4\n")
    assert "'B' (resembles 'b'), 'x'" in said


def test_lines_before_the_header_are_skipped_as_often_as_the_contract_says() -> None:
    of = feed(skip_lines=2)
    assert converted(of, b'An "export\r\n\r\na,b\r\n1,2\r\n').rows == [{"a": "1", "b": "2"}]
    assert "ends within the skipped lines" in refused(of, b"one\n")


def test_comments_are_no_records_before_and_behind_the_header_but_within_quotes() -> None:
    of = feed(comment="#")
    body = b'# of\na,b\n1,2\n#3,4\n"x\n#y",5\n"#z",6\n'
    assert [row["a"] for row in converted(of, body).rows] == ["1", "x\n#y", "#z"]
    assert [row["a"] for row in converted(of, b"a,b\n#1,2\n3,4\n").rows] == ["3"]
    assert [row["a"] for row in converted(feed(), b"a,b\n#1,2\n").rows] == ["#1"]


def test_a_nul_byte_rejects_its_record_only() -> None:
    result = converted(feed(), b'a,b\nx\0y,1\n"\0",2\nz,3\n')
    assert [row["a"] for row in result.rows] == ["z"]
    assert [(said[0], said[2]) for said in result.reasons] == [
        (1, Reason.NUL_CHARACTER),
        (2, Reason.NUL_CHARACTER),
    ]


def test_every_kind_of_broken_record_is_kept_with_its_raw_text_beside_its_neighbours() -> None:
    body = b'a,b\n1,2\r\n3,4\r5,6\n"x"y,7\n8\n9,10,11\n"12",13\r\n"open,14\n15,16\n'
    result = converted(feed(), body)
    assert [row["a"] for row in result.rows] == ["1", "12"]
    assert [(reject["record"], reject["raw"]) for reject in result.rejects] == [
        (2, "3,4\r5,6"),
        (3, '"x"y,7'),
        (4, "8"),
        (5, "9,10,11"),
        (7, '"open,14\n15,16'),
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"delimiter": '"'}, "clash"),
        ({"delimiter": "\n"}, "clash"),
        ({"quote": "\0"}, "clash"),
        ({"comment": ","}, "clash"),
        ({"delimiter": "\\", "escape": "backslash"}, "clash"),
        ({"encoding": "utf-32"}, "utf-8"),
        ({"escape": "none"}, "doubled"),
        ({"skip_lines": -1}, "greater than or equal to 0"),
        ({"header": "absent", "unknown": "block"}, "expected `header: present`"),
        ({"header": "absent", "unknown": "capture"}, "no header that names a field"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        feed(**options)
