import ast
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from infra.local.demo import recount as module
from infra.local.demo.dirt import DEMO_DIRT, Dirt, Spot
from infra.local.demo.recount import SHAPES, recount

NOON = "2013-01-01-12"


def test_the_recount_imports_the_standard_library_and_the_list_of_dirt_only() -> None:
    tree = ast.parse(Path(module.__file__).read_text())
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    foreign = {n for n in imported if n.split(".")[0] not in sys.stdlib_module_names}
    assert foreign == {"infra.local.demo.dirt"}


def test_a_clean_hour_is_read_and_written_whole() -> None:
    counted = recount("flights", NOON, NOON)
    assert (counted.read, counted.written, counted.rejected, counted.superseded) == (49, 49, 0, 0)
    assert counted.rows.total() == 49


@pytest.mark.parametrize(
    ("dirt", "read", "rejected", "superseded", "rows"),
    [
        pytest.param(Dirt.DOUBLED_ROW, 4, 0, 1, 3, id="doubled"),
        pytest.param(Dirt.UNCASTABLE_ROW, 3, 1, 0, 2, id="cast"),
        pytest.param(Dirt.KEYLESS_ROW, 3, 1, 0, 2, id="key"),
        pytest.param(Dirt.FILE_NOT_THERE, 0, 0, 0, 0, id="blocked"),
    ],
)
def test_dirt_is_counted_where_it_belongs(
    dirt: Dirt, read: int, rejected: int, superseded: int, rows: int
) -> None:
    counted = recount("weather", NOON, NOON, [Spot("weather", NOON, dirt)])
    assert (counted.read, counted.rejected, counted.superseded) == (read, rejected, superseded)
    assert counted.rows.total() == rows


def test_values_have_the_types_of_the_table() -> None:
    counted = recount("weather", NOON, NOON)
    row = dict(zip(SHAPES["weather"].columns, min(counted.rows, key=str), strict=True))
    assert row["time_hour"] == datetime(2013, 1, 1, 12)  # noqa: DTZ001 - the table holds no zone
    assert row["temp"] == Decimal("39.02")
    assert row["wind_gust"] is None


def test_airlines_are_counted_for_each_day_and_kept_once() -> None:
    counted = recount("airlines", "2013-01-01-00", "2013-01-02-23")
    assert (len(counted.hours_landed), counted.read, counted.rows.total()) == (2, 32, 16)


def test_two_days_of_the_demo() -> None:
    weather, flights = (
        recount(source, "2013-01-01-00", "2013-01-02-23", DEMO_DIRT)
        for source in ("weather", "flights")
    )
    assert (len(weather.hours_landed), weather.read, weather.written) == (42, 125, 122)
    assert (len(flights.hours_landed), flights.hours_blocked) == (48, frozenset({"2013-01-02-18"}))
    assert (flights.read, flights.rejected, flights.superseded) == (1585, 2, 1)
