"""The Glue endpoint: AWS JSON 1.1 over HTTP. Job runs are answered here, the rest upstream."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from infra.local.glue.errors import GlueError, InternalFailure, InvalidInput
from infra.local.glue.jobs import ForgottenSettings
from infra.local.glue.knobs import AnswerLost, KnobError, Knobs

TARGET_PREFIX = "AWSGlue."
CONTENT_TYPE = "application/x-amz-json-1.1"
HEALTH_PATH = "/health"
KNOBS_PATH = "/knobs"
BODY_LIMIT_BYTES = 8 * 1024 * 1024
UPSTREAM_TIMEOUT_S = 60.0

# These belong to one connection, so each side sets its own.
_HOP_HEADERS = frozenset({"connection", "content-length", "host", "transfer-encoding"})

log = logging.getLogger(__name__)

Operation = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, ours or the emulator's."""

    status: int
    body: bytes
    content_type: str = CONTENT_TYPE

    @classmethod
    def of(cls, document: Mapping[str, Any], status: int = 200) -> "Answer":
        return cls(status, json.dumps(document).encode())

    @classmethod
    def refusal(cls, error: GlueError) -> "Answer":
        return cls.of({"__type": error.code, "Message": str(error)}, error.status)


class Upstream:
    """The emulator, which has the catalog and the job definitions."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80

    def forward(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Pass a call on as it came."""
        kept = {name: value for name, value in headers.items() if name.lower() not in _HOP_HEADERS}
        connection = HTTPConnection(self._host, self._port, timeout=UPSTREAM_TIMEOUT_S)
        try:
            connection.request("POST", "/", body=body, headers=kept)
            response = connection.getresponse()
            content_type = response.getheader("Content-Type", CONTENT_TYPE)
            return Answer(response.status, response.read(), content_type)
        except (OSError, HTTPException) as error:
            raise InternalFailure(f"The AWS endpoint did not answer: {error}") from error
        finally:
            connection.close()


class GlueEndpoint:
    """Decides who answers a call, and keeps what the emulator forgets of a job definition."""

    def __init__(
        self,
        operations: Mapping[str, Operation],
        upstream: Upstream,
        settings: ForgottenSettings,
        knobs: Knobs,
    ) -> None:
        self.knobs = knobs
        self._operations = operations
        self._upstream = upstream
        self._settings = settings

    def answer(self, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One call, from its bytes to the bytes of its answer."""
        try:
            operation = target.removeprefix(TARGET_PREFIX)
            run_here = self._operations.get(operation)
            if run_here is not None:
                return self._answered_here(operation, run_here, _document(body))
            answer = self._upstream.forward(headers, body)
            return self._completed(operation, _document(body), answer)
        except GlueError as error:
            return Answer.refusal(error)
        except AnswerLost:
            raise
        except Exception:
            # The client gets an AWS error, as from a fault inside the service.
            log.exception("%s could not be answered", target)
            return Answer.of({"__type": GlueError.code, "Message": "See the runner's log"}, 500)

    def _answered_here(
        self, operation: str, run_here: Operation, document: Mapping[str, Any]
    ) -> Answer:
        knob = self.knobs.of_call(operation)
        if knob is not None and not knob.is_carried_out:
            raise KnobError(knob)
        answer = Answer.of(run_here(document))
        if knob is not None:
            raise AnswerLost
        return answer

    def _completed(self, operation: str, request: Mapping[str, Any], answer: Answer) -> Answer:
        """The emulator's answer with the settings that it forgot."""
        if answer.status != 200:
            return answer
        if operation == "CreateJob":
            self._settings.remember(request["Name"], request)
        elif operation == "UpdateJob":
            self._settings.remember(request["JobName"], request["JobUpdate"])
        elif operation == "DeleteJob":
            self._settings.forget(request["JobName"])
        elif operation == "GetJob":
            document = _document(answer.body)
            return Answer.of({**document, "Job": self._settings.merged_into(document["Job"])})
        elif operation in ("GetJobs", "BatchGetJobs"):
            document = _document(answer.body)
            jobs = [self._settings.merged_into(job) for job in document.get("Jobs", [])]
            return Answer.of({**document, "Jobs": jobs})
        return answer


class GlueServer(ThreadingHTTPServer):
    """Serves an endpoint on loopback."""

    daemon_threads = True

    def __init__(self, port: int, endpoint: GlueEndpoint) -> None:
        self.endpoint = endpoint
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes: the second would wait 40 ms for the client to say it has the
    # first, on every call over a connection that is kept.
    disable_nagle_algorithm = True
    server: GlueServer

    def do_GET(self) -> None:
        known = self.path == HEALTH_PATH
        self._send(Answer.of({"service": "glue"} if known else {}, 200 if known else 404))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_LIMIT_BYTES:
            self.close_connection = True
            self._send(Answer.of({"__type": InvalidInput.code, "Message": "Too long"}, 413))
            return
        body = self.rfile.read(length)
        headers = dict(self.headers.items())
        try:
            answer = self.server.endpoint.answer(headers.get("X-Amz-Target", ""), headers, body)
        except AnswerLost:
            self.close_connection = True
        else:
            self._send(answer)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != KNOBS_PATH:
            self._send(Answer.of({}, 404))
            return
        try:
            self.server.endpoint.knobs.set(_document(body))
        except GlueError as error:
            self._send(Answer.refusal(error))
        else:
            self._send(Answer.of({}))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("x-amzn-RequestId", str(uuid4()))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base
        log.debug(format, *args)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError as error:
        raise InvalidInput("The body is not JSON") from error
    if not isinstance(document, dict):
        raise InvalidInput("The body is not a JSON object")
    return document
