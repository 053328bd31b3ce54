"""The texts of the records in one JSON array, or in documents one after the other. A file that
breaks off, or goes on behind its array, raises BrokenOff behind the last whole one.

Only brackets, commas and strings are looked at, so that a record which is no JSON still ends where
its neighbour begins. A line break does not end a string: a text with one in it is no JSON, and is
met far more often than one without its last quotation mark.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from etl_platform.contract.errors import FileUnreadable
from etl_platform.convert.readers.lines import line_too_long, start_of_text
from etl_platform.convert.readers.records import (
    MOST_RECORD_BYTES,
    MOST_REST_BYTES,
    BrokenOff,
)

_BLOCK_BYTES: Final = 1024 * 1024
_SPACES: Final = b" \t\r\n"
_OPENS: Final = {b"]": ord("["), b"}": ord("{")}

_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_IN_VALUE: Final = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+", re.DOTALL)
_IN_ARRAY: Final = re.compile(rb'(?:[^",\[\]{}]++|' + _STRING + rb")*+", re.DOTALL)
_IN_GARBAGE: Final = re.compile(rb'(?:[^"\[{ \t\r\n]++|' + _STRING + rb")*+", re.DOTALL)


def array_elements(file: Path, url: str) -> Iterator[bytes]:
    """The elements of the one array that a file is; an empty text where one is missing.

    Raises FileUnreadable for a file that does not begin as an array.
    """
    with _Text(file, url) as text:
        if text.pass_over(_SPACE) != b"[":
            raise text.no_array()
        text.step()
        if text.pass_over(_SPACE) == b"]":
            text.step()
        else:
            end = b","
            while end == b",":
                end = _take_element(text)
                yield text.cut().rstrip(_SPACES)
                text.step()
        if text.pass_over(_SPACE):
            raise text.broken_off("something follows the array")


def documents(file: Path, url: str) -> Iterator[bytes]:
    """The values of a file, with white space or nothing between them."""
    with _Text(file, url) as text:
        while first := text.pass_over(_SPACE):
            if first in b"[{":
                _take_value(text)
            elif text.take(_IN_GARBAGE) == b'"':
                raise text.broken_off("the file ends within a text")
            yield text.cut()


def whole_document(file: Path, url: str) -> Iterator[bytes]:
    """The one text that a file is."""
    offset = start_of_text(file)
    if file.stat().st_size - offset > MOST_RECORD_BYTES:
        raise line_too_long(url)
    with file.open("rb") as source:
        source.seek(offset)
        document = source.read().strip(_SPACES)
    if not document:
        raise FileUnreadable(url, "it is empty", "one JSON document")
    yield document


class _Text:
    """A file behind a window that moves on: from what is taken to what was read ahead."""

    def __init__(self, file: Path, url: str) -> None:
        self._url = url
        self._offset = start_of_text(file)
        self._window = b""
        self._start = 0
        self._at = 0
        self._source = file.open("rb")
        self._source.seek(self._offset)

    def __enter__(self) -> "_Text":
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    def take(self, pattern: re.Pattern[bytes]) -> bytes:
        """Take what matches; the byte behind it, none at the end of the file.

        That byte is a quotation mark only where the file ends within a string.
        """
        while True:
            match = pattern.match(self._window, self._at)
            end = match.end() if match else self._at
            behind = self._window[end : end + 1]
            # What is read next may match as well, or end the string that begins here.
            if behind not in (b"", b'"') or not self._read_on():
                self._at = end
                return behind

    def pass_over(self, pattern: re.Pattern[bytes]) -> bytes:
        """As `take`, and keep nothing of it."""
        behind = self.take(pattern)
        self._start = self._at
        return behind

    def take_one(self) -> None:
        """Take the byte that was seen."""
        self._at += 1

    def step(self) -> None:
        """Pass over the byte that was seen."""
        self._at += 1
        self._start = self._at

    def cut(self) -> bytes:
        """All that is taken, which is then behind the window."""
        piece = self._window[self._start : self._at]
        self._start = self._at
        return piece

    def no_array(self) -> FileUnreadable:
        """The error for a file that begins with something else."""
        return FileUnreadable(
            self._url,
            f"it does not begin with a [, at byte {self._offset + self._start}",
            "one JSON array",
        )

    def broken_off(self, why: str) -> BrokenOff:
        """What stands where the window begins is no record, and none stands behind it."""
        if len(self._window) - self._start < MOST_REST_BYTES:
            self._read_on()
        return BrokenOff(f"byte {self._offset + self._start}", why, self._window[self._start :])

    def _read_on(self) -> bool:
        kept = self._window[self._start :]
        if len(kept) > MOST_RECORD_BYTES:
            raise line_too_long(self._url)
        # As much again as is kept, because all of it may have to be matched again.
        more = self._source.read(max(_BLOCK_BYTES, len(kept)))
        if more:
            self._window = kept + more
            self._offset += self._start
            self._at -= self._start
            self._start = 0
        return bool(more)


def _take_element(text: _Text) -> bytes:
    """Take the element of an array; the comma or the bracket behind it."""
    text.pass_over(_SPACE)
    while (behind := text.take(_IN_ARRAY)) not in (b",", b"]"):
        if behind in (b"", b'"'):
            raise text.broken_off("the file ends within its array")
        if behind == b"}":
            text.take_one()
        else:
            _take_value(text)
    return behind


def _take_value(text: _Text) -> None:
    """Take an object or an array, or what was meant as one.

    A closing bracket closes the innermost open one of its kind with all in it; if there is none,
    it is passed over.
    """
    opened = bytearray()
    count = dict.fromkeys(b"[{", 0)
    while True:
        bracket = text.take(_IN_VALUE)
        if bracket in (b"", b'"'):
            raise text.broken_off("the file ends within a value")
        text.take_one()
        if bracket in b"[{":
            opened += bracket
            count[bracket[0]] += 1
            continue
        kind = _OPENS[bracket]
        if count[kind]:
            closed = None
            while closed != kind:
                closed = opened.pop()
                count[closed] -= 1
        if not opened:
            return
