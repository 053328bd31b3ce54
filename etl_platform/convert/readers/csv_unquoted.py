"""Files in which nothing is quoted or escaped: a record is a line, and DuckDB takes it apart.

This spares what it costs to look at every line and to bring its cells from Arrow to DuckDB.
"""

import mmap

from etl_platform.convert.readers import lines
from etl_platform.convert.readers.csv_header import CsvFile, columns_of
from etl_platform.convert.readers.records import STREAM, Records
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Identifier, Literal, Sql, compose


def is_unquoted(file: CsvFile) -> bool:
    """Whether every line behind the header is a record that ends where its line does."""
    form = file.form
    if form.encoding != "utf-8" or form.comment is not None or file.problem is not None:
        return False
    offset = lines.start_of_text(file.path) + file.offset
    if file.path.stat().st_size <= offset:
        return True
    special = [form.quote, *("\\" if form.escape == "backslash" else "")]
    with (
        file.path.open("rb") as source,
        mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as text,
    ):
        return all(text.find(character.encode(), offset) < 0 for character in special)


def unquoted(file: CsvFile) -> Records:
    """The records of such a file."""
    cells = {
        name: compose(
            "CASE WHEN _problem IS NULL THEN cells[{number}] END", number=Literal(position + 1)
        )
        for name, position in file.positions.items()
    }
    query = compose(
        "SELECT _record, _raw, _problem, {columns} FROM ("
        "SELECT _record, _raw, cells, {problem} AS _problem FROM ("
        "SELECT _record, _raw, _problem, string_split(_raw, {delimiter}) AS cells FROM {stream}))",
        columns=columns_of(file, cells),
        problem=_problem(file.width),
        delimiter=Literal(file.form.delimiter),
        stream=Identifier(STREAM),
    )
    offset = lines.start_of_text(file.path) + file.offset
    return Records(lines.SCHEMA, lines.read_lines(file.path, file.url, offset), query, file.unknown)


def _problem(width: int) -> Sql:
    # A bare CR ends a line for some programs and not for others: then nobody knows the record.
    return compose(
        "CASE WHEN _problem IS NOT NULL THEN _problem"
        " WHEN contains(_raw, chr(13)) THEN {malformed}"
        " WHEN len(cells) <> {width} THEN {wrong_number} END",
        malformed=Literal(str(Reason.MALFORMED_RECORD)),
        width=Literal(width),
        wrong_number=Literal(str(Reason.WRONG_NUMBER_OF_FIELDS)),
    )
