"""One more hour, landed live: each step of its way with the moment at which it was done."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from etl_platform.contract.errors import ServiceUnavailable
from etl_platform.dagster_api import Run
from etl_platform.load.ledger import Entry
from etl_platform.status import LandedHour
from infra.local.demo.feeder import Delivery, Feeder
from infra.local.demo.figures import loaded_at_s
from infra.local.demo.follow import JOB_PREFIX, Follower, Seen, queue_depth

_LOOK_EVERY_S = 0.1
_STEP_WITHIN_S = 120.0

T = TypeVar("T")


@dataclass(frozen=True)
class LiveHour:
    """The hour under way."""

    follower: Follower
    source: str
    landed: LandedHour
    put_at: float

    def steps(self) -> Iterator[tuple[str, float]]:
        """Each step with the moment at which it was done, in seconds since 1970."""
        _until("a message on the queue", lambda: queue_depth(self.follower.names) or self._run())
        yield "message queued", time.time()
        run = _until("a run", self._run)
        yield f"run {run.run_id[:8]} requested", run.created_at
        yield "manifest checked, files pinned", _until("the pin", lambda: self._materialized(run))
        reader = self.follower.readers[self.source]
        commit = _until(
            "the commit", lambda: reader.commits([self.landed]).get(self.landed.batch_id)
        )
        yield f"converted by {commit.engine}", commit.converted_at.timestamp()
        entry = _until("the ledger entry", lambda: self._entries().get(self.landed.batch_id))
        yield f"{entry.rows_applied} rows loaded", loaded_at_s(entry)

    def seen(self) -> Seen:
        """How the hour stands after its last step."""
        return Seen([self.landed], self._entries())

    def _entries(self) -> dict[str, Entry]:
        return self.follower.entries(self.source, [self.landed])

    def _run(self) -> Run | None:
        key = str(self.landed.hour)
        runs = self.follower.dagster.runs(self.put_at, JOB_PREFIX + self.source)
        return next((r for r in runs if r.hour_keys[0] <= key <= r.hour_keys[1]), None)

    def _materialized(self, run: Run) -> float | None:
        said = self.follower.dagster.events(run.run_id)
        if said.failures:
            raise ServiceUnavailable("dagster", f"run {run.run_id}", said.failures[0])
        return said.materialized_at.get(("raw", str(self.landed.hour)))


def put_live(follower: Follower, feeder: Feeder, delivery: Delivery) -> LiveHour:
    """Land the hour."""
    # Messages that are served leave the queue with the next look of the sensor.
    _until("an empty queue", lambda: None if queue_depth(follower.names) else True)
    put_at = feeder.land(delivery)
    (landed,) = follower.readers[delivery.source].landed([delivery.hour])
    return LiveHour(follower, delivery.source, landed, put_at)


def land_live(follower: Follower, feeder: Feeder, delivery: Delivery, console: Console) -> LiveHour:
    """Land the hour and print its way as it goes."""
    hour = put_live(follower, feeder, delivery)
    _print_step(console, "manifest put", 0.0, 0.0)
    before = hour.put_at
    for name, moment in hour.steps():
        _print_step(console, name, moment - hour.put_at, moment - before)
        before = moment
    return hour


def _until(wanted: str, look: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + _STEP_WITHIN_S
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise ServiceUnavailable("the platform", f"bring {wanted}", "it took too long")
        time.sleep(_LOOK_EVERY_S)


def _print_step(console: Console, name: str, since_put_s: float, since_last_s: float) -> None:
    line = Text.assemble(f"  {since_put_s:6.1f} s  ", (f"+{since_last_s:5.1f} s  ", "dim"), name)
    console.print(line)
