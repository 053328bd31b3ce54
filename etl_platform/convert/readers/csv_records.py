"""The records that are not plain, one by one through the csv module."""

import csv
from collections.abc import Iterator, Sequence

from etl_platform.convert.readers.csv_dialect import csv_reader
from etl_platform.convert.readers.csv_header import CsvFile
from etl_platform.convert.readers.lines import line_too_long
from etl_platform.convert.readers.records import MOST_RECORD_BYTES, RawRecord
from etl_platform.convert.reasons import Reason


class Tape:
    """Lines for the csv module, from `at` on; it remembers which ones a record takes.

    Raises FileUnreadable where a record takes too many.
    """

    def __init__(self, lines: Sequence[bytes], url: str) -> None:
        self.at = 0
        self.ran_out = False
        self._lines = lines
        self._url = url
        self._taken = 0
        self._taken_bytes = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.at == len(self._lines):
            self.ran_out = True
            raise StopIteration
        line = self._lines[self.at]
        self.at += 1
        self._taken += 1
        self._taken_bytes += len(line) + 1
        # The csv module would end the record at its own limit, and begin the next one anywhere.
        if self._taken_bytes > MOST_RECORD_BYTES:
            raise line_too_long(self._url)
        return line.decode(errors="surrogateescape") + "\n"

    def take(self) -> str:
        """The lines since the last time, without the line end of the record."""
        raw = b"\n".join(self._lines[self.at - self._taken : self.at]).rstrip(b"\r")
        self._taken = self._taken_bytes = 0
        return raw.decode(errors="surrogateescape")


def odd_records(tape: Tape, file: CsvFile) -> Iterator[RawRecord]:
    """A record from wherever the tape stands, each time that one is asked for."""
    positions = list(file.positions.values())
    nothing = [None] * len(positions)
    reader = csv_reader(tape, file.form)
    while True:
        fields, problem = _next_fields(reader)
        raw = tape.take()
        if not _is_text(raw):
            raw = raw.encode(errors="surrogateescape").decode(errors="backslashreplace")
            problem = Reason.UNDECODABLE
        elif problem is None and len(fields) != file.width:
            problem = Reason.WRONG_NUMBER_OF_FIELDS
        problem = problem or file.problem
        yield raw, problem, nothing if problem else [fields[p] for p in positions]


def _next_fields(reader: Iterator[list[str]]) -> tuple[list[str], Reason | None]:
    try:
        return next(reader), None
    except csv.Error:
        # The csv module begins the next record with the next line.
        return [], Reason.MALFORMED_RECORD


def _is_text(raw: str) -> bool:
    if raw.isascii():
        return True
    try:
        raw.encode()
    except UnicodeEncodeError:
        return False
    return True
