"""The port to a FIFO queue, with what the platform needs of it. `aws/queue.py` is the adapter.

Standard library only: the Lambda imports it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Outgoing:
    """A message to send. Messages of one group arrive in their order; doubles are dropped."""

    body: str
    group_id: str
    deduplication_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Received:
    """A message in flight: it comes back unless it is deleted by its receipt in time."""

    receipt: str
    body: str
    message_id: str
    receive_count: int
    sent_at: datetime
    attributes: Mapping[str, str] = field(default_factory=dict)


class MessageQueue(Protocol):
    """At least once, in no order but that of a group. Calls raise ServiceUnavailable."""

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Send every message or raise; what was sent before the fault is dropped as a double."""

    def receive(self, most: int, hidden_s: int | None = None, wait_s: int = 0) -> list[Received]:
        """Up to `most` messages, fewer if one look brings none.

        They are hidden from other looks for `hidden_s`, or as long as the queue says. While there
        is no message, the first look waits for one, `wait_s` at most.
        """

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete messages that are in flight. One whose receipt has expired comes back."""

    def give_back(self, receipts: Sequence[str]) -> None:
        """Let messages that are in flight be received again at once."""
