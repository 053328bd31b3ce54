"""The listening end: logs clients in and gives each a session and a connection below."""

import asyncio
import contextlib
import logging
import struct
from dataclasses import dataclass
from pathlib import Path

from infra.local.redshift import wire
from infra.local.redshift.backend import Backend, BackendGone, FrameStream
from infra.local.redshift.history import History
from infra.local.redshift.postgres import SUPERUSER
from infra.local.redshift.recording import QueryIds, Recorder
from infra.local.redshift.session import Session
from infra.local.redshift.statement_log import SessionLabels, StatementLog
from infra.local.redshift.transfers import Roles, Transfers
from infra.local.redshift.waiting import Waiting
from infra.local.redshift.wire import Frame, ProtocolError

_LOG = logging.getLogger(__name__)
_LONGEST_STARTUP_BYTES = 10_000
_WAITING_FRAMES = 64
# What else a client of Redshift says about itself, PostgreSQL takes for unknown settings.
_KNOWN_SETTINGS = frozenset({"user", "database", "application_name", "client_encoding"})
_SERVER_VERSION = "8.0.2"
_LOGIN_DONE = 0


@dataclass(frozen=True)
class Client:
    """The two directions of a client's connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    frames: FrameStream


class RedshiftServer:
    """Serves clients over TCP on the loopback address."""

    def __init__(
        self,
        socket: Path,
        scratch: Path,
        roles: Roles,
        log: StatementLog,
        labels: SessionLabels,
        ids: QueryIds,
    ) -> None:
        self._socket = socket
        self._roles = roles
        self._log = log
        self._labels = labels
        self._ids = ids
        self._scratch = scratch
        self._sessions: dict[tuple[int, int], tuple[Backend, Session]] = {}
        self._changing: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen; the port, which is a free one if 0 was asked for."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", port)
        return int(self._listener.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Listen no more and end every session."""
        if self._listener is not None:
            self._listener.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        client = Client(reader, writer, FrameStream(reader))
        try:
            await self._greet(client)
        except (ConnectionError, BackendGone, asyncio.IncompleteReadError):
            _LOG.debug("a client went away")
        except ProtocolError as error:
            _LOG.warning("a client was sent away: %s", error)
        except asyncio.CancelledError:
            # The server stops; asyncio would report the cancellation of a handler as an error.
            _LOG.debug("a session was ended by the stop of the server")
        finally:
            writer.close()

    async def _greet(self, client: Client) -> None:
        while True:
            (length,) = struct.unpack("!I", await client.reader.readexactly(4))
            if not 8 <= length <= _LONGEST_STARTUP_BYTES:
                raise ProtocolError(f"a start-up message of {length} bytes")
            message = await client.reader.readexactly(length - 4)
            (code,) = struct.unpack_from("!I", message)
            if code in (wire.SSL_REQUEST, wire.GSS_REQUEST):
                client.writer.write(b"N")
                await client.writer.drain()
                continue
            if code == wire.CANCEL_REQUEST:
                await self._cancel(*struct.unpack_from("!II", message, 4))
            elif code == wire.PROTOCOL_3:
                await self._serve(client, wire.read_startup(message[4:]))
            else:
                raise ProtocolError(f"protocol {code >> 16}.{code & 0xFFFF} is not served")
            return

    async def _cancel(self, pid: int, secret: int) -> None:
        found = self._sessions.get((pid, secret))
        if found is not None:
            backend, session = found
            session.cancel()
            await backend.cancel()

    async def _serve(self, client: Client, settings: dict[str, str]) -> None:
        user = settings.get("user", "")
        if user == SUPERUSER:
            message = f'password authentication failed for user "{user}"'
            client.writer.write(wire.error({"S": "FATAL", "C": "28000", "M": message}))
            await client.writer.drain()
            return
        known = {name: value for name, value in settings.items() if name in _KNOWN_SETTINGS}
        backend = await Backend.open(self._socket, known)
        try:
            if await _log_in(client, backend):
                database = settings.get("database", user)
                history = History(self._socket, database)
                transfers = Transfers(history, self._roles, user, self._scratch)
                recorder = Recorder(self._log, self._labels, self._ids, user, database)
                await self._converse(client, backend, transfers, recorder)
        finally:
            self._labels.forget(backend.pid)
            backend.close()

    async def _converse(
        self, client: Client, backend: Backend, transfers: Transfers, recorder: Recorder
    ) -> None:
        """Run the session until the client leaves, whatever the session is doing then."""
        inbox: asyncio.Queue[Frame] = asyncio.Queue(_WAITING_FRAMES)
        waiting = Waiting(backend, self._changing)
        session = Session(inbox, client.writer, backend, transfers, recorder, waiting)
        key = (backend.pid, backend.secret)
        self._sessions[key] = (backend, session)
        listening = asyncio.create_task(_listen(client.frames, inbox))
        answering = asyncio.create_task(session.run())
        try:
            await asyncio.wait({listening, answering}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                # A statement that still runs below would keep its locks until it ends.
                with contextlib.suppress(OSError):
                    await backend.cancel()
        finally:
            listening.cancel()
            answering.cancel()
            outcomes = await asyncio.gather(listening, answering, return_exceptions=True)
            del self._sessions[key]
            self._changing.discard(backend.pid)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome


async def _listen(frames: FrameStream, inbox: "asyncio.Queue[Frame]") -> None:
    while (frame := await frames.next()) is not None and frame.kind != b"X":
        await inbox.put(frame)


async def _log_in(client: Client, backend: Backend) -> bool:
    """Relay the password exchange; whether PostgreSQL let the client in."""
    while True:
        got = await backend.receive()
        client.writer.write(_as_redshift(got))
        if got.kind == b"Z":
            await client.writer.drain()
            return True
        if got.kind == b"E":
            await client.writer.drain()
            return False
        if got.kind == b"R" and struct.unpack("!I", got.body[:4])[0] != _LOGIN_DONE:
            await client.writer.drain()
            answer = await client.frames.next()
            if answer is None:
                return False
            await backend.send(answer.raw)


def _as_redshift(frame: Frame) -> bytes:
    if frame.kind == b"S" and frame.body.startswith(b"server_version\0"):
        return wire.frame(b"S", wire.text("server_version") + wire.text(_SERVER_VERSION))
    return frame.raw
