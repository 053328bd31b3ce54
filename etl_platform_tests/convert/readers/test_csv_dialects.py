"""Hostile CSV against the csv module of the standard library, in every dialect."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from etl_platform.contract.formats import CsvFormat
from etl_platform.convert.readers import lines
from etl_platform.convert.readers.csv import quoted
from etl_platform.convert.readers.csv_dialect import plain_pattern
from etl_platform.convert.readers.csv_header import CsvFile
from etl_platform.convert.readers.records import STREAM
from etl_platform.convert.readers.unknown import Unknown
from etl_platform_tests.convert.samples import contract, converted

Escape = Literal["doubled", "backslash"]
Record = tuple[int, str, str | None, str | None, str | None]

UNKNOWN = Unknown(contract({"a": "varchar(9)"}, {"type": "csv"}), "s3://raw/feed.csv")
ESCAPES: tuple[Escape, ...] = ("doubled", "backslash")


def records(path: Path, form: CsvFormat, *, by_arrow: bool) -> list[Record]:
    file = CsvFile(path, "s3://raw/feed.csv", form, 0, 2, {"b": 1, "a": 0}, UNKNOWN)
    opened = quoted(file, plain_pattern(form, 2) if by_arrow else None)
    with duckdb.connect() as connection:
        connection.register(STREAM, opened.reader())
        return sorted(connection.execute(opened.query).fetchall())


def taken_apart(text: str) -> list[tuple[list[str], str]]:
    """The fields and the raw text of each record by the standard library; no fields if it fails."""
    taken: list[str] = []

    def tape() -> Iterator[str]:
        for line in io.StringIO(text, newline="\n"):
            taken.append(line)
            yield line

    reader = csv.reader(tape(), strict=True)
    found: list[Any] = []
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return found
        except csv.Error:
            fields = []
        raw = "".join(taken).removesuffix("\n").rstrip("\r")
        taken.clear()
        if raw:
            found.append((fields, raw))


fields = st.one_of(
    st.text(st.sampled_from('a,"\r\n\\é\0\ufeff#'), max_size=5),
    st.sampled_from(['"a"', '"a,b"', '"a""b"', '"a\nb"', '"a\\"b"', "\\N", "a\\,b", '""', ""]),
)
rows = st.lists(fields, min_size=1, max_size=3).map(",".join)
texts = st.lists(st.tuples(rows, st.sampled_from(["\n", "\r\n", "\n\n", "\r"])), max_size=8).map(
    lambda several: "".join(row + end for row, end in several)
)
hostile = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@hostile
@given(
    text=texts, escape=st.sampled_from(ESCAPES), block_bytes=st.sampled_from([1, 7, 64, 1 << 20])
)
@example(text='\ufeffa,b\n"x",y\n', escape="doubled", block_bytes=1 << 20)
@example(text='"a\rb",c\nd,"e"\n', escape="doubled", block_bytes=1)
@example(text='a"b,c\n"d\ne",f\n"g', escape="doubled", block_bytes=7)
def test_arrow_with_the_help_of_the_csv_module_gives_what_that_gives_alone(
    tmp_path: Path, text: str, escape: Escape, block_bytes: int
) -> None:
    path, form = tmp_path / "raw.csv", CsvFormat(type="csv", escape=escape)
    path.write_bytes(text.encode())
    alone = records(path, form, by_arrow=False)
    with patch.object(lines, "_BLOCK_BYTES", block_bytes):
        assert records(path, form, by_arrow=True) == alone


@hostile
@given(text=texts)
def test_every_record_and_its_raw_text_are_those_of_the_standard_library(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "raw.csv"
    # A mark of its own, because one that begins the text would be taken for the file's.
    path.write_bytes(("\ufeff" + text).encode())
    found = records(path, CsvFormat(type="csv"), by_arrow=True)
    expected = [
        (number, raw, fields[1] if len(fields) == 2 else None)
        for number, (fields, raw) in enumerate(taken_apart(text), 1)
    ]
    assert [(number, raw, b) for number, raw, _, b, _ in found] == expected
    assert all((problem is None) == (b is not None) for _, _, problem, b, _ in found)


@hostile
@given(cells=st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=8))
def test_what_is_written_with_backslashes_is_read_back(
    tmp_path: Path, cells: list[tuple[str, str]]
) -> None:
    def written(cell: str) -> str:
        return '"' + cell.replace("\\", "\\\\").replace('"', '\\"') + '"'

    path = tmp_path / "raw.csv"
    path.write_bytes("".join(f"{written(a)},{written(b)}\n" for a, b in cells).encode())
    form = CsvFormat(type="csv", escape="backslash")
    found = records(path, form, by_arrow=True)
    assert [(a, b) for *_, b, a in found] == cells


def test_a_backslash_escapes_the_delimiter_the_quote_itself_and_a_line_break() -> None:
    of = contract({"a": "varchar(9)", "b": "varchar(9)"}, {"type": "csv", "escape": "backslash"})
    body = b'a,b\nx\\,y,"say \\"z\\""\n\\\\,1\none\\\ntwo,2\n'
    assert converted(of, body).rows == [
        {"a": "x,y", "b": 'say "z"'},
        {"a": "\\", "b": "1"},
        {"a": "one\ntwo", "b": "2"},
    ]


def test_a_backslash_before_anything_else_stays_so_that_a_null_token_can_hold_it() -> None:
    of = contract(
        {"a": "varchar(9)", "b": "varchar(9)"},
        {"type": "csv", "escape": "backslash"},
        null_tokens=["\\N"],
    )
    assert converted(of, b'a,b\n\\N,"\\t"\n').rows == [{"a": None, "b": "\\t"}]


def test_a_backslash_is_an_ordinary_character_where_quotes_are_doubled() -> None:
    of = contract({"a": "varchar(9)", "b": "varchar(9)"}, {"type": "csv"})
    assert converted(of, b'a,b\n\\,"\\"\n').rows == [{"a": "\\", "b": "\\"}]


@pytest.mark.parametrize("block_bytes", [1, 2, 5, 16])
def test_a_quoted_field_may_go_on_over_any_number_of_blocks(block_bytes: int) -> None:
    of = contract({"a": "varchar(99)", "b": "integer"}, {"type": "csv"})
    body = b'a,b\n"one\n\ntwo\n# three",1\n"x",2\n"y\nz",3'
    with patch.object(lines, "_BLOCK_BYTES", block_bytes):
        assert converted(of, body).rows == [
            {"a": "one\n\ntwo\n# three", "b": 1},
            {"a": "x", "b": 2},
            {"a": "y\nz", "b": 3},
        ]
