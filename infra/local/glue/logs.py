"""The output of a run, sent to CloudWatch Logs while it runs, in bounded lines and batches."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

# Below CloudWatch's own limits of 256 KiB an event, 10,000 events and 1 MiB a call; an event is
# counted with 26 bytes more than its text.
LINE_LIMIT_BYTES = 16 * 1024
BATCH_LIMIT_EVENTS = 1_000
BATCH_LIMIT_BYTES = 512 * 1024
EVENT_OVERHEAD_BYTES = 26
FLUSH_EVERY_S = 0.5

log = logging.getLogger(__name__)

Event = tuple[int, str]


class LogStream:
    """One stream of one run. Output that CloudWatch does not take is dropped and counted."""

    def __init__(self, client: Any, group: str, stream: str) -> None:
        self._client = client
        self._group = group
        self._stream = stream
        # Bounded: a job that writes faster than CloudWatch takes is slowed, not buffered.
        self._lines: queue.Queue[Event | None] = queue.Queue(maxsize=2 * BATCH_LIMIT_EVENTS)
        self._dropped = 0
        self._sender = threading.Thread(target=self._send_all, name=f"logs-{stream[:12]}")
        self._sender.start()

    def write(self, line: str) -> None:
        self._lines.put((int(time.time() * 1000), line))

    def close(self) -> None:
        """Send what is left, then end."""
        self._lines.put(None)
        self._sender.join()
        if self._dropped:
            log.warning("%s/%s: %d lines were not taken", self._group, self._stream, self._dropped)

    def _send_all(self) -> None:
        self._open()
        batch: list[Event] = []
        size = 0
        send_at = time.monotonic() + FLUSH_EVERY_S
        ended = False
        while not ended:
            try:
                event = self._lines.get(timeout=max(0.0, send_at - time.monotonic()))
                ended = event is None
            except queue.Empty:
                event = None
            if event is not None:
                batch.append(event)
                size += len(event[1].encode()) + EVENT_OVERHEAD_BYTES
            full = len(batch) >= BATCH_LIMIT_EVENTS or size >= BATCH_LIMIT_BYTES
            if ended or full or time.monotonic() >= send_at:
                self._send(batch)
                batch, size, send_at = [], 0, time.monotonic() + FLUSH_EVERY_S

    def _open(self) -> None:
        self._attempt(lambda: self._client.create_log_group(logGroupName=self._group))
        self._attempt(
            lambda: self._client.create_log_stream(
                logGroupName=self._group, logStreamName=self._stream
            )
        )

    def _send(self, batch: list[Event]) -> None:
        # CloudWatch refuses empty messages, and an empty line of a job is still a line.
        events: list[dict[str, object]] = [
            {"timestamp": at_ms, "message": line or " "} for at_ms, line in batch
        ]
        if events and not self._attempt(
            lambda: self._client.put_log_events(
                logGroupName=self._group, logStreamName=self._stream, logEvents=events
            )
        ):
            self._dropped += len(events)

    def _attempt(self, call: Callable[[], object]) -> bool:
        """Make a call whose failure must not fail the run."""
        try:
            call()
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "ResourceAlreadyExistsException")
        except BotoCoreError:
            return False
        return True


class ErrorTail:
    """Finds the line of stderr that names the last exception, as Glue's ErrorMessage does."""

    def __init__(self) -> None:
        self._last_line = ""
        self._in_traceback = False
        self._exception = ""

    def read(self, line: str) -> None:
        if line.startswith("Traceback (most recent call last):"):
            self._in_traceback = True
        elif self._in_traceback and line and not line[0].isspace():
            self._in_traceback = False
            self._exception = line
        if line.strip():
            self._last_line = line

    @property
    def message(self) -> str | None:
        """The exception, or without one the last line that says anything."""
        return self._exception or self._last_line or None


def pump(source: IO[bytes], *sinks: Callable[[str], None]) -> None:
    """Hand every line of a pipe to the sinks, a longer line in pieces, until the pipe closes."""
    with source:
        while piece := source.readline(LINE_LIMIT_BYTES):
            text = piece.decode("utf-8", "replace").rstrip("\r\n")
            for sink in sinks:
                sink(text)
