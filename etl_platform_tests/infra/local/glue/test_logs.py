"""Output in bounded lines and batches, and the line that becomes the ErrorMessage."""

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.glue.logs import (
    BATCH_LIMIT_BYTES,
    BATCH_LIMIT_EVENTS,
    LINE_LIMIT_BYTES,
    ErrorTail,
    LogStream,
    pump,
)


class Logs:
    """Takes what CloudWatch would take, or refuses it all."""

    def __init__(self, refusal: str | None = None) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self._refusal = refusal

    def create_log_group(self, **_: Any) -> None:
        self._refuse("ResourceAlreadyExistsException")

    def create_log_stream(self, **_: Any) -> None:
        self._refuse(self._refusal)

    def put_log_events(self, *, logEvents: list[dict[str, Any]], **_: Any) -> None:  # noqa: N803
        self._refuse(self._refusal)
        self.batches.append(logEvents)

    def _refuse(self, code: str | None) -> None:
        if code:
            raise ClientError({"Error": {"Code": code}}, "call")


def _sent(client: Logs) -> list[str]:
    return [event["message"] for batch in client.batches for event in batch]


def test_every_line_arrives_in_order_in_batches_that_cloudwatch_takes() -> None:
    client = Logs()
    stream = LogStream(client, "group", "stream")
    lines = [f"{number} {'x' * 1000}" for number in range(3 * BATCH_LIMIT_EVENTS)]
    for line in lines:
        stream.write(line)
    stream.close()
    assert _sent(client) == lines
    for batch in client.batches:
        assert len(batch) <= BATCH_LIMIT_EVENTS
        size = sum(len(event["message"]) + 26 for event in batch)
        assert size <= BATCH_LIMIT_BYTES + LINE_LIMIT_BYTES + 26


def test_an_empty_line_is_still_a_line() -> None:
    client = Logs()
    stream = LogStream(client, "group", "stream")
    for line in ("a", "", "b"):
        stream.write(line)
    stream.close()
    assert _sent(client) == ["a", " ", "b"]


def test_a_cloudwatch_that_refuses_does_not_hold_up_the_job(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = LogStream(Logs("ServiceUnavailable"), "group", "stream")
    for number in range(5 * BATCH_LIMIT_EVENTS):
        stream.write(str(number))
    stream.close()
    assert f"{5 * BATCH_LIMIT_EVENTS} lines were not taken" in caplog.text


def test_a_line_without_end_is_handed_on_in_pieces() -> None:
    pieces: list[str] = []
    pump(io.BytesIO(b"x" * (2 * LINE_LIMIT_BYTES + 5) + b"\nshort\r\n\xff"), pieces.append)
    assert [len(piece) for piece in pieces] == [LINE_LIMIT_BYTES, LINE_LIMIT_BYTES, 5, 5, 1]
    assert pieces[-2:] == ["short", "\ufffd"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param([], None, id="silence"),
        pytest.param(["only a word", ""], "only a word", id="no traceback"),
        pytest.param(
            [
                "Traceback (most recent call last):",
                '  File "a.py", line 1',
                "ValueError: first",
                "",
                "During handling of the above exception, another exception occurred:",
                "",
                "Traceback (most recent call last):",
                '  File "a.py", line 2',
                "etl.errors.Poison: [CODE] second",
                "WARN ShutdownHookManager",
            ],
            "etl.errors.Poison: [CODE] second",
            id="the last of a chain",
        ),
    ],
)
def test_the_error_is_the_last_exception(lines: list[str], message: str | None) -> None:
    tail = ErrorTail()
    for line in lines:
        tail.read(line)
    assert tail.message == message
