"""XML by ElementTree, and by the places of tags in the text, by docs/formats/xml.md."""

import codecs
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLParser, XMLPullParser

from etl_platform_tests.convert.differential.oracle_records import (
    Behind,
    Record,
    Unreadable,
    shown,
)

_MOST_DEPTH = 100
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_TOKEN = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<(?P<end>/)?[^<>\"']+(?:\"[^\"]*\"|'[^']*'|[^>\"'])*>",
    re.DOTALL,
)
_STEP = re.compile(r"@?(?:\{[^{}]*\})?[^.{}]+")
_MARKS = (
    (codecs.BOM_UTF8, 3, "utf-8"),
    (codecs.BOM_UTF32_LE, 4, "utf-32-le"),
    (codecs.BOM_UTF32_BE, 4, "utf-32-be"),
    (codecs.BOM_UTF16_LE, 2, "utf-16-le"),
    (codecs.BOM_UTF16_BE, 2, "utf-16-be"),
    (b"<\0", 0, "utf-16-le"),
    (b"\0<", 0, "utf-16-be"),
)
_DECLARED = re.compile(r"<\?xml\s[^>]*?\bencoding\s*=\s*[\"']([A-Za-z][\w.-]*)[\"']")


def xml_records(body: bytes, attributes: Mapping[str, Any]) -> Iterator[Record]:
    """The records of a file; `attributes` are those of a contract, as in its YAML."""
    mark, encoding = _encoding(body)
    text, bad_byte = _decoded(body[mark:], encoding)
    # A document type can only stand before the root, and there is no other place for these letters.
    if re.match(r"(?:\s|<\?.*?\?>|<!--.*?-->)*<!DOCTYPE", text, re.DOTALL):
        raise Unreadable("it has a document type")
    events, error, is_at_end = _parsed(text)
    spans = _spans(text)
    steps: list[str] = []
    opened: list[int] = []
    depth_of_row = count = last = 0
    for event, element in events:
        if event == "start":
            steps.append(element.tag)
            opened.append(count)
            count += 1
            if len(steps) > _MOST_DEPTH:
                raise Unreadable("it is too deep")
            if not depth_of_row and _is_row(steps, attributes["format"]["row"]):
                depth_of_row = len(steps)
            continue
        if depth_of_row == len(steps):
            start, last = spans[opened[-1]]
            yield _record(element, text[start:last], attributes)
            depth_of_row = 0
        opened.pop()
        steps.pop()
    if error is None:
        return
    if not count:
        raise Unreadable(str(error))
    begun = spans[opened[depth_of_row - 1]][0] if depth_of_row else None
    if bad_byte is not None and is_at_end:
        raw = Behind(f"byte {mark + bad_byte}", None)
    else:
        raw = _broken_off(text, error.position, begun, last)
    yield Record(raw, problem=frozenset({"broken_off"}))


def _parsed(text: str) -> tuple[list[tuple[str, Element]], ParseError | None, bool]:
    """What stands in a text before it breaks, and whether nothing is wrong but that it ends."""
    # The encoding that its prolog names is that of the file, and this is its text.
    utf8 = XMLParser(encoding="utf-8")  # noqa: S314 - a file of the tests, without a DTD
    parser = XMLPullParser(events=("start", "end"), _parser=utf8)
    # With these two events each is the name of one and an element.
    events: list[Any] = []
    is_at_end = False
    try:
        parser.feed(text.encode("utf-8", "surrogateescape"))
        events += parser.read_events()
        is_at_end = True
        parser.close()
        events += parser.read_events()
    except ParseError as error:
        return events, error, is_at_end
    return events, None, is_at_end


def _broken_off(text: str, position: tuple[int, int], row: int | None, last: int) -> Behind:
    """The rest begins where the open record does; without one, at what is no XML or before."""
    line, column = position
    at = sum(len(each) + 1 for each in text.split("\n")[: line - 1]) + column
    place = f"line {line}, column {column + 1}"
    if row is not None:
        return Behind(place, shown(text[row:]))
    return Behind(place, shown(text[last:]), shown(text[at:]))


