"""The sure way: look into the buckets for manifests that no event announced.

Each tick looks at the recent hours of every source, and walks on through all hours of all sources.
What it finds is compared with the runs that were asked for and with what is loaded; what a tick
costs depends on how far it looks, and not on how much there is. Before a run is asked for, the
ledger is: what that has and Dagster does not know, Dagster is told.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import dagster as dg

from etl_platform.components import events
from etl_platform.components.forgotten import MOST_TOLD, Ledgers, forgotten
from etl_platform.components.past import Past, run_request
from etl_platform.components.sensor import MOST_REQUESTS, Clock, utc_now
from etl_platform.contract.errors import PlatformError
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.ingest.arrivals import Arrival, Ask, Contracts, Wanted, plan
from etl_platform.ingest.landed import Landed, landed
from etl_platform.ingest.sweep import GRACE, RECENT_HOURS, Position, from_source, hours_so_far
from etl_platform.load.ledger import Entry

MANIFEST_SWEEP: Final = "manifest_sweep"

INTERVAL_S: Final = 120
"""A lookup of 48 hours is a request to S3 for each source: at this pace, half a cent a day."""
RECENT_BUDGET_S: Final = 12.0
DEEP_BUDGET_S: Final = 8.0
"""Together far below the 60 s that Dagster gives a tick, with time for the comparison."""
DEEP_MANIFESTS: Final = 2000
"""What one tick looks at in its walk: with the interval, a million manifests and more a day."""
_SOURCES_AT_ONCE: Final = 16
_CUT_OFF_FOR: Final = timedelta(minutes=30)
"""So long the ledger is asked for the hours of a run that was cancelled."""


def manifest_sweep(
    contracts: Contracts,
    storage: Storage,
    names: Names,
    ledgers: Ledgers,
    jobs: Sequence[Any],
    clock: Clock = utc_now,
) -> dg.SensorDefinition:
    """The second sensor of the installation, which needs no event."""

    @dg.sensor(
        name=MANIFEST_SWEEP,
        jobs=jobs,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks into the raw buckets for hours that no event announced and asks for"
        " their runs: the sure way. Recent hours each time, all hours in a slow walk.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        sweep = _Sweep(contracts, storage, names, ledgers, clock(), context.log)
        before = Position.read(context.cursor)
        past = Past(context.instance)
        recent, position = sweep.recent(before)
        deep, position = sweep.deep(position)
        asks, told = sweep.compare(past, {*recent, *deep})
        if len(asks) > MOST_REQUESTS or len(told) > MOST_TOLD:
            # What is left over of the recent hours is found again; of the walk, from here.
            position = replace(position, deep=before.deep, after=before.after)
        return dg.SensorResult(
            run_requests=[run_request(ask) for ask in asks[:MOST_REQUESTS]] or None,
            skip_reason=None if asks else _why(len(recent), len(deep), len(told), position),
            asset_events=[e for entry in told[:MOST_TOLD] for e in events.told_again(entry)],
            cursor=position.written(),
        )

    return sensor


@dataclass(frozen=True)
class _Sweep:
    contracts: Contracts
    storage: Storage
    names: Names
    ledgers: Ledgers
    now: datetime
    log: logging.Logger

    @property
    def _hour(self) -> Hour:
        return Hour.containing(self.now)

    def recent(self, position: Position) -> tuple[list[Arrival], Position]:
        """The manifests of the recent hours, of as many sources as there is time for."""
        deadline = time.monotonic() + RECENT_BUDGET_S
        found: list[Arrival] = []
        waiting = list(from_source(self.contracts, position.recent))
        with ThreadPoolExecutor(_SOURCES_AT_ONCE) as pool:
            while waiting and time.monotonic() < deadline:
                some, waiting = waiting[:_SOURCES_AT_ONCE], waiting[_SOURCES_AT_ONCE:]
                looks = pool.map(lambda contract: self._recent_of(contract, deadline), some)
                found += [arrival for look in looks for arrival in look]
        return found, replace(position, recent=waiting[0].source if waiting else "")

    def deep(self, position: Position) -> tuple[list[Arrival], Position]:
        """A few thousand manifests further on the walk, through as many sources as these take."""
        deadline = time.monotonic() + DEEP_BUDGET_S
        found: list[Arrival] = []
        for contract in from_source(self.contracts, position.deep):
            after = position.after if contract.source == position.deep else ""
            look = self._deep_of(contract, after, DEEP_MANIFESTS - len(found), deadline)
            found += self._ripe(look)
            if look.last_key is not None:
                return found, replace(position, deep=contract.source, after=look.last_key)
            if len(found) >= DEEP_MANIFESTS or time.monotonic() > deadline:
                following = self._following(contract.source)
                return found, replace(position, deep=following, after="")
        return found, replace(position, deep="", after="")

    def compare(self, past: Past, arrivals: set[Arrival]) -> tuple[list[Ask], list[Entry]]:
        """The runs for what is not loaded and was never asked for, or failed and is due again; and
        the entries of what is loaded, though Dagster does not know it."""
        attempts = past.attempts(arrivals)
        left_over = sorted(arrivals - past.loaded(arrivals))
        wanted = {
            arrival: Wanted(arrival, attempts[arrival] + 1)
            for arrival in left_over
            if not attempts[arrival] or self._is_due(past, Wanted(arrival, attempts[arrival]))
        }
        unsure = [*wanted, *self._cut_off(past, [one for one in left_over if one not in wanted])]
        told = forgotten(self.contracts, self.ledgers, unsure, self.log)
        left = [wanted[arrival] for arrival in wanted if arrival not in told]
        return plan(self.contracts, left, self._hour), list(told.values())

    def _cut_off(self, past: Past, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """Those whose run has ended a while ago without a word."""
        if not arrivals:
            return []
        # Not for ever: a look into the ledger wakes a warehouse that is paused.
        batch_ids = past.cut_off(self.now - _CUT_OFF_FOR)
        return [one for one in arrivals if one.batch_id in batch_ids]

    def _is_due(self, past: Past, last: Wanted) -> bool:
        """Whether the last run for it has failed, and it is time for the next."""
        wait = self.contracts[last.arrival.source].retries.wait(last.attempt)
        if wait is None:
            return False
        failed_at = past.passing_fault(last)
        return failed_at is not None and self.now >= failed_at + wait

    def _recent_of(self, contract: SourceContract, deadline: float) -> list[Arrival]:
        hours = hours_so_far(contract, self._hour, RECENT_HOURS)
        look = self._look(contract, hours, "", lambda _: time.monotonic() < deadline)
        return list(self._ripe(look))

    def _deep_of(self, contract: SourceContract, after: str, most: int, deadline: float) -> Landed:
        hours = hours_so_far(contract, self._hour)

        def goes_on(found: int) -> bool:
            return found < most and time.monotonic() < deadline

        return self._look(contract, hours, after, goes_on)

    def _look(
        self,
        contract: SourceContract,
        hours: tuple[Hour, Hour] | None,
        after: str,
        goes_on: Callable[[int], bool],
    ) -> Landed:
        if hours is None:
            return Landed((), None)
        try:
            return landed(self.storage, self.names, contract.source, *hours, after, goes_on)
        except PlatformError as error:
            # A bucket that is not there yet, say: the other sources are looked at all the same.
            self.log.error(f"{contract.source} was not looked at: {error}")
            return Landed((), None)

    def _ripe(self, look: Landed) -> Iterator[Arrival]:
        oldest_left = self.now - GRACE
        return (arrival for arrival, written_at in look.manifests if written_at <= oldest_left)

    def _following(self, source: str) -> str:
        return next((name for name in sorted(self.contracts) if name > source), "")


def _why(recent: int, deep: int, told: int, position: Position) -> str:
    if told:
        return f"{told} hours are in the ledger, and Dagster did not know: it is told again"
    place = f"{position.deep} {position.after.rstrip('/')}".strip() or "the first source"
    return (
        f"nothing is missing among {recent} recent manifests and {deep} of the walk,"
        f" which goes on at {place}"
    )
