"""Hold what the platform says and what the table holds against the recount."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from etl_platform.contract.hour import Hour
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load.ledger import Entry
from etl_platform.load.quoting import Identifier, Literal, compose, joined
from etl_platform.load.target import Target
from infra.local.demo.follow import Seen
from infra.local.demo.recount import SHAPES, Counted

_ROWS_SHOWN = 3


def rows_of(
    warehouse: Warehouse, contract: SourceContract, first: Hour, last: Hour
) -> Counter[tuple[Any, ...]]:
    """The rows of the table that belong to the hours, with how often each is there."""
    columns = joined(Identifier(name) for name in SHAPES[contract.source].columns)
    statement = compose("SELECT {columns} FROM {table}", columns=columns, table=_table(contract))
    if "time_hour" in SHAPES[contract.source].columns:
        statement = compose(
            "{all} WHERE {hour} BETWEEN {first} AND {last}",
            all=statement,
            hour=Identifier("time_hour"),
            first=Literal(first.start),
            last=Literal(last.start),
        )
    rows = Counter(warehouse.fetch(statement, name="the rows of the demo"))
    warehouse.rollback()
    return rows


def differences(counted: Counted, seen: Seen, rows: Counter[tuple[Any, ...]]) -> list[str]:
    """Each way in which the platform and the recount disagree about a source."""
    told = _told(seen)
    expected: Mapping[str, object] = {
        "hours landed": sorted(counted.hours_landed),
        "hours blocked": sorted(counted.hours_blocked),
        "records read": counted.read,
        "records rejected": counted.rejected,
        "records superseded": counted.superseded,
        "rows written": counted.written,
        "records that the ledger accounts for": counted.read,
    }
    found = [
        f"{counted.source}: {name}: the platform says {told[name]}, the recount {value}"
        for name, value in expected.items()
        if told[name] != value
    ]
    return [*found, *row_differences(counted.source, rows, counted.rows)]


def row_differences(
    table: str, rows: Counter[tuple[Any, ...]], counted: Counter[tuple[Any, ...]]
) -> list[str]:
    """The rows that only one of the two has, with some of them."""
    found = []
    for text, surplus in (
        ("rows in the table that the recount lacks", rows - counted),
        ("rows of the recount that the table lacks", counted - rows),
    ):
        if surplus:
            shown = "; ".join(str(row) for row in list(surplus.elements())[:_ROWS_SHOWN])
            found.append(f"{table}: {surplus.total()} {text}, as {shown}")
    return found


def _told(seen: Seen) -> dict[str, object]:
    entries = seen.entries.values()

    def total(*names: str) -> int:
        return sum(getattr(entry, name) for entry in entries for name in names)

    return {
        "hours landed": sorted(str(item.hour) for item in seen.landed),
        "hours blocked": sorted(seen.blocked),
        "records read": total("rows_read"),
        "records rejected": total("rows_rejected"),
        "records superseded": total("rows_superseded"),
        "rows written": total("rows_written"),
        "records that the ledger accounts for": sum(_accounted(entry) for entry in entries),
    }


def _accounted(entry: Entry) -> int:
    applied = entry.rows_applied + entry.rows_outdated
    return applied + entry.rows_rejected + entry.rows_superseded


def _table(contract: SourceContract) -> Any:
    return Target(contract).table
