"""The bytes of an XML file as UTF-8, whichever encoding its prolog declares.

A prolog that contradicts the bytes refuses the file.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from etl_platform.contract.errors import FileUnreadable

CHUNK_BYTES: Final = 256 * 1024
_PROLOG_BYTES: Final = 1024

_SIGNS: Final[tuple[tuple[bytes, int, str], ...]] = (
    (codecs.BOM_UTF8, 3, "utf-8"),
    (codecs.BOM_UTF32_LE, 4, "utf-32-le"),  # begins as the mark of UTF-16 does
    (codecs.BOM_UTF32_BE, 4, "utf-32-be"),
    (codecs.BOM_UTF16_LE, 2, "utf-16-le"),
    (codecs.BOM_UTF16_BE, 2, "utf-16-be"),
    (b"<\0", 0, "utf-16-le"),
    (b"\0<", 0, "utf-16-be"),
)
"""The first bytes, how many of them are a mark, and the encoding that they show."""

_DECLARED: Final = re.compile(r"""<\?xml\s[^>]*?\bencoding\s*=\s*["']([A-Za-z][\w.-]*)["']""")

_ENCODINGS: Final = frozenset(
    {
        *("ascii", "utf-8", "utf-16", "utf-32"),
        *(f"iso8859-{part}" for part in range(1, 17)),
        *(f"cp125{part}" for part in range(9)),
        *("cp437", "cp850", "koi8-r", "koi8-u"),
        *("big5", "cp932", "cp949", "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "shift_jis"),
    }
)
"""As Python calls them. It has more, among them some that unpack or that write letters as codes."""


class Undecodable(ValueError):
    """Raised behind the text that came before a byte of the file that its encoding does not have.

    `rest` is what follows, in UTF-8 and with escapes.
    """

    def __init__(self, byte: int, encoding: str, error: UnicodeDecodeError) -> None:
        super().__init__(f"not {encoding} ({error.reason})")
        self.byte = byte
        self.rest = error.object[error.start :].decode(encoding, "backslashreplace").encode()


class XmlText:
    """A file and its encoding."""

    def __init__(self, file: Path, url: str) -> None:
        self._file = file
        self._url = url
        with file.open("rb") as source:
            start = source.read(_PROLOG_BYTES)
        sign = next((sign for sign in _SIGNS if start.startswith(sign[0])), None)
        mark, shown = (sign[1], sign[2]) if sign else (0, None)
        self._mark_bytes = mark
        self._encoding = self._agreed(start[mark:], shown)

    def byte(self, utf8_byte: int) -> int | None:
        """The offset in the file of an offset in `chunks`, where the two are the same text."""
        return utf8_byte + self._mark_bytes if self._encoding == "utf-8" else None

    def chunks(self) -> Iterator[bytes]:
        """The text in UTF-8, without a byte order mark. Other encodings can be Undecodable."""
        with self._file.open("rb") as source:
            source.seek(self._mark_bytes)
            if self._encoding == "utf-8":
                while chunk := source.read(CHUNK_BYTES):
                    yield chunk
                return
            decoder = codecs.getincrementaldecoder(self._encoding)()
            while True:
                chunk = source.read(CHUNK_BYTES)
                try:
                    text = decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    yield error.object[: error.start].decode(self._encoding).encode()
                    # What the decoder had kept of the chunk before stands in front of this one.
                    byte = source.tell() - len(error.object) + error.start
                    raise Undecodable(byte, self._encoding, error) from None
                yield text.encode()
                if not chunk:
                    return

    def _agreed(self, start: bytes, shown: str | None) -> str:
        declared = self._declared(start, shown)
        if declared is None:
            return shown or "utf-8"
        if shown is None and not declared.startswith(("utf-16", "utf-32")):
            return declared
        if shown is not None and declared in (shown, shown.removesuffix("-le").removesuffix("-be")):
            return shown
        raise FileUnreadable(
            self._url,
            f"its prolog declares {declared} and its first bytes are {shown or 'single ones'}",
            "a prolog that names the encoding of the file",
        )

    def _declared(self, start: bytes, shown: str | None) -> str | None:
        match = _DECLARED.match(start.decode(shown or "latin-1", errors="replace"))
        if match is None:
            return None
        try:
            name = codecs.lookup(match[1]).name
        except LookupError:
            name = match[1]
        if name not in _ENCODINGS and name not in {encoding for _, _, encoding in _SIGNS}:
            raise FileUnreadable(
                self._url,
                f"its prolog declares the encoding {match[1]!r}",
                "UTF-8, UTF-16, ISO-8859, Windows-125x or an encoding of East Asia",
            )
        return name
