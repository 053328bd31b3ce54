"""XML as a stream, and what is refused of it."""

from pathlib import Path

import pytest

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.formats import XmlFormat
from etl_platform.convert.readers import xml, xml_text
from etl_platform.convert.readers.records import BrokenOff
from etl_platform.convert.reasons import Reason
from etl_platform_tests.convert.samples import contract, converted

FEED = contract(
    [
        {"name": "id", "type": "integer", "path": "@id"},
        {"name": "name", "type": "varchar(20)"},
        {"name": "city", "type": "varchar(20)", "path": "address.city"},
        {"name": "zone", "type": "varchar(20)", "path": "address.@zone"},
    ],
    {"type": "xml", "row": "row"},
    null_tokens=[],
)


ROW = XmlFormat(type="xml", row="row")


def test_values_come_from_elements_and_attributes() -> None:
    body = (
        b'<?xml version="1.0" encoding="UTF-8"?><feed><row id="1"><name>A &amp; B</name>'
        b'<address zone="x"><city>Z\xc3\xbcrich</city></address></row>'
        b"<other><row id='2'><name/></row></other></feed>"
    )
    assert converted(FEED, body).rows == [
        {"id": 1, "name": "A & B", "city": "Zürich", "zone": "x"},
        {"id": 2, "name": "", "city": None, "zone": None},
    ]


def test_a_reject_is_kept_as_its_element() -> None:
    (reject,) = converted(FEED, b'<f>\n <row id="x">\n<name>A</name></row>\n</f>').rejects
    assert reject["raw"] == '<row id="x">\n<name>A</name></row>'
    assert reject["reasons"] == [{"column": "id", "reason": "not_an_integer", "value": "x"}]


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        (b"<name>a</name><name>b</name>", Reason.REPEATED_VALUE),
        (b"<name>a<first>b</first>c</name>", Reason.NESTED_VALUE),
    ],
)
def test_an_element_that_is_not_one_value_rejects_its_record_by_its_column(
    inside: bytes, reason: str
) -> None:
    body = b"<f><row id='1'>" + inside + b"</row><row id='2'/></f>"
    result = converted(FEED, body)
    assert result.reasons == [(1, "name", reason, None)]
    assert [row["id"] for row in result.rows] == [2]


def test_a_row_inside_a_row_is_part_of_it() -> None:
    result = converted(FEED, b"<row id='1'><row id='2'/></row>")
    assert [row["id"] for row in result.rows] == [1]


def test_an_encoding_that_the_file_declares_is_obeyed() -> None:
    body = '<?xml version="1.0" encoding="ISO-8859-1"?><row id="1"><name>é</name></row>'
    assert converted(FEED, body.encode("latin-1")).rows[0]["name"] == "é"


@pytest.mark.parametrize(
    "prolog",
    [
        b"<!DOCTYPE feed>",
        b'<!DOCTYPE feed SYSTEM "http://127.0.0.1:9/x.dtd">',
        b'<!DOCTYPE feed [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        b'<!DOCTYPE feed [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE feed [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>',
    ],
)
def test_a_document_type_is_refused(prolog: bytes) -> None:
    with pytest.raises(FileUnreadable, match="declares a document type"):
        converted(FEED, prolog + b"<feed><row id='1'><name>&b;</name></row></feed>")


@pytest.mark.parametrize("body", [b"", b"no xml", b"<!-- a feed", b"<?xml version='1.0'?>", b"<f"])
def test_a_file_without_a_root_is_unreadable(body: bytes) -> None:
    with pytest.raises(FileUnreadable, match="not well-formed"):
        converted(FEED, body)


@pytest.mark.parametrize(
    ("end", "why", "rest"),
    [
        (b"", "line 2, column 3, byte 24: no element found", ""),
        (b"<row id='2'>", "line 2, column 15, byte 36: no element found", "<row id='2'>"),
        (b"<row id='2'></f>", "line 2, column 17, byte 38: mismatched tag", "<row id='2'></f>"),
        (b"<row>\xff</row>", "line 2, column 8, byte 29: not well-formed", "<row>\\xff</row>"),
        (b"</feed><feed/>", "line 2, column 10, byte 31: junk after document", "<feed/>"),
        (b"<row>&no;</row>", "line 2, column 8, byte 29: undefined entity", "<row>&no;</row>"),
        (b"</x></feed>", "line 2, column 5, byte 26: mismatched tag", "</x></feed>"),
        (b"<x:row/>", "line 2, column 3, byte 24: unbound prefix", "<x:row/>"),
    ],
)
def test_a_file_that_breaks_off_keeps_the_records_before_and_the_rest_is_one_reject(
    end: bytes, why: str, rest: str
) -> None:
    result = converted(FEED, b"<feed><row id='1'/>  \n  " + end)
    assert [row["id"] for row in result.rows] == [1]
    assert result.reasons == [(2, "", Reason.BROKEN_OFF, None)]
    said, _, shown = result.rejects[0]["raw"].partition("\n")
    assert said.startswith(why)
    assert shown == rest


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
@pytest.mark.parametrize("chunk_bytes", [3, 4096])
def test_every_cut_of_a_file_gives_the_records_before_it_and_breaks_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str, chunk_bytes: int
) -> None:
    monkeypatch.setattr(xml_text, "CHUNK_BYTES", chunk_bytes)
    prolog = f"<?xml version='1.0' encoding='{encoding}'?>\n"
    parts = ["<f>", "<row id='1'/>", "<row id='2'>é</row>", "</f>"]
    root, first, second, end = (
        len((prolog + "".join(parts[:count])).encode(encoding)) for count in range(1, 5)
    )
    body = (prolog + "".join(parts)).encode(encoding)
    file = tmp_path / "raw.xml"
    for cut in range(len(body)):
        file.write_bytes(body[:cut])
        rows: list[str] = []
        with pytest.raises(BrokenOff if cut >= root else FileUnreadable):
            rows.extend(raw for _, raw in xml.read_elements(file, "s3://raw/0", ROW))
        assert rows == parts[1:3][: (cut >= first) + (cut >= second)]
    assert end == len(body)


def test_deep_nesting_is_refused() -> None:
    body = b"<row>" + b"<x>" * 5000 + b"</x>" * 5000 + b"</row>"
    with pytest.raises(FileUnreadable, match="nested too deep"):
        converted(FEED, body)


def test_a_record_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MOST_RECORD_BYTES", 1000)
    with pytest.raises(FileUnreadable, match="does not end"):
        converted(FEED, b"<row><name>" + b"x" * 300_000 + b"</name></row>")


def test_records_are_not_held_until_the_file_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml_text, "CHUNK_BYTES", 64)
    file = tmp_path / "raw.xml"
    file.write_bytes(b"<feed>" + b"<row id='1'/>" * 100 + b"<broken")
    elements = xml.read_elements(file, "s3://raw/feed.xml", ROW)
    assert next(elements)[0].attrib == {"id": "1"}
