"""A look at the dead letters changes nothing; to delete them is another thing."""

from datetime import UTC, datetime

from etl_platform.contract.errors import SourceUnknown
from etl_platform.contract.messaging import Outgoing, Received
from etl_platform.ingest.dead_letters import letter_row, look, take
from etl_platform.ingest.inbox import Refused
from etl_platform_tests.fakes.queue import MemoryQueue


def _refused(queue: MemoryQueue, source: str) -> None:
    message = Received("receipt", f"body of {source}", f"id of {source}", 1, datetime.now(UTC))
    queue.send([Refused(message, SourceUnknown(source, ["orders"])).letter()])


def test_a_look_shows_every_letter_with_its_reason_and_takes_none() -> None:
    queue = MemoryQueue()
    for source in ("a", "b", "c"):
        _refused(queue, source)
    shown = [letter_row(letter)[1:] for letter in look(queue, 100)]
    assert [body for _, _, body in shown] == ["body of a", "body of b", "body of c"]
    assert {code for code, _, _ in shown} == {"SOURCE_UNKNOWN"}
    assert "no source is called 'a'" in str(shown[0][1])
    assert len(look(queue, 100)) == 3


def test_a_letter_without_a_reason_says_that_it_was_never_served() -> None:
    queue = MemoryQueue()
    queue.send([Outgoing("body", "group", "double")])
    (letter,) = look(queue, 1)
    assert letter_row(letter)[1] == "NOT_SERVED"


def test_what_is_taken_is_gone() -> None:
    queue = MemoryQueue()
    for source in ("a", "b", "c"):
        _refused(queue, source)
    assert len(take(queue, 2)) == 2
    assert len(look(queue, 100)) == 1


def test_a_reason_is_cut_to_what_an_attribute_may_hold() -> None:
    queue = MemoryQueue()
    _refused(queue, "x" * 5000)
    (letter,) = look(queue, 1)
    assert len(letter.attributes["reason"]) == 1000
