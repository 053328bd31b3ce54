"""XML that lies about its encoding, or is made to harm its reader."""

import socket
from collections.abc import Iterator

import pytest

from etl_platform.contract.errors import FileUnreadable
from etl_platform.convert.readers import xml, xml_text
from etl_platform_tests.convert.samples import contract, converted

FEED = contract(
    {"name": "varchar(50)"}, {"type": "xml", "row": "row"}, null_tokens=[], rejects={"at_most": 0}
)


def declared(name: str, encoding: str, text: str = "ü") -> bytes:
    prolog = f'<?xml version="1.0" encoding="{name}"?>'
    return f"{prolog}<f><row><name>{text}</name></row></f>".encode(encoding)


@pytest.mark.parametrize(
    ("name", "encoding", "text"),
    [
        ("UTF-8", "utf-8", "ü"),
        ("utf-8", "utf-8-sig", "ü"),
        ("UTF-16", "utf-16", "ü"),
        ("UTF-16", "utf-16-le", "ü"),
        ("UTF-16", "utf-16-be", "ü"),
        ("UTF-16LE", "utf-16-le", "😀"),
        ("UTF-32", "utf-32", "ü"),
        ("ISO-8859-1", "latin-1", "ü"),
        ("ISO-8859-15", "iso8859-15", "€"),
        ("windows-1252", "cp1252", "€"),
        ("windows-1251", "cp1251", "Я"),
        ("US-ASCII", "ascii", "u"),
        ("Shift_JIS", "shift_jis", "日本"),
        ("EUC-JP", "euc_jp", "日本"),
        ("GB18030", "gb18030", "中文"),
        ("Big5", "big5", "中文"),
        ("EUC-KR", "euc_kr", "한글"),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [1, 7, 4096])
def test_encodings_that_the_prolog_declares_are_read(
    monkeypatch: pytest.MonkeyPatch, name: str, encoding: str, text: str, chunk_bytes: int
) -> None:
    monkeypatch.setattr(xml_text, "CHUNK_BYTES", chunk_bytes)
    assert converted(FEED, declared(name, encoding, text)).rows == [{"name": text}]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (declared("UTF-16", "utf-8"), "declares utf-16 and its first bytes are single ones"),
        (declared("UTF-8", "utf-16"), "declares utf-8 and its first bytes are utf-16-"),
        (declared("latin-1", "utf-8-sig"), "declares iso8859-1 and its first bytes are utf-8"),
        (declared("rot13", "ascii", "u"), "declares the encoding 'rot13'"),
        (declared("zlib", "ascii", "u"), "declares the encoding 'zlib'"),
        (declared("UTF-7", "ascii", "u"), "declares the encoding 'UTF-7'"),
        (declared("unicode_escape", "ascii", "u"), "declares the encoding 'unicode_escape'"),
        (declared("martian", "ascii", "u"), "declares the encoding 'martian'"),
    ],
)
def test_a_prolog_that_contradicts_the_bytes_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(FileUnreadable, match=says):
        converted(FEED, body)


