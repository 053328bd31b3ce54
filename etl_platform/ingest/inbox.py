"""The messages of the queue: what each asks for, why one is refused, and what a tick keeps in hand.

A message stays in hand from the tick that receives it to the one that sees its run. The hand is the
cursor of the sensor: if it is lost, the queue delivers the messages again.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from etl_platform.contract.errors import HourInvalid, PlatformError
from etl_platform.contract.hour import Hour
from etl_platform.contract.messaging import Outgoing, Received
from etl_platform.ingest.arrivals import Arrival, Contracts, Wanted, refusal
from etl_platform.ingest.message import BatchRequest

CODE, REASON = "code", "reason"
"""The attributes that a dead letter says its reason in."""

_FORM: Final = 2
_LONGEST_REASON: Final = 1000
_SEQUENCER_LENGTH: Final = 64


@dataclass(frozen=True)
class InHand:
    """A message that asks for a run. `attempt` is 0 until it is decided which one it asks for."""

    message_id: str
    receipt: str
    arrival: Arrival
    sequencer: str
    sent_at: datetime
    attempt: int = 0

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.arrival, self.attempt)

    def asking(self, attempt: int) -> "InHand":
        return replace(self, attempt=attempt)

    @property
    def order(self) -> str:
        """S3 compares sequencers of one key as texts, the shorter filled with zeros at its right
        (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
        """
        return self.sequencer.lower().ljust(_SEQUENCER_LENGTH, "0")


@dataclass(frozen=True)
class Refused:
    """A message that no run can be asked for, and why."""

    message: Received
    error: PlatformError

    def letter(self) -> Outgoing:
        """For the dead-letter queue: the same body, with the reason beside it."""
        message_id = self.message.message_id
        reason = str(self.error)[:_LONGEST_REASON]
        # A group of its own: in a queue of dead letters, none may hold back another.
        return Outgoing(
            self.message.body, message_id, message_id, {CODE: self.error.code, REASON: reason}
        )


def sorted_out(
    received: Iterable[Received], contracts: Contracts, now: Hour
) -> tuple[list[InHand], list[Refused]]:
    """The messages that can be served, and those that never can."""
    served, refused = [], []
    for message in received:
        try:
            request = BatchRequest.from_json(message.body)
        except PlatformError as error:
            refused.append(Refused(message, error))
            continue
        error_of_hour = refusal(contracts, request.source, request.hour, now)
        if error_of_hour is not None:
            refused.append(Refused(message, error_of_hour))
            continue
        arrival = Arrival(request.source, request.hour, request.manifest_version)
        served.append(
            InHand(message.message_id, message.receipt, arrival, request.sequencer, message.sent_at)
        )
    return served, refused


def by_hour(messages: Iterable[InHand]) -> list[list[InHand]]:
    """The messages of each hour, the newest manifest last: it is the one that a run will read."""
    hours: dict[tuple[str, Hour], list[InHand]] = defaultdict(list)
    for message in messages:
        hours[message.arrival.source, message.arrival.hour].append(message)
    return [sorted(found, key=lambda m: (m.order, m.sent_at)) for found in hours.values()]


def written(hand: Sequence[InHand]) -> str:
    """The hand as the cursor of the sensor."""
    rows = [
        (
            *(m.message_id, m.receipt, m.arrival.source, str(m.arrival.hour)),
            *(m.arrival.manifest_version, m.sequencer, m.sent_at.isoformat(), m.attempt),
        )
        for m in hand
    ]
    return json.dumps({"form": _FORM, "messages": rows})


def read(cursor: str | None) -> list[InHand]:
    """The hand of the last tick. One that cannot be read costs a redelivery, never a message."""
    try:
        document = json.loads(cursor or "null")
        if not isinstance(document, dict) or document.get("form") != _FORM:
            return []
        return [_read_row(row) for row in document["messages"]]
    except (ValueError, TypeError, KeyError, RecursionError, HourInvalid):
        return []


def _read_row(row: Any) -> InHand:
    message_id, receipt, source, hour, version, sequencer, sent_at, attempt = row
    texts = (message_id, receipt, source, version, sequencer)
    if not all(isinstance(text, str) for text in texts) or not isinstance(attempt, int):
        raise TypeError("the row is not one of a hand")
    sent = datetime.fromisoformat(sent_at)
    if sent.tzinfo is None:
        raise ValueError("the time has no zone")
    arrival = Arrival(source, Hour.parse(hour), version)
    return InHand(message_id, receipt, arrival, sequencer, sent, attempt)
