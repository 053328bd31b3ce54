"""XML with one element a record, read as a stream in bounded memory.

A document type is refused before anything in it is looked at: entities are a way to make a small
file large and to read other files, and no batch needs them. A record that is not whole is none.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from xml.parsers import expat

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.formats import XmlFormat
from etl_platform.contract.source import SourceContract
from etl_platform.convert.readers.records import (
    MOST_RECORD_BYTES,
    BrokenOff,
    Records,
    records_of,
)
from etl_platform.convert.readers.unknown import Unknown
from etl_platform.convert.readers.xml_text import Undecodable, XmlText
from etl_platform.convert.readers.xml_values import XmlValues, is_name

MOST_DEPTH: Final = 100
"""Elements within elements. Taking a record apart is recursive."""

MOST_ELEMENTS: Final = 100_000
"""Of one record. An empty element takes four bytes of a file and a hundred in memory."""

MOST_ATTRIBUTES: Final = 1_000
"""Of one element."""

MOST_TAG_BYTES: Final = 16 * 1024**2
"""Of one tag with its attributes, or one comment. The parser looks at what has not ended from its
beginning with each chunk; SUPER, the largest column, takes as much."""

MOST_NAMES: Final = 100_000
"""Of elements and attributes in one file. The parser keeps each of them until the file ends."""

_END_TAG: Final = b"</"
_EMPTY_TAG_END: Final = b"/>"


def open_records(file: Path, url: str, contract: SourceContract, form: XmlFormat) -> Records:
    """The elements that `form.row` names; one inside another is part of it."""
    unknown = Unknown(contract, url)
    elements = read_elements(file, url, form)
    return records_of(
        [column.name for column in contract.read_columns],
        XmlValues(contract.declared_columns, unknown).records(elements),
        unknown,
    )


def read_elements(
    file: Path, url: str, form: XmlFormat
) -> Iterator[tuple[ElementTree.Element, str]]:
    """Every record as an element and as it stands in the file. Raises BrokenOff behind the last."""
    rows = _Rows(XmlText(file, url), url, form)
    broken: BrokenOff | None = None
    try:
        for chunk in rows.text.chunks():
            rows.feed(chunk)
            yield from rows.take()
        rows.close()
    except Undecodable as error:
        broken = rows.break_off(f"byte {error.byte}", str(error), error.rest)
    except BrokenOff as error:
        broken = error
    yield from rows.take()
    if broken is not None:
        raise broken


class _Rows:
    """The handlers of one parser: they build the elements that are rows and forget all others."""

    def __init__(self, text: XmlText, url: str, form: XmlFormat) -> None:
        self.text = text
        # Names come as `uri}name`, the way in which ElementTree writes them but for its `{`.
        self._parser = expat.ParserCreate("utf-8", "}")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._url = url
        self._path = form.row_steps
        self._is_anywhere = form.is_anywhere
        self._open: list[str] = []
        self._row_depth = 0
        self._row_byte = 0
        self._elements = 0
        self._builder: ElementTree.TreeBuilder | None = None
        self._window = bytearray()
        self._window_byte = 0
        self._is_begun = False
        self._done: deque[tuple[ElementTree.Element, str]] = deque()

    def feed(self, chunk: bytes) -> None:
        """Read on. What was read is kept from where the open row, or the last tag, begins."""
        self._window += chunk
        self._parse(chunk, is_last=False)
        read_to = self._window_byte + len(self._window)
        at = max(self._parser.CurrentByteIndex, 0)
        if read_to - at > MOST_TAG_BYTES:
            raise self._unreadable("a tag does not end", f"tags of {MOST_TAG_BYTES} bytes at most")
        if len(self._parser.intern) > MOST_NAMES:
            raise self._unreadable("it has too many names", f"{MOST_NAMES} different ones at most")
        needed_from = at if self._builder is None else self._row_byte
        if read_to - needed_from > MOST_RECORD_BYTES:
            raise self._unreadable(
                "a record does not end", f"records of {MOST_RECORD_BYTES} bytes at most"
            )
        del self._window[: needed_from - self._window_byte]
        self._window_byte = needed_from

    def close(self) -> None:
        """Read the end of the file, which has to be the end of its root."""
        self._parse(b"", is_last=True)

    def take(self) -> Iterator[tuple[ElementTree.Element, str]]:
        """The records that are whole."""
        while self._done:
            yield self._done.popleft()

    def break_off(self, place: str, why: str, more: bytes) -> BrokenOff:
        """What is not whole of what was read, and then `more`."""
        # The parser may have kept text back until it sees more of it.
        with suppress(BrokenOff):
            self.close()
        return self._broken(place, why, more)

    def _parse(self, chunk: bytes, is_last: bool) -> None:
        try:
            self._parser.Parse(chunk, is_last)
        except expat.ExpatError as error:
            byte = self.text.byte(self._parser.ErrorByteIndex)
            place = f"line {error.lineno}, column {error.offset + 1}" + (
                "" if byte is None else f", byte {byte}"
            )
            raise self._broken(place, expat.ErrorString(error.code)) from None

    def _broken(self, place: str, why: str, more: bytes = b"") -> BrokenOff:
        if not self._is_begun:
            raise self._unreadable(f"it is not well-formed at {place} ({why})", "XML")
        at = max(self._parser.CurrentByteIndex, 0) if self._builder is None else self._row_byte
        start = at - self._window_byte
        if self._window[start - 2 : start] == _END_TAG:
            # The parser stands at the name that does not match.
            start -= 2
        return BrokenOff(place, why, bytes(self._window[start:]) + more)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._is_begun = True
        self._open.append(name)
        if len(self._open) > MOST_DEPTH:
            raise self._unreadable(
                "its elements are nested too deep", f"{MOST_DEPTH} levels at most"
            )
        if len(attributes) > MOST_ATTRIBUTES:
            raise self._unreadable(
                "an element has too many attributes", f"{MOST_ATTRIBUTES} at most"
            )
        if self._builder is None:
            if not self._is_row():
                return
            self._builder = ElementTree.TreeBuilder()
            self._parser.CharacterDataHandler = self._builder.data
            self._row_depth = len(self._open)
            self._row_byte = self._parser.CurrentByteIndex
            self._elements = 0
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            raise self._unreadable(
                "a record has too many elements", f"{MOST_ELEMENTS} elements at most"
            )
        self._builder.start(name, attributes)

    def _is_row(self) -> bool:
        if self._is_anywhere:
            return is_name(self._open[-1], self._path[0])
        return len(self._open) == len(self._path) and all(map(is_name, self._open, self._path))

    def _end(self, name: str) -> None:
        if self._builder is not None:
            self._builder.end(name)
            if len(self._open) == self._row_depth:
                element = self._builder.close()
                self._builder = None
                self._parser.CharacterDataHandler = None
                self._done.append((element, self._raw(element)))
        self._open.pop()

    def _raw(self, element: ElementTree.Element) -> str:
        """The text of the row that has just ended.

        The parser stands before an end tag, but behind an element that is one empty tag.
        """
        start = self._row_byte - self._window_byte
        end = self._parser.CurrentByteIndex - self._window_byte
        is_bare = not len(element) and not element.text
        if not (is_bare and self._window[start:end].endswith(_EMPTY_TAG_END)):
            end = self._window.index(b">", end) + 1
        return self._window[start:end].decode()

    def _refuse(self, *_: object) -> None:
        raise self._unreadable("it declares a document type", "XML without a DOCTYPE")

    def _unreadable(self, problem: str, expected: str) -> FileUnreadable:
        return FileUnreadable(self._url, problem, expected)
