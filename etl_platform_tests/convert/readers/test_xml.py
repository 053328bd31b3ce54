"""XML as a stream, and what is refused of it."""

from pathlib import Path

import pytest

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.formats import XmlFormat
from etl_platform.convert.readers import xml, xml_text
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


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        b"<feed><row id='1'/>",
        b"<feed><row id='1'></feed>",
        b"<feed><row id='1'><name>\xff</name></row></feed>",
        b"<feed/><feed/>",
        b"<feed><row id='1'>&nothing;</row></feed>",
    ],
)
def test_a_file_that_is_not_whole_xml_is_refused(body: bytes) -> None:
    with pytest.raises(FileUnreadable, match="not well-formed"):
        converted(FEED, body)


def test_every_cut_of_a_file_is_refused() -> None:
    body = b"<feed><row id='1'><name>a</name></row></feed>"
    for end in range(len(body)):
        with pytest.raises(FileUnreadable):
            converted(FEED, body[:end])


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
    form = XmlFormat(type="xml", row="row")
    elements = xml.read_elements(file, "s3://raw/feed.xml", form)
    assert next(elements)[0].attrib == {"id": "1"}
