"""Whether the hours of a source are there, and as many rows as usual: by the ledger, hour by hour.

It asks for single hours, never for the newest event: an old hour that was loaded just now does not
make a source look fresh.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from etl_platform.contract.hour import Hour
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import ledger
from etl_platform.load.ledger import Entry
from etl_platform.load.target import Target
from etl_platform.status import StatusReader

WEEKS: Final = 4
"""How far back the same hour of the week is looked at."""
LEAST_WEEKS: Final = 3
"""With fewer, nothing is known of what is usual."""
_WEEK_HOURS: Final = 7 * 24


@dataclass(frozen=True)
class Missing:
    """An hour that should be in the warehouse and is not."""

    hour: Hour
    why: str
    remedy: str


@dataclass(frozen=True)
class Unusual:
    """An hour with far more or fewer rows than the same hour of past weeks."""

    hour: Hour
    rows: int
    usual: float


def expected_hours(contract: SourceContract, now: datetime) -> list[Hour]:
    """The hours that should be in the warehouse by now, oldest first; none of a source that has
    ended longer ago than is looked back."""
    watch = contract.watch
    # An hour is over when the next one begins.
    last = Hour.containing(now - timedelta(hours=watch.within_hours)).plus(-1)
    return [hour for hour in last.plus(1 - watch.hours).through(last) if contract.sends(hour)]


def missing_hours(
    reader: StatusReader, warehouse: Warehouse, hours: Sequence[Hour]
) -> list[Missing]:
    """Those of some hours whose newest manifest is not loaded, each with the reason."""
    landed = {item.hour: item for item in reader.landed(hours)}
    entries = reader.entries(warehouse, list(landed.values()))
    left = [item for item in landed.values() if item.batch_id not in entries]
    blocked = {one.hour: one for one in reader.blocked(left).values()}
    found = []
    for hour in hours:
        if hour not in landed:
            if reader.contract.watch.empty_hours:
                found.append(Missing(hour, "no manifest has landed", "Ask its source"))
        elif hour in blocked:
            error = blocked[hour]
            remedy = f"See {error.error_code} in the runbook"
            found.append(Missing(hour, f"blocked by {error.error_code}", remedy))
        elif landed[hour].batch_id not in entries:
            remedy = "See its run in Dagster, or materialize it"
            found.append(Missing(hour, "landed and not loaded", remedy))
    return found


def unusual_hours(
    contract: SourceContract, warehouse: Warehouse, hours: Sequence[Hour]
) -> tuple[list[Unusual], int]:
    """Those of some hours with an unusual number of rows, and how many could be compared."""
    if not hours:
        return [], 0
    first = min(hours).plus(-WEEKS * _WEEK_HOURS)
    entries = ledger.newest_of_each_hour(
        ledger.between(warehouse, Target(contract), first, max(hours))
    )
    compared = [(entries[h], past) for h in hours if h in entries and (past := _past(entries, h))]
    factor = contract.watch.times_usual
    return [
        Unusual(entry.hour, entry.rows_written, usual)
        for entry, past in compared
        if not (usual := median(past)) / factor <= entry.rows_written <= usual * factor
    ], len(compared)


def _past(entries: Mapping[Hour, Entry], hour: Hour) -> list[int]:
    """The rows of the same hour of past weeks, if enough of these are known."""
    same = [hour.plus(-week * _WEEK_HOURS) for week in range(1, WEEKS + 1)]
    rows = [entries[one].rows_written for one in same if one in entries]
    return rows if len(rows) >= LEAST_WEEKS else []
