"""Where the columns of a contract stand in a CSV file: by the names of its header, or by position.

A name that the contract lacks follows its policy `unknown`. One that the contract needs and that
is missing, or stands there twice, leaves the file unreadable whatever the policy.
"""

import csv
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.formats import CsvFormat
from etl_platform.contract.source import SourceContract
from etl_platform.convert.readers.csv_dialect import csv_reader
from etl_platform.convert.readers.encodings import byte_position, open_text
from etl_platform.convert.reasons import Reason

_MOST_HEADER_BYTES: Final = 1024 * 1024
_MOST_NAMES_SHOWN: Final = 5


@dataclass(frozen=True)
class CsvFile:
    """A file whose header has been read: the records begin at `offset`, with `width` fields each.

    The offset counts the bytes of the text in UTF-8. `positions` says in which field each column
    of the contract stands, `problem` what is wrong with every record.
    """

    path: Path
    url: str
    form: CsvFormat
    offset: int
    width: int
    positions: dict[str, int]
    problem: Reason | None = None


def open_csv(path: Path, url: str, contract: SourceContract, form: CsvFormat) -> CsvFile:
    """Read what stands before the records and find the columns of the contract in it."""
    wanted = {column.name: column.path or column.name for column in contract.read_columns}
    with open_text(path, url, form.encoding) as text:
        lines = _HeaderLines(text, url)
        for _ in range(form.skip_lines):
            if not lines.read():
                raise FileUnreadable(
                    url, "it ends within the skipped lines", f"more than {form.skip_lines} lines"
                )
        if form.header == "absent":
            positions = {name: position for position, name in enumerate(wanted)}
            return CsvFile(path, url, form, lines.offset, len(positions), positions)
        header = _header(path, url, form, lines)
    positions = {name: _position(header, field, url) for name, field in wanted.items()}
    unknown = [name for name in header if name not in wanted.values()]
    if unknown and form.unknown == "block":
        raise FileUnreadable(
            url,
            f"its header names what the contract does not: {_shown(unknown, wanted.values())}",
            "the columns of the contract and no other, or another policy of `unknown`",
        )
    problem = Reason.UNKNOWN_FIELD if unknown and form.unknown == "reject" else None
    return CsvFile(path, url, form, lines.offset, len(header), positions, problem)


class _HeaderLines:
    """The first lines of a text, for the csv module; a header may hold line breaks in quotes."""

    def __init__(self, text: BinaryIO, url: str) -> None:
        self._text = text
        self._url = url
        self.offset = 0

    def read(self) -> bytes:
        line = self._text.readline(_MOST_HEADER_BYTES)
        self.offset += len(line)
        if self.offset > _MOST_HEADER_BYTES:
            raise FileUnreadable(
                self._url, "its header does not end", f"a header of {_MOST_HEADER_BYTES} bytes"
            )
        return line

    def decoded(self, first: bytes) -> Iterator[str]:
        line = first
        while line:
            yield line.decode()
            line = self.read()


def _header(path: Path, url: str, form: CsvFormat, lines: _HeaderLines) -> list[str]:
    line = lines.read()
    while form.comment is not None and line.startswith(form.comment.encode()):
        line = lines.read()
    try:
        header = next(csv_reader(lines.decoded(line), form), [])
    except UnicodeDecodeError as error:
        begun = lines.offset - len(error.object)
        position = byte_position(path, url, form.encoding, begun + error.start)
        raise FileUnreadable(
            url, f"byte {position}, in its header, is not {form.encoding}", "a header that is text"
        ) from None
    except csv.Error as error:
        raise FileUnreadable(url, f"its header: {error}", "a header as its records") from None
    if not header:
        raise FileUnreadable(url, "it has no header", "a first line that names the columns")
    return header


def _position(header: Sequence[str], name: str, url: str) -> int:
    expected = "every column of the contract once"
    if name not in header:
        alike = [field for field in header if _folded(field) == _folded(name)]
        resembling = f", only {_shown(alike, ())}, spelled differently" if alike else ""
        raise FileUnreadable(url, f"its header does not name {name!r}{resembling}", expected)
    if header.count(name) > 1:
        raise FileUnreadable(url, f"its header names {name!r} more than once", expected)
    return header.index(name)


def _shown(fields: Sequence[str], known: Collection[str]) -> str:
    """Some names, each with the column of the contract that it resembles."""
    folded = {_folded(name): name for name in known}
    shown = [
        repr(field[:100])
        + (f" (resembles {folded[_folded(field)]!r})" if _folded(field) in folded else "")
        for field in fields[:_MOST_NAMES_SHOWN]
    ]
    more = len(fields) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _folded(name: str) -> str:
    return "".join(name.split()).casefold()
