"""Where the columns of a contract stand in a CSV file: by the names of its header, or by position.

A name that the contract lacks follows its policy `unknown`. One that the contract needs and that
is missing, or stands there twice, leaves the file unreadable whatever the policy: no policy says
where else the values of the column could be.
"""

import csv
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.formats import CsvFormat
from etl_platform.contract.source import SourceContract
from etl_platform.contract.types import EXTRA_COLUMN
from etl_platform.convert.readers.csv_dialect import csv_reader
from etl_platform.convert.readers.encodings import byte_position, open_text
from etl_platform.convert.readers.unknown import Unknown, folded
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Identifier, Literal, Part, Sql, compose, joined

MOST_HEADER_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class CsvFile:
    """A file whose header has been read: the records begin at `offset`, with `width` fields each.

    The offset counts the bytes of the text in UTF-8. `positions` says in which field each column
    of the contract stands, and each that is `captured` under a name of the header, which can stand
    there several times. `problem` and `problem_value` say what is wrong with every record.
    """

    path: Path
    url: str
    form: CsvFormat
    offset: int
    width: int
    positions: dict[str, int]
    unknown: Unknown
    captured: dict[str, list[str]] = field(default_factory=dict)
    problem: Reason | None = None
    problem_value: str = ""


def open_csv(path: Path, url: str, contract: SourceContract, form: CsvFormat) -> CsvFile:
    """Read what stands before the records and find the columns of the contract in it."""
    wanted = {column.name: column.path or column.name for column in contract.declared_columns}
    unknown = Unknown(contract, url)
    with open_text(path, url, form.encoding) as text:
        lines = _HeaderLines(text, url)
        for _ in range(form.skip_lines):
            if not lines.read():
                raise FileUnreadable(
                    url, "it ends within the skipped lines", f"more than {form.skip_lines} lines"
                )
        if form.header == "absent":
            positions = {name: position for position, name in enumerate(wanted)}
            return CsvFile(path, url, form, lines.offset, len(positions), positions, unknown)
        header = _header(path, url, form, lines)
    positions = {name: _position(header, field, url) for name, field in wanted.items()}
    file = CsvFile(path, url, form, lines.offset, len(header), positions, unknown)
    return _with_unknown_names(file, header, wanted.values())


def _with_unknown_names(file: CsvFile, header: Sequence[str], wanted: Collection[str]) -> CsvFile:
    """The same file, with what the policy of the contract makes of the other names."""
    others = {position: name for position, name in enumerate(header) if name not in wanted}
    shown = file.unknown.meet(others.values(), "its header")
    if others and file.unknown.policy == "reject":
        return replace(file, problem=Reason.UNKNOWN_FIELD, problem_value=shown)
    if file.unknown.policy != "capture":
        return file
    positions, captured = dict(file.positions), defaultdict[str, list[str]](list)
    for position, name in others.items():
        # No column of a contract begins with an underscore.
        positions[f"_field_{position}"] = position
        captured[name].append(f"_field_{position}")
    return replace(file, positions=positions, captured=dict(captured))


def columns_of(file: CsvFile, cells: Mapping[str, Part]) -> Sql:
    """The columns of the contract, the captured fields as one object, from the cells by name."""
    columns = [
        compose("{cell} AS {name}", cell=cell, name=Identifier(name))
        for name, cell in cells.items()
        if name not in chain.from_iterable(file.captured.values())
    ]
    if file.unknown.policy == "capture":
        members = joined(
            compose("{name}, {cell}", name=Literal(name), cell=_cell(fields, cells))
            for name, fields in file.captured.items()
        )
        columns.append(
            compose(
                "{captured} AS {extra}",
                captured=compose("json_object({members})::VARCHAR", members=members)
                if file.captured
                else Sql("NULL::VARCHAR"),
                extra=Identifier(EXTRA_COLUMN),
            )
        )
    return joined(columns)


def _cell(fields: Sequence[str], cells: Mapping[str, Part]) -> Part:
    """A text, or a list of those under one name."""
    if len(fields) == 1:
        return cells[fields[0]]
    return compose("[{cells}]", cells=joined(cells[field] for field in fields))


class _HeaderLines:
    """The first lines of a text, for the csv module; a header may hold line breaks in quotes."""

    def __init__(self, text: BinaryIO, url: str) -> None:
        self._text = text
        self._url = url
        self.offset = 0

    def read(self) -> bytes:
        line = self._text.readline(MOST_HEADER_BYTES)
        self.offset += len(line)
        if self.offset > MOST_HEADER_BYTES:
            raise FileUnreadable(
                self._url, "its header does not end", f"a header of {MOST_HEADER_BYTES} bytes"
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
    if any("\0" in name for name in header):
        raise FileUnreadable(url, "its header holds a NUL", "a header that is text")
    if not header:
        raise FileUnreadable(url, "it has no header", "a first line that names the columns")
    return header


def _position(header: Sequence[str], name: str, url: str) -> int:
    expected = "every column of the contract once"
    if name not in header:
        alike = [other for other in header if folded(other) == folded(name)]
        resembling = f", only {', '.join(map(repr, alike))}, spelled differently" if alike else ""
        raise FileUnreadable(url, f"its header does not name {name!r}{resembling}", expected)
    if header.count(name) > 1:
        raise FileUnreadable(url, f"its header names {name!r} more than once", expected)
    return header.index(name)
