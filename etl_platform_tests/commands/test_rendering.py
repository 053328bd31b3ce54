import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from etl_platform.commands.rendering import csv_text, json_text, printable, table

COLUMNS = ("name", "count", "price", "at", "day")
ROW = ("a,b", 3, Decimal("1.10"), datetime(2013, 1, 1, 12, tzinfo=UTC), date(2013, 1, 1))
PLAIN = ["a,b", 3, "1.10", "2013-01-01 12:00:00+00:00", "2013-01-01"]


def _drawn(rows: list[tuple[object, ...]]) -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(table(COLUMNS, rows))
    return console.export_text()


def test_csv_has_a_header_and_leaves_nulls_empty() -> None:
    text = csv_text(COLUMNS, [ROW, (None,) * 5])
    assert list(csv.reader(io.StringIO(text))) == [
        list(COLUMNS),
        [str(value) for value in PLAIN],
        [""] * 5,
    ]


def test_json_keeps_numbers_nulls_and_every_digit_of_a_decimal() -> None:
    assert json.loads(json_text(COLUMNS, [ROW, (None,) * 5])) == [
        dict(zip(COLUMNS, PLAIN, strict=True)),
        dict.fromkeys(COLUMNS),
    ]


def test_a_table_tells_null_from_an_empty_text() -> None:
    assert "null" in _drawn([(None, 1, None, None, None)])
    assert "null" not in _drawn([("", 1, Decimal(1), ROW[3], ROW[4])])


def test_data_that_looks_like_markup_is_drawn_to_the_letter() -> None:
    assert "[red]x[/]" in _drawn([("[red]x[/]", *ROW[1:])])


@given(st.text())
def test_no_text_steers_a_terminal(text: str) -> None:
    assert printable(text).isprintable()


def test_an_escape_sequence_is_spelled_out() -> None:
    assert printable("\x1b[2Jé") == "\\x1b[2Jé"
