"""XML with one element a record, read as a stream in bounded memory.

A document type is refused before anything in it is looked at: entities are a way to make a small
file large and to read other files, and no batch needs them.
"""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from xml.parsers import expat

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.formats import XmlFormat
from etl_platform.contract.source import SourceContract
from etl_platform.convert.readers.lines import line_too_long
from etl_platform.convert.readers.records import (
    MOST_RECORD_BYTES,
    RawRecord,
    Records,
    records_of,
)
from etl_platform.convert.reasons import Reason

MOST_DEPTH: Final = 100
"""Elements within elements. Writing a record out again is recursive."""

_CHUNK_BYTES: Final = 256 * 1024


def open_records(file: Path, url: str, contract: SourceContract, form: XmlFormat) -> Records:
    """The elements called `form.row`, wherever they stand; one inside another is part of it."""
    steps = [column.steps for column in contract.columns]
    raw_records = (_raw_record(element, steps) for element in _elements(file, url, form.row))
    return records_of([column.name for column in contract.columns], raw_records)


def _elements(file: Path, url: str, row: str) -> Iterator[ElementTree.Element]:
    rows = _Rows(url, row)
    with file.open("rb") as source:
        try:
            while chunk := source.read(_CHUNK_BYTES):
                rows.parser.Parse(chunk, False)
                yield from rows.take()
            rows.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise FileUnreadable(url, f"it is not well-formed ({error})", "whole XML") from None
        yield from rows.take()


class _Rows:
    """The handlers of one parser: they build the elements called `row` and forget all others."""

    def __init__(self, url: str, row: str) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self._url = url
        self._row = row
        self._depth = 0
        self._row_depth = 0
        self._row_starts_at = 0
        self._builder: ElementTree.TreeBuilder | None = None
        self._done: deque[ElementTree.Element] = deque()

    def take(self) -> Iterator[ElementTree.Element]:
        """The elements that are whole."""
        while self._done:
            yield self._done.popleft()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise FileUnreadable(
                self._url, "its elements are nested too deep", f"{MOST_DEPTH} levels at most"
            )
        if self._builder is None and name == self._row:
            self._builder = ElementTree.TreeBuilder()
            self._row_depth = self._depth
            self._row_starts_at = self.parser.CurrentByteIndex
        if self._builder is not None:
            self._builder.start(name, attributes)

    def _end(self, name: str) -> None:
        if self._builder is not None:
            self._builder.end(name)
            if self._depth == self._row_depth:
                self._done.append(self._builder.close())
                self._builder = None
        self._depth -= 1

    def _text(self, text: str) -> None:
        if self._builder is not None:
            self._builder.data(text)
            if self.parser.CurrentByteIndex - self._row_starts_at > MOST_RECORD_BYTES:
                raise line_too_long(self._url)

    def _refuse(self, *_: object) -> None:
        raise FileUnreadable(self._url, "it declares a document type", "XML without a DOCTYPE")


def _raw_record(element: ElementTree.Element, steps: list[tuple[str, ...]]) -> RawRecord:
    raw = ElementTree.tostring(element, encoding="unicode")
    texts: list[str | None] = []
    for path in steps:
        found = _values(element, path)
        if len(found) > 1:
            return raw, Reason.REPEATED_VALUE, [None] * len(steps)
        value = found[0] if found else None
        if isinstance(value, ElementTree.Element):
            return raw, Reason.NESTED_VALUE, [None] * len(steps)
        texts.append(value)
    return raw, None, texts


def _values(element: ElementTree.Element, path: tuple[str, ...]) -> list[str | ElementTree.Element]:
    """Every value at a path; an element that holds elements is given as it is."""
    *steps, last = path
    found = [element]
    for step in steps:
        found = [child for parent in found for child in parent if child.tag == step]
    if last.startswith("@"):
        return [parent.attrib[last[1:]] for parent in found if last[1:] in parent.attrib]
    children = [child for parent in found for child in parent if child.tag == last]
    return [child if len(child) else child.text or "" for child in children]
