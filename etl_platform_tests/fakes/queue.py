"""A MessageQueue in memory that keeps the promises of an SQS FIFO queue, on a clock of its own.

The tests of the port hold it and the real queue to the same promises.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from etl_platform.contract.messaging import Outgoing, Received

_DOUBLES_DROPPED_FOR = timedelta(minutes=5)


@dataclass
class _Kept:
    message: Outgoing
    number: int
    sent_at: datetime
    visible_at: datetime
    receipt: str = ""
    receive_count: int = 0


@dataclass
class MemoryQueue:
    """`hidden_s` is how long a received message is hidden unless a look says otherwise."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    hidden_s: int = 300
    most_receives: int | None = None
    dead_letters: "MemoryQueue | None" = None
    _kept: list[_Kept] = field(default_factory=list)
    _seen: dict[str, datetime] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=count)

    def send(self, messages: Sequence[Outgoing]) -> None:
        now = self.now()
        for message in messages:
            seen_at = self._seen.get(message.deduplication_id)
            if seen_at is None or now - seen_at >= _DOUBLES_DROPPED_FOR:
                self._seen[message.deduplication_id] = now
                self._kept.append(_Kept(message, next(self._numbers), now, now))

    def receive(self, most: int, hidden_s: int | None = None, wait_s: int = 0) -> list[Received]:
        """Its clock stands still while a look waits, so none does."""
        now = self.now()
        self._bury()
        held_back = {kept.message.group_id for kept in self._kept if kept.visible_at > now}
        taken = [kept for kept in self._kept if kept.message.group_id not in held_back][:most]
        for kept in taken:
            kept.receive_count += 1
            kept.receipt = f"{kept.number}.{kept.receive_count}"
            hidden = self.hidden_s if hidden_s is None else hidden_s
            kept.visible_at = now + timedelta(seconds=hidden)
        return [
            Received(
                kept.receipt,
                kept.message.body,
                str(kept.number),
                kept.receive_count,
                kept.sent_at,
                kept.message.attributes,
            )
            for kept in taken
        ]

    def delete(self, receipts: Sequence[str]) -> None:
        now = self.now()
        self._kept = [
            kept for kept in self._kept if kept.receipt not in receipts or kept.visible_at <= now
        ]

    def give_back(self, receipts: Sequence[str]) -> None:
        for kept in self._kept:
            if kept.receipt in receipts:
                kept.visible_at = self.now()

    def __len__(self) -> int:
        return len(self._kept)

    def _bury(self) -> None:
        """Move what was received too often to the dead letters, as SQS does without a reason."""
        if self.most_receives is None or self.dead_letters is None:
            return
        now = self.now()
        dead = [
            kept
            for kept in self._kept
            if kept.receive_count >= self.most_receives and kept.visible_at <= now
        ]
        self.dead_letters._kept += dead
        self._kept = [kept for kept in self._kept if kept not in dead]
