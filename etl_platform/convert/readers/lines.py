"""Text files as lines: found by Arrow in whole blocks, so that Python never touches one by one.

A line ends with LF or CR LF. Undecodable bytes reject their line; they are kept as escapes.
"""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc

from etl_platform.contract.errors import FileUnreadable
from etl_platform.convert.readers.records import MOST_RECORD_BYTES, RECORD_COLUMNS
from etl_platform.convert.reasons import Reason

SCHEMA: Final = pa.schema(RECORD_COLUMNS)

_BLOCK_BYTES: Final = 8 * 1024 * 1024
_BATCH_LINES: Final = 16_384
"""DuckDB gives a batch to a thread: smaller than a block, so that all threads have one."""


def start_of_text(file: Path) -> int:
    """The offset behind the byte order mark, if there is one."""
    with file.open("rb") as source:
        mark = source.read(len(codecs.BOM_UTF8))
    return len(mark) if mark == codecs.BOM_UTF8 else 0


def read_lines(file: Path, url: str, offset: int) -> Iterator[pa.RecordBatch]:
    """Every line from `offset` on that is not blank, numbered from 1."""
    first = 1
    for block in _blocks_of(file, url, offset):
        lines, problems = _lines(block)
        before = pa.scalar(first - 1, pa.int64())
        numbers = pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), len(lines)), before)
        first += len(lines)
        batch = pa.RecordBatch.from_arrays([numbers, lines, problems], schema=SCHEMA)
        for start in range(0, len(lines), _BATCH_LINES):
            yield batch.slice(start, _BATCH_LINES)


def count_lines(file: Path, url: str, offset: int, blank: bytes = b"\r") -> int:
    """How many lines there are with anything but `blank` characters."""
    return sum(_count(block, blank) for block in _blocks_of(file, url, offset))


def _count(block: bytes, blank: bytes) -> int:
    # Few files have blank lines: looking for how one begins spares splitting the rest.
    begins = b"\n" + blank
    has_blank = not block or block[0] in begins or block.endswith(b"\n")
    if has_blank or any(b"\n%c" % character in block for character in begins):
        return sum(1 for line in block.split(b"\n") if line.strip(blank))
    return block.count(b"\n") + 1


def line_too_long(url: str) -> FileUnreadable:
    return FileUnreadable(
        url, "a record does not end", f"records of {MOST_RECORD_BYTES} bytes at most"
    )


def blocks(text: BinaryIO, url: str) -> Iterator[bytes]:
    """Whole lines, some megabytes at a time, without the last line end."""
    rest = b""
    while chunk := text.read(_BLOCK_BYTES):
        whole, end, begun = chunk.rpartition(b"\n")
        if end:
            yield rest + whole
            rest = begun
        else:
            rest += chunk
        if len(rest) > MOST_RECORD_BYTES:
            raise line_too_long(url)
    if rest:
        yield rest


def split(block: bytes) -> pa.BinaryArray:
    """The lines of a block as bytes, each without its LF."""
    whole: Any = pc.split_pattern(pa.array([block], pa.binary()), "\n")
    lines: pa.BinaryArray = whole.values
    return lines


def without_cr(lines: pa.StringArray, block: bytes) -> pa.StringArray:
    """The lines of a block without the CR of their ends."""
    return pc.utf8_rtrim(lines, characters="\r") if b"\r" in block else lines


def decoded(lines: pa.BinaryArray) -> tuple[pa.StringArray, pa.StringArray]:
    """The texts of lines, and the problem of each."""
    try:
        valid: Any = lines.cast(pa.string())
        return valid, pa.nulls(len(lines), pa.string())
    except pa.ArrowInvalid:
        texts: list[str] = []
        problems: list[str | None] = []
        for line in lines:
            raw = line.as_buffer().to_pybytes()
            texts.append(raw.decode(errors="backslashreplace"))
            problems.append(None if texts[-1].encode() == raw else Reason.UNDECODABLE)
        return pa.array(texts, pa.string()), pa.array(problems, pa.string())


def _blocks_of(file: Path, url: str, offset: int) -> Iterator[bytes]:
    with file.open("rb") as source:
        source.seek(offset)
        yield from blocks(source, url)


def _lines(block: bytes) -> tuple[pa.StringArray, pa.StringArray]:
    """The lines of a block that are not blank, and the problem of each."""
    lines, problems = decoded(split(block))
    lines = without_cr(lines, block)
    blank = pc.equal(lines, pa.scalar(""))
    if pc.any(blank).as_py():
        kept = pc.invert(blank)
        lines, problems = lines.filter(kept), problems.filter(kept)
    return lines, problems
