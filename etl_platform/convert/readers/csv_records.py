"""The records that are not plain, one by one through the csv module."""

import csv
from collections.abc import Iterator, Sequence

from etl_platform.convert.readers.csv_dialect import csv_reader
from etl_platform.convert.readers.csv_header import CsvFile
from etl_platform.convert.readers.records import RawRecord
from etl_platform.convert.reasons import Reason


class Tape:
    """Lines for the csv module, from `at` on, kept until the record that they make is taken."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.at = 0
        self.ran_out = False
        self._lines = lines
        self._kept: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.at == len(self._lines):
            self.ran_out = True
            raise StopIteration
        line = self._lines[self.at].decode(errors="surrogateescape")
        self.at += 1
        self._kept.append(line)
        return line + "\n"

    def take(self) -> str:
        """The lines since the last time, without the line end of the record."""
        raw = "\n".join(self._kept)
        self._kept.clear()
        return raw.rstrip("\r")


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