@pytest.mark.parametrize("name", ["windows-1252", "US-ASCII", "Shift_JIS"])
@pytest.mark.parametrize("chunk_bytes", [1, 4096])
def test_a_byte_that_the_encoding_lacks_breaks_the_file_off_there(
    monkeypatch: pytest.MonkeyPatch, name: str, chunk_bytes: int
) -> None:
    monkeypatch.setattr(xml_text, "CHUNK_BYTES", chunk_bytes)
    body = declared(name, "ascii", "u").replace(
        b"</row>", b"</row><row><name>\x81\x00</name></row>"
    )
    result = converted(FEED, body)
    assert result.rows == [{"name": "u"}]
    (reject,) = result.rejects
    place, _, rest = reject["raw"].partition(": ")
    assert place == f"byte {body.index(0x81)}"
    assert rest.splitlines()[1].startswith("<row><name>\\x81")


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """A listener that nobody may call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        yield listener


PROLOGS = [
    "<!DOCTYPE f SYSTEM '{url}'>",
    "<!DOCTYPE f PUBLIC '-//x//y' '{url}'>",
    "<!DOCTYPE f [<!ENTITY x SYSTEM '{url}'>]>",
    "<!DOCTYPE f [<!ENTITY % x SYSTEM '{url}'> %x;]>",
    "<!DOCTYPE f [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
    "<!DOCTYPE f [<!ENTITY a 'aaaaaaaaaa'><!ENTITY x '&a;&a;&a;&a;&a;&a;&a;&a;'>]>",
    "<!DOCTYPE f [<!ATTLIST row name CDATA 'added'>]>",
    "<!-- first --><!DOCTYPE f [\n<!ELEMENT f ANY>\n]>",
]


@pytest.mark.parametrize("prolog", PROLOGS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_document_type_is_refused_in_every_encoding_and_nothing_is_fetched(
    canary: socket.socket, prolog: str, encoding: str
) -> None:
    host, port = canary.getsockname()
    prolog = prolog.format(url=f"http://{host}:{port}/x.dtd")
    with pytest.raises(FileUnreadable, match="declares a document type"):
        converted(FEED, f"{prolog}<f><row><name>&x;</name></row></f>".encode(encoding))
    with pytest.raises(BlockingIOError):
        canary.accept()


def test_a_stylesheet_and_an_inclusion_are_not_followed(canary: socket.socket) -> None:
    host, port = canary.getsockname()
    url = f"http://{host}:{port}/x"
    body = (
        f"<?xml-stylesheet href='{url}'?><f xmlns:i='http://www.w3.org/2001/XInclude'>"
        f"<row><name>a</name><i:include href='{url}'/></row></f>"
    )
    assert converted(FEED, body.encode()).rows == [{"name": "a"}]
    with pytest.raises(BlockingIOError):
        canary.accept()


def test_many_attributes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MOST_ATTRIBUTES", 10)
    attributes = "".join(f" a{n}='1'" for n in range(11))
    with pytest.raises(FileUnreadable, match="too many attributes"):
        converted(FEED, f"<f><x{attributes}/></f>".encode())


@pytest.mark.parametrize("body", ["<f><row name='{}'/></f>", "<f><!--{}--></f>", "<f><?x {}?></f>"])
def test_a_tag_or_comment_without_an_end_is_refused_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(xml, "MOST_TAG_BYTES", 1000)
    monkeypatch.setattr(xml_text, "CHUNK_BYTES", 100)
    with pytest.raises(FileUnreadable, match="a tag does not end"):
        converted(FEED, body.format("x" * 5000).encode())


def test_a_record_of_many_elements_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MOST_ELEMENTS", 100)
    assert converted(FEED, b"<f>" + b"<row><a/></row>" * 200 + b"</f>").rejects == []
    with pytest.raises(FileUnreadable, match="too many elements"):
        converted(FEED, b"<f><row>" + b"<a/>" * 200 + b"</row></f>")


def test_a_file_of_ever_new_names_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MOST_NAMES", 100)
    with pytest.raises(FileUnreadable, match="too many names"):
        converted(FEED, "".join(["<f>", *(f"<a{n}/>" for n in range(200)), "</f>"]).encode())


def test_what_stands_around_records_may_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MOST_RECORD_BYTES", 1000)
    monkeypatch.setattr(xml, "MOST_TAG_BYTES", 1000)
    monkeypatch.setattr(xml_text, "CHUNK_BYTES", 100)
    around = "<x>" + "y" * 5000 + "</x>" + "<!-- z -->" * 500
    body = f"<f>{around}<row><name>a</name></row>{around}<row><name>b</name></row>{around}</f>"
    assert [row["name"] for row in converted(FEED, body.encode()).rows] == ["a", "b"]
