"""Rows for a reader: a table for people, CSV and JSON for programs."""

import csv
import io
import json
import sys
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

_WIDTH_OF_A_FILE = 10_000


class RowFormat(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> Table:
    """A table with numbers to the right and nulls dimmed."""
    drawn = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for number, name in enumerate(columns):
        values = [row[number] for row in rows if row[number] is not None]
        is_number = all(isinstance(value, int | float | Decimal) for value in values)
        drawn.add_column(Text(printable(name)), justify="right" if is_number else "left")
    for row in rows:
        drawn.add_row(*(_cell(value) for value in row))
    return drawn


def show(drawn: RenderableType) -> None:
    """Write a table or a text to the terminal. A file has no width: there, nothing is folded."""
    Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE).print(drawn)


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """CSV with a header; a null is an empty field."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(value) for value in row] for row in rows)
    return text.getvalue()


def json_text(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A list of objects. Decimals are strings: a JSON number may lose their digits."""
    objects = [
        {name: _plain(value) for name, value in zip(columns, row, strict=True)} for row in rows
    ]
    return json.dumps(objects, indent=2, ensure_ascii=False, default=str) + "\n"


def printable(text: str) -> str:
    """The text with control characters spelled out: data must not steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _cell(value: Any) -> Text:
    if value is None:
        return Text("null", style="dim")
    if isinstance(value, Text):
        return value
    return Text(printable(str(_plain(value) if isinstance(value, date) else value)))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