def _encoding(body: bytes) -> tuple[int, str]:
    """How many bytes are a mark, and the encoding of the others."""
    mark, seen = next(((n, e) for sign, n, e in _MARKS if body.startswith(sign)), (0, None))
    declared = _DECLARED.match(body[mark : mark + 1024].decode(seen or "latin-1", "replace"))
    if declared is None:
        return mark, seen or "utf-8"
    try:
        name = codecs.lookup(declared[1]).name
    except LookupError:
        raise Unreadable("its prolog declares an unknown encoding") from None
    is_wide = name.startswith(("utf-16", "utf-32"))
    if is_wide if seen is None else name not in (seen, re.sub("-[lb]e$", "", seen)):
        raise Unreadable("its prolog contradicts its bytes")
    return mark, seen or name


def _decoded(body: bytes, encoding: str) -> tuple[str, int | None]:
    """The text, to the first byte that is not in the encoding; in UTF-8, parsers find that."""
    if encoding == "utf-8":
        return body.decode("utf-8", "surrogateescape"), None
    try:
        return body.decode(encoding), None
    except UnicodeDecodeError as error:
        return body[: error.start].decode(encoding), error.start


def _spans(text: str) -> list[tuple[int, int]]:
    """Where each element begins and ends, in the order of their beginnings."""
    spans: list[tuple[int, int]] = []
    opened: list[int] = []
    for token in _TOKEN.finditer(text):
        if token[0].startswith(("<!", "<?")):
            continue
        if token["end"]:
            if opened:
                number = opened.pop()
                spans[number] = (spans[number][0], token.end())
            continue
        spans.append((token.start(), token.end()))
        if not token[0].endswith("/>"):
            opened.append(len(spans) - 1)
    return spans


def _is_row(steps: Sequence[str], row: str) -> bool:
    if not row.startswith("/"):
        return _matches(steps[-1], row)
    wanted = re.findall(r"/((?:\{[^{}]*\})?[^/{}]+)", row)
    return len(wanted) == len(steps) and all(map(_matches, steps, wanted))


def _matches(tag: str, wanted: str) -> bool:
    """Whether a name, as ElementTree spells it, is the one that a contract means."""
    if wanted.startswith("{}"):
        return tag == wanted[2:]
    if wanted.startswith("{"):
        return tag == wanted
    return tag.rpartition("}")[2] == wanted


def _record(element: Element, raw: str, attributes: Mapping[str, Any]) -> Record:
    texts: dict[str, str | None] = {}
    problems: dict[str, str] = {}
    for column in attributes["columns"]:
        if "expression" in column:
            continue
        name = column["name"]
        found = list(_found(element, _STEP.findall(column.get("path") or name)))
        texts[name] = None
        if column["type"] == "super":
            texts[name] = json_of([_mapped(one) for one in found]) if found else None
        elif len(found) > 1:
            problems[name] = "repeated_value"
        elif found and isinstance(found[0], str):
            texts[name] = found[0]
        elif found and len(found[0]):
            problems[name] = "nested_value"
        elif found and not isinstance(found[0], str) and found[0].get(_NIL) not in ("true", "1"):
            texts[name] = found[0].text or ""
    return Record(raw, texts, column_problems=problems)


json_of = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _mapped(value: Element | str) -> Any:
    """An element as JSON: its attributes, lists of its children, and its own text."""
    if isinstance(value, str):
        return value
    text = "".join([value.text or "", *(child.tail or "" for child in value)])
    if value.attrib.keys() == {_NIL} and value.get(_NIL) in ("true", "1") and not len(value):
        return None
    members: dict[str, Any] = {}
    for name, one in value.attrib.items():
        members[f"@{name}"] = one
    for child in value:
        members.setdefault(child.tag.rpartition("}")[2], []).append(_mapped(child))
    if not members:
        return text
    if text.strip(" \t\r\n") or (text and not len(value)):
        members["#text"] = text
    return members


def _found(element: Element, steps: Sequence[str]) -> Iterator[Element | str]:
    if not steps:
        yield element
        return
    step, *rest = steps
    if step == "text()" and not rest:
        yield "".join([element.text or "", *(child.tail or "" for child in element)])
    elif step.startswith("@") and not rest:
        yield from (value for tag, value in element.attrib.items() if _matches(tag, step[1:]))
    else:
        for child in element:
            if _matches(child.tag, step):
                yield from _found(child, rest)
