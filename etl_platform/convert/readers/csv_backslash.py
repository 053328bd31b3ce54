"""Records in which a backslash escapes, one by one.

The csv module cannot be strict here: without doubled quotes it takes what follows a closing quote
for more of the field, and it drops the backslash of what is no escape.
"""

import csv
import re
from collections.abc import Iterator

from etl_platform.contract.formats import CsvFormat


class BackslashReader:
    """The fields of one record after the other, as the csv module gives them.

    Raises csv.Error for a record that is none; the next one begins with the next line.
    """

    def __init__(self, source: Iterator[str], form: CsvFormat) -> None:
        delimiter, quote = re.escape(form.delimiter), re.escape(form.quote)
        self._source = source
        self._form = form
        self._escape = re.compile(rf"\\([{delimiter}{quote}\\\r\n])")
        self._quoted = re.compile(rf"(?:[^{quote}\\]++|\\.|\\$)*+", re.DOTALL)
        bare = rf"[^{delimiter}\\\r\n]++|\\[{delimiter}{quote}\\\r\n]|\\(?![\r\n])"
        self._bare = re.compile(rf"(?:{bare})*+")
        self._end = re.compile(r"\r*+\n?\Z")

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        line, at = next(self._source), 0
        fields: list[str] = []
        if self._end.match(line):
            return fields
        while True:
            if line.startswith(self._form.quote, at):
                field, line, at = self._take(self._quoted, line, at + 1)
                if not line:
                    raise csv.Error("a quote is open at the end")
                at += 1
            else:
                field, line, at = self._take(self._bare, line, at)
                if not line:
                    # Only the last line break of a text can be escaped there, and it ends a line.
                    field = field.removesuffix("\n")
            fields.append(self._escape.sub(r"\1", field))
            if self._end.match(line, at):
                return fields
            if not line.startswith(self._form.delimiter, at):
                raise csv.Error("text behind a closing quote, or a bare CR")
            at += 1

    def _take(self, pattern: re.Pattern[str], line: str, at: int) -> tuple[str, str, int]:
        """What matches, over as many lines as it takes, and where the last of them goes on.

        That is an empty line at the end of the text.
        """
        pieces: list[str] = []
        while True:
            match = pattern.match(line, at)
            end = match.end() if match else at
            pieces.append(line[at:end])
            if end < len(line):
                return "".join(pieces), line, end
            line, at = next(self._source, ""), 0
            if not line:
                return "".join(pieces), line, at
