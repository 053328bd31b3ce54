"""Text of any declared encoding as a stream of UTF-8, decoded strictly and a piece at a time.

What cannot be decoded becomes bytes that are no UTF-8 either: a reader of lines finds them, and
rejects the record that holds them and no other.
"""

import codecs
import io
from pathlib import Path
from typing import Any, BinaryIO, Final

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.formats import Encoding

_PIECE_BYTES: Final = 1024 * 1024
_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def open_text(file: Path, url: str, encoding: Encoding, offset: int = 0) -> BinaryIO:
    """The text in UTF-8 from `offset` bytes of UTF-8 on, without its byte order mark."""
    codec, mark_bytes = _codec(file, url, encoding)
    source = file.open("rb")
    source.seek(mark_bytes)
    if codec == "utf-8":
        source.seek(offset, io.SEEK_CUR)
        return source
    text = io.BufferedReader(_Transcoded(source, codec), _PIECE_BYTES)
    text.read(offset)
    return text


def byte_position(file: Path, url: str, encoding: Encoding, offset: int) -> int:
    """Where in the file the byte of UTF-8 at `offset` comes from."""
    codec, mark_bytes = _codec(file, url, encoding)
    if codec == "utf-8":
        return mark_bytes + offset
    with open_text(file, url, encoding) as text:
        before = text.read(offset).decode(errors=_errors(codec))
    return mark_bytes + len(before.encode(codec, _errors(codec)))


def _codec(file: Path, url: str, encoding: Encoding) -> tuple[str, int]:
    """The codec and the size of the byte order mark, which in UTF-16 says which codec it is."""
    with file.open("rb") as source:
        start = source.read(len(codecs.BOM_UTF8))
    if encoding == "utf-16":
        for mark, codec in _MARKS.items():
            if start.startswith(mark):
                return codec, len(mark)
        if start:
            raise FileUnreadable(
                url, "byte 0 begins no byte order mark", "UTF-16 with a byte order mark"
            )
        return "utf-16-le", 0
    marked = start == codecs.BOM_UTF8
    if marked and encoding != "utf-8":
        raise FileUnreadable(
            url, "byte 0 begins the byte order mark of UTF-8", f"text in {encoding}"
        )
    return encoding, len(start) if marked else 0


def _errors(codec: str) -> str:
    # Both write what they keep as bytes that are no UTF-8: half a surrogate pair in the one, in
    # the other the bytes that the code page leaves open, none of which can begin a character.
    return "surrogatepass" if codec.startswith("utf-16") else "surrogateescape"


class _Transcoded(io.RawIOBase):
    """A file of another encoding, read as UTF-8."""

    def __init__(self, source: BinaryIO, codec: str) -> None:
        self._source = source
        self._errors = _errors(codec)
        self._decoder = codecs.getincrementaldecoder(codec)(self._errors)
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            piece = self._source.read(_PIECE_BYTES)
            self._ready = memoryview(self._decoded(piece).encode(errors=self._errors))
            if not piece:
                break
        room = memoryview(buffer)
        size_bytes = min(len(room), len(self._ready))
        room[:size_bytes] = self._ready[:size_bytes]
        self._ready = self._ready[size_bytes:]
        return size_bytes

    def close(self) -> None:
        self._source.close()
        super().close()

    def _decoded(self, piece: bytes) -> str:
        try:
            return self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            # The file ends within a character of UTF-16: its bytes become halves of pairs.
            self._decoder.reset()
            return "".join(chr(0xDC00 + byte) for byte in error.object)
