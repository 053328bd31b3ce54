"""A range of hours of one source, asked for by a person and followed until it is through.

Hours that are loaded, or that a run has in hand already, are not asked for again. So a backfill can
be ended and given again at any time, and does what is left.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from etl_platform.components.past import run_request
from etl_platform.components.s3_to_redshift import job_name
from etl_platform.contract.hour import Hour
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.dagster_api import DagsterApi, Run
from etl_platform.ingest.arrivals import Arrival, Ask, Wanted, plan_backfill
from etl_platform.status import LandedHour, StatusReader

POLL_S: Final = 1.0
_ALWAYS: Final = 0.0
_PARTITION_TAG: Final = "dagster/partition"


@dataclass(frozen=True)
class Look:
    """How far a backfill has come."""

    landed: Sequence[LandedHour]
    loaded: frozenset[Hour]
    blocked: dict[Hour, str] = field(default_factory=dict)
    """Why, in the platform's own words."""
    failures: tuple[str, ...] = ()
    """What runs said that ended by something else."""
    runs_under_way: int = 0

    @property
    def left(self) -> list[Hour]:
        """Hours that are neither loaded nor blocked."""
        return [
            one.hour
            for one in self.landed
            if one.hour not in self.loaded and one.hour not in self.blocked
        ]

    @property
    def is_whole(self) -> bool:
        return not self.left and not self.blocked


@dataclass(frozen=True)
class Backfill:
    """Asks for hours of one source, and follows them."""

    contract: SourceContract
    reader: StatusReader
    warehouse: Warehouse
    dagster: DagsterApi
    sleep: Callable[[float], None] = time.sleep

    def landed(self, first: Hour, last: Hour) -> list[LandedHour]:
        """The hours of the range that the source has sent."""
        hours = [hour for hour in first.through(last) if self.contract.sends(hour)]
        return self.reader.landed(hours)

    def ask(self, landed: Sequence[LandedHour]) -> list[str]:
        """Ask for runs for what is left of the hours; the ids of these runs, and of runs that had
        some of the hours in hand before."""
        loaded = self._loaded(landed)
        before = [run for run in self._runs() if not run.ended]
        in_hand = {hour for run in before for hour in _hours_of(run)}
        left = [one for one in landed if one.hour not in loaded]
        wanted = [self._wanted(one) for one in left if one.hour not in in_hand]
        asked = [self._launch(ask) for ask in plan_backfill(self.contract, wanted)]
        ours = {one.hour for one in left}
        return [*asked, *(run.run_id for run in before if ours & set(_hours_of(run)))]

    def follow(
        self, landed: Sequence[LandedHour], run_ids: Iterable[str], on_look: Callable[[Look], None]
    ) -> Look:
        """Look until every run has ended; `on_look` is told of each look."""
        wanted = set(run_ids)
        loaded: frozenset[Hour] = frozenset()
        while True:
            runs = [run for run in self._runs() if run.run_id in wanted]
            under_way = sum(not run.ended for run in runs)
            # A year of hours is thousands of batches: those that are loaded stay so.
            loaded |= self._loaded([one for one in landed if one.hour not in loaded])
            look = Look(landed, loaded, runs_under_way=under_way)
            if not under_way:
                return self._heard(look, runs)
            on_look(look)
            self.sleep(POLL_S)

    def _heard(self, look: Look, runs: Sequence[Run]) -> Look:
        """What the runs said of hours that are not loaded."""
        blocked: dict[Hour, str] = {}
        failures: list[str] = []
        for run in sorted(runs, key=lambda run: run.created_at):
            said = self.dagster.events(run.run_id)
            blocked |= {Hour.parse(key): why for (_, key), why in said.blocked.items() if key}
            failures += said.failures
        left = {one.hour for one in look.landed} - look.loaded
        kept = {hour: why for hour, why in sorted(blocked.items()) if hour in left}
        # A run of which every hour is blocked fails, and says the same once more.
        others = [said for said in failures if not any(why in said for why in blocked.values())]
        return Look(look.landed, look.loaded, kept, tuple(dict.fromkeys(others)))

    def _loaded(self, landed: Sequence[LandedHour]) -> frozenset[Hour]:
        entries = self.reader.entries(self.warehouse, landed)
        # The transaction ends, or the next look would see the same.
        self.warehouse.rollback()
        return frozenset(one.hour for one in landed if one.batch_id in entries)

    def _runs(self) -> list[Run]:
        return self.dagster.runs(_ALWAYS, job_name(self.contract.source))

    def _wanted(self, one: LandedHour) -> Wanted:
        return Wanted(Arrival(self.contract.source, one.hour, one.manifest_version), 1)

    def _launch(self, ask: Ask) -> str:
        request = run_request(ask)
        hour = {_PARTITION_TAG: request.partition_key} if request.partition_key else {}
        return self.dagster.launch(str(request.job_name), {**request.tags, **hour})


def _hours_of(run: Run) -> list[Hour]:
    first, last = run.hour_keys
    return list(Hour.parse(first).through(Hour.parse(last))) if first else []
