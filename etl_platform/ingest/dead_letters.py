"""What people see of the dead-letter queue: what was refused, when, and why."""

from collections.abc import Sequence
from typing import Final

from etl_platform.contract.messaging import MessageQueue, Received
from etl_platform.ingest.inbox import CODE, REASON

LETTER_COLUMNS: Final = ("refused at", "code", "reason", "message")

_HIDDEN_S: Final = 60


def look(queue: MessageQueue, most: int) -> list[Received]:
    """Up to `most` dead letters, oldest first; they stay where they are."""
    letters = queue.receive(most, hidden_s=_HIDDEN_S)
    queue.give_back([letter.receipt for letter in letters])
    return _oldest_first(letters)


def take(queue: MessageQueue, most: int) -> list[Received]:
    """Up to `most` dead letters, oldest first, deleted from the queue."""
    letters = queue.receive(most, hidden_s=_HIDDEN_S)
    queue.delete([letter.receipt for letter in letters])
    return _oldest_first(letters)


def letter_row(letter: Received) -> tuple[object, ...]:
    """One letter under `LETTER_COLUMNS`."""
    return (
        letter.sent_at.replace(microsecond=0),
        letter.attributes.get(CODE, "NOT_SERVED"),
        letter.attributes.get(REASON, "no tick has served it; the sweep asks for its hour"),
        letter.body,
    )


def _oldest_first(letters: Sequence[Received]) -> list[Received]:
    return sorted(letters, key=lambda letter: letter.sent_at)
