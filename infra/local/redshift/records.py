"""The records of text files: delimited lines and CSV.

Formats: https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html
"""

import bz2
import gzip
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from infra.local.redshift import faults
from infra.local.redshift.errors import RedshiftError
from infra.local.redshift.faults import BadValue
from infra.local.redshift.loads import BZIP2, GZIP, ZSTD, CsvFormat, DelimitedFormat

LONGEST_RECORD = 4 * 1024 * 1024
"""Bytes of a row: https://docs.aws.amazon.com/redshift/latest/dg/limitations-copy.html"""


@dataclass(frozen=True)
class Record:
    """One record of a file, with its fields as text or with what is wrong with it."""

    line_number: int
    raw: str
    fields: list[str | None]
    problem: BadValue | None = None


@contextmanager
def open_text(path: Path, compression: str | None) -> Iterator[io.TextIOBase]:
    """A file as lines; bytes that are no UTF-8 stay as surrogates."""
    try:
        with _decompressed(path, compression) as content:
            yield io.TextIOWrapper(content, "utf-8", errors="surrogateescape", newline="\n")
    except (OSError, EOFError, pa.ArrowInvalid) as error:
        raise RedshiftError(
            "XX000", f"A file of the load is not packed as {compression}: {error}"
        ) from error


def _decompressed(path: Path, compression: str | None) -> BinaryIO:
    if compression == GZIP:
        return cast(BinaryIO, gzip.open(path))
    if compression == BZIP2:
        return cast(BinaryIO, bz2.open(path))
    if compression == ZSTD:
        # The stream of Arrow has no read1, which a text wrapper asks for.
        return io.BufferedReader(cast(io.RawIOBase, pa.input_stream(path, compression="zstd")))
    return path.open("rb")


class Lines:
    """The lines of a file, without their ends but with what the last one's end was."""

    def __init__(self, file: io.TextIOBase) -> None:
        self._file = file
        self.number = 0
        self.end = ""

    def __iter__(self) -> Iterator[str]:
        """The lines that are left."""
        while True:
            line = self._file.readline(LONGEST_RECORD + 1)
            if not line:
                return
            if len(line) > LONGEST_RECORD:
                raise RedshiftError("XX000", f"A line is longer than {LONGEST_RECORD} bytes")
            text = line.removesuffix("\n").removesuffix("\r")
            self.end = line[len(text) :]
            self.number += 1
            yield text


def csv_records(lines: Lines, form: CsvFormat) -> Iterator[Record]:
    """Records of CSV; a field in quotes may hold delimiters, line ends and doubled quotes."""
    left = iter(lines)
    quoted = _QuotedRecords(lines, left, form)
    for raw in left:
        if form.quote in raw:
            yield quoted.record(raw)
        else:
            yield Record(lines.number, raw, list(raw.split(form.delimiter)))


class _QuotedRecords:
    """Records of CSV with quotes in them, which may go on over the next lines."""

    def __init__(self, lines: Lines, left: Iterator[str], form: CsvFormat) -> None:
        self._lines = lines
        self._left = left
        self._form = form
        quote, delimiter = re.escape(form.quote), re.escape(form.delimiter)
        self._inside = re.compile(rf"[^{quote}]*(?:{quote}{quote}[^{quote}]*)*")
        self._field = re.compile(
            rf"(?:{quote}({self._inside.pattern}){quote}|([^{quote}{delimiter}]*))"
            rf"(?={delimiter}|\Z)"
        )

    def record(self, raw: str) -> Record:
        """The record that begins with this line."""
        start, quote = self._lines.number, self._form.quote
        fields: list[str | None] = []
        place = 0
        while place <= len(raw):
            if raw.startswith(quote, place) and self._inside.fullmatch(raw, place + 1):
                raw, is_closed = self._to_closing_quote(raw)
                if not is_closed:
                    return _bad_quotes(start, raw, "Delimited value missing end quote")
            found = self._field.match(raw, place)
            if found is None:
                reason = "Invalid quote formatting for CSV. Unescaped quote character"
                return _bad_quotes(start, raw, reason)
            enclosed, plain = found.groups()
            fields.append(plain if enclosed is None else enclosed.replace(quote * 2, quote))
            place = found.end() + len(self._form.delimiter)
        return Record(start, raw, fields)

    def _to_closing_quote(self, raw: str) -> tuple[str, bool]:
        """The record with the lines up to the one that closes its quotes; whether one does."""
        parts = [raw, self._lines.end]
        length = len(raw)
        for more in self._left:
            parts.append(more)
            length += len(more)
            if not self._inside.fullmatch(more):
                return "".join(parts), True
            if length > LONGEST_RECORD:
                break
            parts.append(self._lines.end)
        return "".join(parts), False


def _bad_quotes(number: int, raw: str, reason: str) -> Record:
    return Record(number, raw, [], BadValue(faults.NO_DELIMITER, reason))


def delimited_records(lines: Lines, form: DelimitedFormat) -> Iterator[Record]:
    """Records of delimited text, with backslashes or quotes taken off if the form says so."""
    left = iter(lines)
    for raw in left:
        start, record = lines.number, raw
        while form.escape and _ends_escaped(record) and len(record) < LONGEST_RECORD:
            if lines.end == "\r\n":
                # What the backslash stands before is the carriage return.
                record += "\r"
                break
            more = next(left, None)
            if more is None:
                break
            record = f"{record}\n{more}"
        if not form.escape and not form.remove_quotes:
            yield Record(start, record, list(record.split(form.delimiter)))
            continue
        try:
            yield Record(start, record, list(_split(record, form)))
        except BadValue as problem:
            yield Record(start, record, [], problem)


def _split(raw: str, form: DelimitedFormat) -> Iterator[str]:
    field: list[str] = []
    quote = ""
    at_start = True
    place = 0
    while place < len(raw):
        character = raw[place]
        if form.escape and character == "\\" and place + 1 < len(raw):
            # \N is the mark of NULL, which is looked for later.
            following = raw[place + 1]
            field.append("\\N" if following == "N" else following)
            place += 2
        elif quote and character == quote:
            quote = ""
            place += 1
        elif form.remove_quotes and at_start and character in "'\"":
            quote = character
            place += 1
        elif not quote and raw.startswith(form.delimiter, place):
            yield "".join(field)
            field.clear()
            place += len(form.delimiter)
            at_start = True
            continue
        else:
            field.append(character)
            place += 1
        at_start = False
    if quote:
        raise BadValue(faults.NO_DELIMITER, "Delimited value missing end quote")
    yield "".join(field)


def _ends_escaped(raw: str) -> bool:
    return (len(raw) - len(raw.rstrip("\\"))) % 2 == 1
