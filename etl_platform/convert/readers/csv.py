"""Delimited text with a header line.

A file without a quote character is split by DuckDB; any other is read by the csv module, which
alone knows quoted delimiters, quotes and line ends. A test holds both to the same records.
"""

import csv
import io
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.formats import CsvFormat
from etl_platform.contract.source import SourceContract
from etl_platform.convert.readers import lines
from etl_platform.convert.readers.records import (
    MOST_RECORD_BYTES,
    STREAM,
    RawRecord,
    Records,
    records_of,
)
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, joined


@dataclass(frozen=True)
class CsvFile:
    """A file whose header has been read: the records begin at `offset`, with `width` fields each.

    `positions` says in which field each column of the contract stands.
    """

    path: Path
    url: str
    form: CsvFormat
    offset: int
    width: int
    positions: dict[str, int]


def open_records(file: Path, url: str, contract: SourceContract, form: CsvFormat) -> Records:
    """The records behind the header, whose names may stand in any order and among others."""
    csv_file = open_csv(file, url, contract, form)
    return quoted(csv_file) if _has_quotes(csv_file) else unquoted(csv_file)


def open_csv(file: Path, url: str, contract: SourceContract, form: CsvFormat) -> CsvFile:
    """Read the header and find the columns of the contract in it."""
    header, offset = _header(file, url, form)
    positions = {c.name: _position(header, c.path or c.name, url) for c in contract.columns}
    return CsvFile(file, url, form, offset, len(header), positions)


def unquoted(file: CsvFile) -> Records:
    """The records of a file in which nothing is quoted: a record is a line."""
    columns = joined(
        compose(
            "CASE WHEN problem IS NULL THEN cells[{number}] END AS {name}",
            number=Literal(position + 1),
            name=Identifier(name),
        )
        for name, position in file.positions.items()
    )
    query = compose(
        "SELECT record, raw, problem, {columns} FROM ("
        "SELECT record, raw, cells, {problem} AS problem FROM ("
        "SELECT record, raw, problem, string_split(raw, {delimiter}) AS cells FROM {stream}))",
        columns=columns,
        problem=_problem(file.width),
        delimiter=Literal(file.form.delimiter),
        stream=Identifier(STREAM),
    )
    return Records(lines.SCHEMA, lines.read_lines(file.path, file.url, file.offset), query)


def quoted(file: CsvFile) -> Records:
    """The records of any file."""
    return records_of(list(file.positions), _taken_apart(file))


def _problem(width: int) -> Sql:
    # A bare CR ends a line for some programs and not for others: then nobody knows the record.
    return compose(
        "CASE WHEN problem IS NOT NULL THEN problem"
        " WHEN contains(raw, chr(13)) THEN {malformed}"
        " WHEN len(cells) <> {width} THEN {wrong_number} END",
        malformed=Literal(str(Reason.MALFORMED_RECORD)),
        width=Literal(width),
        wrong_number=Literal(str(Reason.WRONG_NUMBER_OF_FIELDS)),
    )


def _header(file: Path, url: str, form: CsvFormat) -> tuple[list[str], int]:
    start = lines.start_of_text(file)
    with file.open("rb") as source:
        source.seek(start)
        line = source.readline(MOST_RECORD_BYTES)
    try:
        text = line.decode().rstrip("\r\n")
        header = next(_csv_reader(iter([text]), form), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileUnreadable(url, f"its header: {error}", "a header line in UTF-8") from None
    if not header:
        raise FileUnreadable(url, "it has no header", "a first line that names the columns")
    return header, start + len(line)


def _position(header: Sequence[str], name: str, url: str) -> int:
    if header.count(name) != 1:
        problem = "does not name" if name not in header else "names more than once"
        raise FileUnreadable(
            url, f"its header {problem} the column {name!r}", "every column of the contract once"
        )
    return header.index(name)


def _has_quotes(file: CsvFile) -> bool:
    if file.path.stat().st_size == file.offset:
        return False
    with (
        file.path.open("rb") as source,
        mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as text,
    ):
        return text.find(file.form.quote.encode(), file.offset) >= 0


class _Tape:
    """Lines for the csv module, kept until the record that they make is taken."""

    def __init__(self, text: io.TextIOWrapper, url: str) -> None:
        self._text = text
        self._url = url
        self._kept: list[str] = []
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MOST_RECORD_BYTES)
        if not line:
            raise StopIteration
        self._kept.append(line)
        self._size += len(line)
        if self._size >= MOST_RECORD_BYTES:
            raise lines.line_too_long(self._url)
        return line

    def take(self) -> str:
        raw = "".join(self._kept)
        self._kept.clear()
        self._size = 0
        return raw.removesuffix("\n").rstrip("\r")


def _taken_apart(file: CsvFile) -> Iterator[RawRecord]:
    positions = list(file.positions.values())
    nothing = [None] * len(positions)
    with file.path.open("rb") as source:
        source.seek(file.offset)
        tape = _Tape(io.TextIOWrapper(source, "utf-8", "surrogateescape", newline="\n"), file.url)
        for fields, problem in _fields(tape, file.form):
            raw = tape.take()
            if not raw:
                continue
            if not _is_text(raw):
                raw = raw.encode(errors="surrogateescape").decode(errors="backslashreplace")
                problem = Reason.NOT_UTF8
            elif problem is None and len(fields) != file.width:
                problem = Reason.WRONG_NUMBER_OF_FIELDS
            yield raw, problem, nothing if problem else [fields[p] for p in positions]


def _fields(tape: _Tape, form: CsvFormat) -> Iterator[tuple[list[str], Reason | None]]:
    reader = _csv_reader(tape, form)
    while True:
        try:
            yield next(reader), None
        except StopIteration:
            return
        except csv.Error:
            # The csv module begins the next record with the next line.
            yield [], Reason.MALFORMED_RECORD


def _csv_reader(source: Iterator[str], form: CsvFormat) -> Iterator[list[str]]:
    # The limit of the module belongs to the process and is 128 KiB unless set.
    csv.field_size_limit(MOST_RECORD_BYTES)
    return csv.reader(source, delimiter=form.delimiter, quotechar=form.quote, strict=True)


def _is_text(raw: str) -> bool:
    if raw.isascii():
        return True
    try:
        raw.encode()
    except UnicodeEncodeError:
        return False
    return True
