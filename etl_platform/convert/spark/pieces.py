"""Large files of lines in parts, each of them whole lines, so that one file is not one core.

A part is read as a file of its own: what stands before the records of the whole file, then its
lines. How many records come before them is counted first, so that records keep their numbers.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from etl_platform.contract import sizing
from etl_platform.contract.batch import SourceFile
from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.formats import CsvFormat
from etl_platform.contract.layout import Location
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert.readers import csv, json, lines
from etl_platform.convert.readers.compression import plain_contents
from etl_platform.convert.readers.csv_header import MOST_HEADER_BYTES, open_csv
from etl_platform.convert.readers.records import MOST_RECORD_BYTES

_LOOK_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Piece:
    """A file, or if it has an `end`, those of its bytes from `start` on."""

    file_no: int
    plain_bytes: int
    start: int = 0
    end: int | None = None
    head: bytes = b""
    """What is put before the bytes of a part."""
    records_before: int = 0


@dataclass(frozen=True)
class Span:
    """A part of a file as it is asked for: it ends within a line, most probably."""

    attempt_no: int
    file_no: int
    start: int
    end: int


class Surveyed(BaseModel):
    """The whole lines that begin in a span, how many records they are, and the head of the file."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")
    start: int
    end: int
    records: int
    head: bytes


def spans(contract: SourceContract, attempt_no: int, file_no: int, file: SourceFile) -> list[Span]:
    """The parts of about the size of a task that a file would be cut into; none of a small one."""
    count = -(-file.size_bytes // sizing.TASK_BYTES)
    if count < 2 or not sizing.may_be_cut(contract, file):
        return []
    cuts = [file.size_bytes * n // count for n in range(count + 1)]
    return [Span(attempt_no, file_no, start, end) for start, end in pairwise(cuts)]


def survey(
    contract: SourceContract, file: SourceFile, span: Span, storage: Storage, local: Path
) -> Surveyed | None:
    """Look at a part of a file; None if it has to be read together with the next one.

    Cuts are where lines begin. If every part ends with a whole record, then records begin at all of
    them, because they do at the first.
    """
    try:
        start = _line_start(file, span.start, storage)
        end = _line_start(file, span.end, storage)
        head = _head(contract, file, storage, local)
        if head is None or (start == 0 and end <= len(head)) or 0 < start < len(head):
            return None
        part = Piece(span.file_no, 0, start, end, _before(head) if start else b"")
        fetch(file, part, storage, local)
        records, is_whole = _count(contract, file, local)
    except FileUnreadable:
        # Whoever reads the whole file says what is wrong with it.
        return None
    if not is_whole and end < file.size_bytes:
        return None
    return Surveyed(start=start, end=end, records=records, head=head)


def pieces_of(file_no: int, file: SourceFile, found: Sequence[Surveyed | None]) -> list[Piece]:
    """A file in the parts that were surveyed, or in one where one of them cannot stand alone."""
    parts: list[Piece] = []
    records_before = 0
    for one in found:
        if one is None:
            return [Piece(file_no, file.size_bytes)]
        if one.start < one.end:
            head = _before(one.head) if one.start else b""
            size_bytes = one.end - one.start
            parts.append(Piece(file_no, size_bytes, one.start, one.end, head, records_before))
            records_before += one.records
    return parts


def fetch(file: SourceFile, piece: Piece, storage: Storage, to: Path) -> None:
    """Make a local file of a piece, as readers want it."""
    if piece.end is None:
        storage.fetch(_location(file), file.version_id, to)
        return
    with to.open("wb") as out:
        out.write(piece.head)
        storage.copy_range(_location(file), file.version_id, piece.start, piece.end, out)


def _line_start(file: SourceFile, near: int, storage: Storage) -> int:
    """The offset of the first line that begins at `near` or behind it."""
    if near == 0:
        return 0
    at = near - 1
    while at < file.size_bytes:
        if at - near > MOST_RECORD_BYTES:
            raise lines.line_too_long(file.url)
        look = io.BytesIO()
        end = min(at + _LOOK_BYTES, file.size_bytes)
        storage.copy_range(_location(file), file.version_id, at, end, look)
        found = look.getvalue().find(b"\n")
        if found >= 0:
            return at + found + 1
        at = end
    return file.size_bytes


def _head(
    contract: SourceContract, file: SourceFile, storage: Storage, local: Path
) -> bytes | None:
    """What stands before the records of a file; None if the file is not plain text."""
    with local.open("wb") as out:
        end = min(MOST_HEADER_BYTES + _LOOK_BYTES, file.size_bytes)
        storage.copy_range(_location(file), file.version_id, 0, end, out)
    with plain_contents(local, file.url) as plain:
        if plain != local:
            return None
    size_bytes = lines.start_of_text(local)
    if isinstance(contract.format, CsvFormat):
        size_bytes += open_csv(local, file.url, contract, contract.format).offset
    return local.read_bytes()[:size_bytes]


def _before(head: bytes) -> bytes:
    # A blank line is no record, and it keeps what looks like a byte order mark within a file from
    # being one.
    return head or b"\n"


def _count(contract: SourceContract, file: SourceFile, local: Path) -> tuple[int, bool]:
    """The records of a part, and whether the last one is whole."""
    if isinstance(contract.format, CsvFormat):
        return csv.count_records(open_csv(local, file.url, contract, contract.format))
    return json.count_records(local, file.url), True


def _location(file: SourceFile) -> Location:
    return Location(file.bucket, file.key)
