"""What is true of each hour of a source, by its manifest in S3, the ledger and its contract.

The rule is one and pure, for `etl-platform hours` and for the check `completeness`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from etl_platform.contract.hour import Hour
from etl_platform.ingest.blocked import BlockedHour
from etl_platform.ingest.landed import landed
from etl_platform.load.ledger import Entry
from etl_platform.status import LandedHour, StatusReader


class State(StrEnum):
    """Of an hour exactly one is true; none of an hour that has nothing and is not due."""

    LOADED = "loaded"  # the ledger has its manifest, and never had another
    CORRECTED = "corrected"  # the ledger has its manifest, and others of the hour
    STALE = "stale"  # the ledger has another manifest of the hour, and the one in S3 waits
    LANDED = "landed"  # its manifest waits, and the ledger has none
    BLOCKED = "blocked"  # its manifest waits, and an error says why
    MISSING = "missing"  # it is due, and no manifest has landed


@dataclass(frozen=True)
class HourState:
    """One hour and what is true of it."""

    hour: Hour
    state: State
    is_in_ledger: bool
    """Whether some manifest of it is loaded, if not the one in S3."""
    waits_since: datetime | None = None
    """When the manifest was written that is not loaded."""
    error_code: str | None = None


def states(
    hours: Iterable[Hour],
    due: Collection[Hour],
    manifests: Mapping[Hour, LandedHour],
    entries: Iterable[Entry],
    blocked: Mapping[str, BlockedHour],
) -> list[HourState]:
    """The states of hours. `manifests` are those in S3 now; `blocked` has errors by batch."""
    batches = _batches(entries)
    found = []
    for hour in hours:
        manifest, known = manifests.get(hour), batches.get(hour, set())
        if manifest is not None and manifest.batch_id not in known:
            error = blocked.get(manifest.batch_id)
            state = State.BLOCKED if error else State.STALE if known else State.LANDED
            code = error.error_code if error else None
            found.append(HourState(hour, state, bool(known), manifest.manifest_at, code))
        elif known:
            # A manifest that a lifecycle rule took away was loaded all the same.
            state = State.CORRECTED if len(known) > 1 else State.LOADED
            found.append(HourState(hour, state, is_in_ledger=True))
        elif hour in due:
            found.append(HourState(hour, State.MISSING, is_in_ledger=False))
    return found


def look(
    reader: StatusReader, hours: Sequence[Hour], due: Collection[Hour], entries: Iterable[Entry]
) -> list[HourState]:
    """The states of hours in a row, by what lies in S3: a listing of their manifests, and a
    request for each of them that is not loaded. `entries` are those of the ledger."""
    if not hours:
        return []
    source, entries = reader.contract.source, list(entries)
    listed = landed(reader.storage, reader.names, source, hours[0], hours[-1]).manifests
    manifests = {
        arrival.hour: LandedHour(
            arrival.hour, arrival.manifest_version, arrival.batch_id, written_at
        )
        for arrival, written_at in listed
    }
    loaded = {entry.batch_id for entry in entries}
    waiting = [item for item in manifests.values() if item.batch_id not in loaded]
    return states(hours, due, manifests, entries, reader.blocked(waiting))


def _batches(entries: Iterable[Entry]) -> dict[Hour, set[str]]:
    found: dict[Hour, set[str]] = {}
    for entry in entries:
        found.setdefault(entry.hour, set()).add(entry.batch_id)
    return found


COLUMNS: Final = ("from", "to", "hours", "state", "blocked by")


def rows(found: Iterable[HourState]) -> Iterator[tuple[str, str, int, str, str | None]]:
    """Hours that follow each other in one state as one row under `COLUMNS`."""
    stretch: list[HourState] = []
    for one in found:
        if stretch and not _continues(stretch[-1], one):
            yield _row(stretch)
            stretch = []
        stretch.append(one)
    if stretch:
        yield _row(stretch)


def _continues(last: HourState, one: HourState) -> bool:
    same = (last.state, last.error_code) == (one.state, one.error_code)
    return same and one.hour == last.hour.plus(1)


def _row(stretch: Sequence[HourState]) -> tuple[str, str, int, str, str | None]:
    first, last = stretch[0], stretch[-1]
    return str(first.hour), str(last.hour), len(stretch), first.state.value, first.error_code
