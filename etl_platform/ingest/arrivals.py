"""Hours that have arrived, and the runs to ask for: the same for an event and for a sweep."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from etl_platform.contract.batch import batch_id
from etl_platform.contract.errors import HourRefused, PlatformError, SourceUnknown
from etl_platform.contract.hour import Hour, stretches
from etl_platform.contract.source import SourceContract

Contracts = Mapping[str, SourceContract]

FRESH_HOURS: Final = 2
"""The hour under way and the one before it are fresh: each gets a run of its own, and soon."""

FRESH, LATE, BACKFILL = 10, 0, -10
"""Priorities of runs: the greatest leaves the run queue first."""

_BRIDGED: Final = 23
"""Absent hours that a stretch may hold in a row: a source that sends once a day has as many, and
while a backlog lands, events arrive in some disorder. A run passes over hours without a manifest
at a look each, which costs less than a second run."""


@dataclass(frozen=True, order=True)
class Arrival:
    """One version of one hour's manifest that was seen."""

    source: str
    hour: Hour
    manifest_version: str

    @property
    def batch_id(self) -> str:
        return batch_id(self.source, self.hour, self.manifest_version)


@dataclass(frozen=True)
class Wanted:
    """An arrival that a run is to be asked for, for the first time or again."""

    arrival: Arrival
    attempt: int

    @property
    def mark(self) -> str:
        """What the run says of this hour: which batch it was asked for, and for which time."""
        return f"{self.arrival.batch_id}.{self.attempt}"


@dataclass(frozen=True)
class Ask:
    """One run to ask for: an hour, or a stretch of hours of one source."""

    source: str
    first: Hour
    last: Hour
    wanted: tuple[Wanted, ...]
    priority: int

    @property
    def run_key(self) -> str:
        """The same manifests ask for the same run, however often and in whatever order they arrive.

        Dagster never starts a second run of a key, also after a failure: so the attempt is in it.
        """
        marks = sorted(f"{one.arrival.hour}={one.mark}" for one in self.wanted)
        digest = hashlib.sha256("|".join(marks).encode()).hexdigest()[:16]
        return f"{self.source}|{self.first}|{self.last}|{digest}"

    @property
    def attempt(self) -> int:
        return max(one.attempt for one in self.wanted)


def refusal(contracts: Contracts, source: str, hour: Hour, now: Hour) -> PlatformError | None:
    """Why no run can be asked for this hour, if so."""
    contract = contracts.get(source)
    if contract is None:
        return SourceUnknown(source, sorted(contracts))
    if hour < contract.starts:
        return HourRefused(
            source, str(hour), "lies before the first hour", f"{contract.starts} or later"
        )
    if not contract.sends(hour):
        return HourRefused(
            source, str(hour), "lies after the last hour", f"an hour before {contract.ends}"
        )
    if hour > now:
        return HourRefused(source, str(hour), "lies in the future", f"{now} or earlier")
    return None


def plan(contracts: Contracts, wanted: Iterable[Wanted], now: Hour) -> list[Ask]:
    """The runs to ask for, the most urgent first.

    Fresh hours stand alone. Late ones of a source are asked for by stretches of at most
    `hours_per_run`, oldest first, the sources in turn: none waits behind the backlog of another.
    """
    fresh, late = [], defaultdict(list)
    for one in sorted(wanted, key=lambda one: one.arrival):
        if one.arrival.hour > now.plus(-FRESH_HOURS):
            fresh.append(_ask([one], FRESH))
        else:
            late[one.arrival.source].append(one)
    piles = [list(_stretched(contracts[source], pile)) for source, pile in late.items()]
    turns = max((len(asks) for asks in piles), default=0)
    return fresh + [asks[turn] for turn in range(turns) for asks in piles if turn < len(asks)]


def plan_backfill(contract: SourceContract, wanted: Iterable[Wanted]) -> list[Ask]:
    """The runs for hours that somebody asks for: they let all others pass."""
    return list(_stretched(contract, sorted(wanted, key=lambda one: one.arrival), BACKFILL))


def _stretched(contract: SourceContract, pile: list[Wanted], priority: int = LATE) -> Iterator[Ask]:
    hours = [one.arrival.hour for one in pile]
    for first, last in stretches(hours, contract.hours_per_run, _BRIDGED):
        yield _ask([one for one in pile if first <= one.arrival.hour <= last], priority)


def _ask(wanted: list[Wanted], priority: int) -> Ask:
    hours = [one.arrival.hour for one in wanted]
    return Ask(wanted[0].arrival.source, min(hours), max(hours), tuple(wanted), priority)
