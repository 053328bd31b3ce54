"""A year of live operation with its time compressed: the sensors, the sweep, the schedules and the
checks of the platform, a Dagster instance, and faults."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final
from unittest import mock

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType

from etl_platform.components import sweep
from etl_platform.components.collection import collections
from etl_platform.components.retention import forget
from etl_platform.components.sensor import MANIFEST_SENSOR, Queues, manifest_sensor
from etl_platform.components.sweep import MANIFEST_SWEEP, manifest_sweep
from etl_platform.contract.errors import PlatformError
from etl_platform_tests.benchmarks.year import home
from etl_platform_tests.benchmarks.year.feed import Buckets, Feed
from etl_platform_tests.benchmarks.year.home import Size, TickingDaemon
from etl_platform_tests.benchmarks.year.people import People
from etl_platform_tests.benchmarks.year.warehouse import Warehouse
from etl_platform_tests.benchmarks.year.workers import Workers
from etl_platform_tests.benchmarks.year.world import CLOCKED, NAMES, Span, World
from etl_platform_tests.components import daemon
from etl_platform_tests.components.daemon import Death
from etl_platform_tests.fakes.queue import MemoryQueue

_WALK: Final = 100
"""Manifests that a sweep looks at in its walk: here is a sweep every two hours, and not every two
minutes."""
_FOR_PEOPLE: Final = timedelta(days=3)
"""Without faults, at the end: time for retries and for people, apart from that of the walk."""
_FORGOTTEN: Final = 0.2
"""Of the ticks that died, those that Dagster does not resume."""
_MONTH: Final = timedelta(days=365 / 12)


@dataclass
class Month:
    """What a month came to."""

    ticks: int = 0
    longest_tick_s: float = 0.0
    size: Size = field(default_factory=lambda: Size({}, 0))
    runs: int = 0
    """All runs by then."""
    hours: int = 0
    """All hours that the warehouse has by then."""


@dataclass
class Year:
    """Everything that takes part, and what was seen of it."""

    world: World
    daemon: TickingDaemon
    sensors: dict[str, dg.SensorDefinition]
    schedule: dg.ScheduleDefinition
    buckets: Buckets
    warehouse: Warehouse
    feed: Feed
    workers: Workers
    people: People
    folder: Path
    months: list[Month] = field(default_factory=list)
    """The last one is the time after the year, when old runs are forgotten."""
    runs_forgotten: int = 0
    asked_twice: int = 0
    """Batches of which two runs were the same attempt."""

    def run(self) -> None:
        """All of it: the year, and the days after it in which everything has to come right."""
        world, span = self.world, self.world.span
        begin = span.first.start
        self.feed.begin()
        world.every(self._look_into_the_queue, begin, minutes=5)
        world.every(partial(self._tick, MANIFEST_SWEEP), begin + timedelta(minutes=50), hours=2)
        world.every(self._collect, begin + timedelta(minutes=15), hours=1)
        world.every(self.people.look, begin + timedelta(hours=8), days=1)
        world.every(self._purge, begin, days=1)
        for stretch in world.downs:
            world.at(stretch.begin, self.workers.go_down)
            world.at(stretch.end, self.workers.dequeue)
        while world.now < span.end.start:
            self.months.append(Month())
            world.go_on_until(min(world.now + _MONTH, span.end.start))
            self._end_month()
        self.asked_twice = home.doubled_marks(self.folder)
        self.runs_forgotten = forget(self.daemon.instance, world.clock, span.kept_days)
        self.months.append(Month())
        world.go_on_until(span.end.start + _FOR_PEOPLE + timedelta(hours=3 * span.hours / _WALK))
        self._end_month()
        self.asked_twice += home.doubled_marks(self.folder)

    @property
    def _is_down(self) -> bool:
        return any(stretch.has(self.world.now) for stretch in self.world.downs)

    def _look_into_the_queue(self) -> None:
        # A tick that finds nothing is left out: Dagster keeps it for a day.
        if len(self.buckets.queue):
            self._tick(MANIFEST_SENSOR)

    def _tick(self, name: str) -> None:
        """A tick of a sensor, which may die anywhere; a second one follows if it has done much."""
        if self._is_down:
            return
        odds, world = self.world.span.odds, self.world
        death = world.random.choice(list(Death)) if world.happens(odds.dead_tick) else None
        if world.happens(odds.lost_cursor):
            self.daemon.cursors[name] = '{"form": '
            self.buckets.counts["cursors lost"] += 1
        made = self._timed(name, death)
        if made or death is not None:
            world.after(self.workers.dequeue, seconds=1)
        if death is not None:
            self.buckets.counts["ticks that died"] += 1
            if world.happens(_FORGOTTEN):
                self.daemon.forget_what_is_written_down()
            world.after(partial(self._tick, name), seconds=30)
        elif made and name == MANIFEST_SENSOR:
            world.after(partial(self._tick, name), seconds=5)

    def _timed(self, name: str, death: Death | None) -> int:
        month, began = self.months[-1], time.perf_counter()
        made = 0
        # A queue or a bucket that does not answer fails the tick, and the next one goes on.
        with suppress(PlatformError):
            made = len(self.daemon.tick(self.sensors[name], death))
        month.ticks += 1
        month.longest_tick_s = max(month.longest_tick_s, time.perf_counter() - began)
        return made

    def _collect(self) -> None:
        clocked = self.world.span.contracts[CLOCKED]
        if not self._is_down and self.world.now > clocked.starts.start:
            self.daemon.tick_schedule(self.schedule)

    def _purge(self) -> None:
        for name in self.sensors:
            self.daemon.purge(name, InstigatorType.SENSOR)
        self.daemon.purge(self.schedule.name, InstigatorType.SCHEDULE)

    def _end_month(self) -> None:
        month = self.months[-1]
        month.size, month.runs, month.hours = (
            Size.of(self.folder),
            self.workers.runs,
            len(self.warehouse.rows),
        )


@contextmanager
def year(span: Span) -> Iterator[Year]:
    """A year that is ready to run."""
    world = World(span)
    dead_letters = MemoryQueue(world.clock)
    queue = MemoryQueue(world.clock, most_receives=5, dead_letters=dead_letters)
    buckets = Buckets(world.clock, world=world, queue=queue, dead_letters=dead_letters)
    warehouse = Warehouse(buckets)
    contracts = span.contracts
    queues = Queues(queue, dead_letters)
    with home.instance() as (instance, folder), mock.patch.object(sweep, "DEEP_MANIFESTS", _WALK):
        repository = daemon.repository_of(
            contracts,
            lambda jobs: [
                manifest_sensor(contracts, queues, jobs, world.clock),
                manifest_sweep(contracts, buckets, NAMES, warehouse.ledgers, jobs, world.clock),
            ],
        )
        (schedule,) = collections(contracts, buckets, NAMES, world.clock)
        names = (MANIFEST_SENSOR, MANIFEST_SWEEP)
        yield Year(
            world,
            TickingDaemon(instance, repository, clock=world.clock),
            {name: repository.get_sensor_def(name) for name in names},
            schedule,
            buckets,
            warehouse,
            Feed(world, buckets),
            Workers(world, instance, buckets, warehouse),
            People(world, buckets, warehouse),
            folder,
        )
