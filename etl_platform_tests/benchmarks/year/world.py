"""What the year consists of: its time, its chances, and what is to happen when."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import count
from random import Random
from typing import Final

from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.source import SourceContract
from etl_platform_tests.components.clock import Clock
from etl_platform_tests.components.sources import contract

NAMES: Final = Names("etl-year")
TOLD: Final = "orders"
"""The source that sends a manifest with each hour."""
CLOCKED: Final = "visits"
"""The source that sends files only: its manifests are written by the clock."""


@dataclass(frozen=True)
class Odds:
    """How often each fault happens: shares of hours, of events, of runs and of ticks."""

    # of hours
    absent_hour: float = 0.003
    late_hour: float = 0.02
    rewritten_hour: float = 0.03
    bad_data: float = 0.01
    bad_manifest: float = 0.003
    early_manifest: float = 0.003
    mended: float = 0.8
    # of events
    lost_event: float = 0.02
    late_event: float = 0.03
    doubled_event: float = 0.05
    poison: float = 0.005
    # of runs
    passing_fault: float = 0.03
    lost_run: float = 0.01
    lost_after_commit: float = 0.01
    unknown_commit: float = 0.005
    failed_for_good: float = 0.003
    unaccounted: float = 0.003
    cancelled: float = 0.002
    # of ticks
    dead_tick: float = 0.005
    lost_cursor: float = 0.001


@dataclass(frozen=True)
class Span:
    """How long a year is, and how often everything is down in it."""

    hours: int
    clocked_hours: int
    """The second source sends the last ones of them only."""
    downs: int
    """Times at which Dagster is down for some hours; the longest for three days."""
    outages: int
    """Times at which the warehouse or S3 does not answer for some hours."""
    kept_days: int = 30
    """How long runs are kept, once the year is over."""
    seed: int = 1
    odds: Odds = field(default_factory=Odds)

    @property
    def first(self) -> Hour:
        return Hour.parse("2014-01-01-00")

    @property
    def end(self) -> Hour:
        return self.first.plus(self.hours)

    @cached_property
    def contracts(self) -> dict[str, SourceContract]:
        later = self.end.plus(-self.clocked_hours)
        arrives = {"schedule": "15 * * * *", "look_back_hours": 168}
        return {
            TOLD: contract(TOLD, starts=str(self.first), expected={"hours": 168}),
            CLOCKED: contract(CLOCKED, starts=str(later), arrives=arrives),
        }


@dataclass(frozen=True)
class Stretch:
    """From one moment to another."""

    begin: datetime
    end: datetime

    def has(self, moment: datetime) -> bool:
        return self.begin <= moment < self.end

    def touches(self, since: datetime, until: datetime) -> bool:
        return self.begin < until and since < self.end


@dataclass
class World:
    """The clock, the chances, and what is to come: one thing after the other, no sleep between."""

    span: Span
    clock: Clock = field(default_factory=Clock)
    _coming: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        self.clock.now = self.span.first.start
        self.random = Random(self.span.seed)  # noqa: S311
        self.downs = self._stretches(self.span.downs, longest_h=72)
        self.outages = self._stretches(self.span.outages, longest_h=9)

    @property
    def now(self) -> datetime:
        return self.clock.now

    @property
    def is_over(self) -> bool:
        """Whether the faults have ended: then everything has to come right."""
        return self.now >= self.span.end.start

    def happens(self, share: float) -> bool:
        return not self.is_over and self.random.random() < share

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._coming, (moment, next(self._numbers), action))

    def after(self, action: Callable[[], None], **wait: float) -> None:
        self.at(self.now + timedelta(**wait), action)

    def every(self, action: Callable[[], None], first: datetime, **pause: float) -> None:
        """Do it again and again."""

        def again() -> None:
            self.after(again, **pause)
            action()

        self.at(first, again)

    def go_on_until(self, moment: datetime) -> None:
        while self._coming and self._coming[0][0] <= moment:
            due, _, action = heapq.heappop(self._coming)
            self.clock.now = max(self.now, due)
            action()
        self.clock.now = moment

    def _stretches(self, number: int, longest_h: float) -> list[Stretch]:
        """Some stretches that do not touch, the middle one the longest."""
        if not number:
            return []
        apart = timedelta(hours=self.span.hours) / (number + 1)
        found = []
        for place in range(1, number + 1):
            begin = self.now + place * apart + apart * self.random.uniform(-0.2, 0.2)
            is_longest = place == (number + 1) // 2
            hours = longest_h if is_longest else self.random.uniform(0.5, 9)
            found.append(Stretch(begin, begin + min(timedelta(hours=hours), apart / 2)))
        return found
