"""Text files as rows for PostgreSQL; bad records are put aside, as many as are allowed."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from infra.local.redshift import faults
from infra.local.redshift.columns import TableColumn
from infra.local.redshift.faults import RAW_CHARACTERS, BadValue, Fault, LoadRefused
from infra.local.redshift.files import Chunk
from infra.local.redshift.loads import Copy, DelimitedFormat
from infra.local.redshift.records import Lines, Record, open_text
from infra.local.redshift.values import Converter, converters, missing_value

RecordReader = Callable[[Lines], Iterator[Record]]

_CHUNK_BYTES = 256 * 1024
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class TextLoad:
    """Turns the files of one load into one stream of PostgreSQL's text COPY."""

    form = "text"

    def __init__(self, statement: Copy, columns: Sequence[TableColumn], read: RecordReader) -> None:
        self._statement = statement
        self._columns = columns
        self._read = read
        self._takes_trailing_delimiter = isinstance(statement.format, DelimitedFormat)
        self._converters: list[Converter] = converters(columns, statement.conversion)
        self._missing = [missing_value(column, statement.conversion) for column in columns]
        self.faults: list[Fault] = []

    def header(self) -> bytes:
        """Nothing stands before the first row."""
        return b""

    def footer(self) -> bytes:
        """Nothing stands after the last row."""
        return b""

    def file(self, path: Path, url: str) -> Iterator[Chunk]:
        """The rows of a file, some at a time."""
        rows: list[str] = []
        size = scanned = loaded = 0
        with open_text(path, self._statement.compression) as file:
            lines = Lines(file)
            for record in self._records(lines):
                scanned += 1
                row = self._row(record, url)
                if row is None:
                    continue
                loaded += 1
                if not self._statement.no_load:
                    rows.append(row)
                    size += len(row)
                if size >= _CHUNK_BYTES:
                    yield Chunk("".join(rows).encode(), scanned, loaded)
                    rows, size, scanned, loaded = [], 0, 0, 0
        yield Chunk("".join(rows).encode(), scanned, loaded)

    def _records(self, lines: Lines) -> Iterator[Record]:
        left = iter(lines)
        for _ in range(self._statement.header_lines):
            next(left, None)
        skips_blank = self._statement.ignore_blank_lines
        return (record for record in self._read(lines) if record.raw or not skips_blank)

    def _row(self, record: Record, url: str) -> str | None:
        """The record as a line of COPY; None if it was put aside."""
        try:
            fields = self._fields(record)
        except BadValue as problem:
            self._put_aside(record, problem, url)
            return None
        values: list[str] = []
        try:
            for convert, field in zip(self._converters, fields, strict=True):
                value = convert(field)
                values.append("\\N" if value is None else value.translate(_ESCAPES))
        except BadValue as problem:
            # The field at hand is the first without a value.
            place = len(values)
            self._put_aside(record, problem, url, self._columns[place], fields[place] or "")
            return None
        return "\t".join(values) + "\n"

    def _fields(self, record: Record) -> list[str | None]:
        if record.problem is not None:
            raise record.problem
        fields = record.fields
        short = len(self._columns) - len(fields)
        if short == -1 and self._takes_trailing_delimiter and fields[-1] == "":
            return fields[:-1]
        if short < 0:
            raise BadValue(faults.EXTRA_COLUMNS, "Extra column(s) found")
        if short and not self._statement.fill_record:
            raise BadValue(faults.NO_DELIMITER, "Delimiter not found")
        return [*fields, *self._missing[len(fields) :]]

    def _put_aside(
        self,
        record: Record,
        problem: BadValue,
        url: str,
        column: TableColumn | None = None,
        field: str = "",
    ) -> None:
        self.faults.append(
            Fault(
                code=problem.code,
                reason=problem.reason,
                file=url,
                line_number=record.line_number,
                column=column.name if column else "",
                type=column.type_name if column else "",
                length=column.type_length if column else "",
                raw_line=record.raw[:RAW_CHARACTERS],
                raw_value=field[:RAW_CHARACTERS],
            )
        )
        if len(self.faults) >= max(1, self._statement.most_errors):
            raise LoadRefused(self._statement.table[-1], self.faults)
