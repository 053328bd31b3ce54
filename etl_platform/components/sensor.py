"""The fast way: ask for runs for the hours that the queue announces.

A message leaves the queue only when a run that it asked for exists: a tick that dies in between
loses nothing, because the message comes back, and the tags of runs keep it from asking twice.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg

from etl_platform.components.past import Past, run_request
from etl_platform.contract.errors import PlatformError
from etl_platform.contract.hour import Hour
from etl_platform.contract.messaging import MessageQueue, Received
from etl_platform.ingest import inbox
from etl_platform.ingest.arrivals import Contracts, Wanted, plan
from etl_platform.ingest.inbox import InHand, Refused, by_hour, sorted_out

MANIFEST_SENSOR: Final = "manifest_sensor"

MOST_REQUESTS: Final = 50
"""Runs that one tick asks for. Dagster makes them one by one; the rest waits for the next tick."""
MOST_IN_HAND: Final = 1000
"""Messages that are received and not served: they are the cursor, which is kept with each tick."""
BUDGET_S: Final = 20.0
"""Dagster gives a tick 60 s, and forgets all that it did if it takes longer."""
_RECEIVED_AT_ONCE: Final = 100
INTERVAL_S: Final = 5
"""Dagster looks every 5 s for sensors whose turn it is."""
_WAIT_S: Final = 5
"""A tick that finds nothing waits at the queue until the next one is due: most messages are met by
a tick that waits for them."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Queues:
    """The queue of batch requests, and where a message goes that no run can be asked for."""

    batches: MessageQueue
    dead_letters: MessageQueue


def manifest_sensor(
    contracts: Contracts, queues: Queues, jobs: Sequence[Any], clock: Clock = utc_now
) -> dg.SensorDefinition:
    """The one sensor of the queue; every source shares it."""

    @dg.sensor(
        name=MANIFEST_SENSOR,
        jobs=jobs,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for a run for each hour whose manifest the queue announces: the fast"
        " way. What it refuses is in the log of its tick and in `etl-platform refused`.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        tick = _Tick(contracts, queues, Past(context.instance), clock())
        hand, refused = tick.look(context, inbox.read(context.cursor), 0)
        if not hand and not refused:
            hand, refused = tick.look(context, hand, _WAIT_S)
        asks = tick.asks(hand)
        return dg.SensorResult(
            run_requests=[run_request(ask) for ask in asks] or None,
            skip_reason=None if asks else _why(refused),
            cursor=inbox.written(hand),
        )

    return sensor


@dataclass(frozen=True)
class _Tick:
    contracts: Contracts
    queues: Queues
    past: Past
    now: datetime

    def look(
        self, context: dg.SensorEvaluationContext, hand: list[InHand], wait_s: int
    ) -> tuple[list[InHand], int]:
        """What is in hand after a look into the queue, and how much was refused."""
        hand, refused = self.receive(hand, wait_s)
        self.refuse(context, refused)
        return self.without_served(hand), len(refused)

    def receive(self, hand: list[InHand], wait_s: int) -> tuple[list[InHand], list[Refused]]:
        """The hand with what the queue brings, and what is refused of it."""
        deadline = time.monotonic() + BUDGET_S
        received: list[Received] = []
        while (room := MOST_IN_HAND - len(hand) - len(received)) > 0:
            some = self.queues.batches.receive(min(room, _RECEIVED_AT_ONCE), wait_s=wait_s)
            received += some
            wait_s = 0
            if not some or time.monotonic() > deadline:
                break
        brought, refused = sorted_out(received, self.contracts, Hour.containing(self.now))
        # A message that came back has a new receipt, and the old one is worth nothing.
        again = {message.message_id for message in brought}
        return [m for m in hand if m.message_id not in again] + brought, refused

    def refuse(self, context: dg.SensorEvaluationContext, refused: list[Refused]) -> None:
        """Put messages among the dead letters, with their reasons."""
        for one in refused:
            context.log.warning(f"refused message {one.message.message_id}: {one.error}")
        try:
            self.queues.dead_letters.send([one.letter() for one in refused])
            self.queues.batches.delete([one.message.receipt for one in refused])
        except PlatformError as error:
            # They come back, and go there without a reason in the end. The others must go on.
            context.log.error(f"refused messages stay in the queue: {error}")

    def without_served(self, hand: list[InHand]) -> list[InHand]:
        """Delete the messages whose runs exist; the others, with the attempt that they ask for."""
        newest = [messages[-1] for messages in by_hour(hand)]
        attempts = self.past.attempts([message.arrival for message in newest])
        loaded = self.past.loaded([m.arrival for m in newest if not m.attempt])
        kept, served = [], []
        for messages in by_hour(hand):
            last = messages[-1]
            made = attempts[last.arrival]
            attempt = last.attempt or (made + 1 if self._asks(last, made) else made)
            if made >= attempt or last.arrival in loaded:
                served += messages
            else:
                kept += [*messages[:-1], last.asking(attempt)]
        self.queues.batches.delete([message.receipt for message in served])
        return kept

    def _asks(self, message: InHand, made: int) -> bool:
        """Whether a message asks for a run, or tells once more of one that there was."""
        if not made:
            return True
        run = self.past.run_of(Wanted(message.arrival, made))
        # Sent after its run had ended, and the hour is not loaded: somebody asks again.
        ended_at = run.end_time if run and run.dagster_run.is_finished else None
        return ended_at is not None and message.sent_at.timestamp() > ended_at

    def asks(self, hand: list[InHand]) -> list[Any]:
        wanted = [messages[-1].wanted for messages in by_hour(hand)]
        return plan(self.contracts, wanted, Hour.containing(self.now))[:MOST_REQUESTS]


def _why(refused: int) -> str:
    if refused:
        return f"{refused} messages were refused: see the log of this tick"
    return "no manifest has arrived"
