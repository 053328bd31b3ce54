"""One connection to the embedded PostgreSQL: whole queries, COPY in and out, cancellation."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.redshift import wire
from infra.local.redshift.errors import PostgresError
from infra.local.redshift.wire import Frame, FrameBuffer

READ_BYTES = 65536


class BackendGone(Exception):
    """PostgreSQL closed the connection."""


class FrameStream:
    """Frames read from a socket."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._buffer = FrameBuffer()

    async def next(self) -> Frame | None:
        """The next frame, or None when the peer has closed."""
        while (found := self._buffer.next()) is None:
            data = await self._reader.read(READ_BYTES)
            if not data:
                return None
            self._buffer.feed(data)
        return found


@dataclass
class Answer:
    """What a query of the server's own gave back."""

    rows: list[tuple[str | None, ...]] = field(default_factory=list)
    columns: list[wire.Column] = field(default_factory=list)
    tag: str = ""

    @property
    def count(self) -> int:
        """The number of rows in the command tag."""
        return int(self.tag.rsplit(" ", 1)[-1])


class Backend:
    """A connection to PostgreSQL, used by one task at a time."""

    def __init__(
        self, socket: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._socket = socket
        self._frames = FrameStream(reader)
        self._writer = writer
        self.pid = 0
        self.secret = 0
        self.status = "I"
        """Transaction status of the last ReadyForQuery: I(dle), T(ransaction) or E(rror)."""
        self.is_answering = False
        """An answer was not read to its end: a task that is cancelled now leaves the rest of it."""

    @classmethod
    async def open(cls, socket: Path, settings: Mapping[str, str]) -> "Backend":
        """Connect and send the start-up message; the login is still to follow."""
        reader, writer = await asyncio.open_unix_connection(str(socket))
        backend = cls(socket, reader, writer)
        await backend.send(wire.startup(settings))
        return backend

    @classmethod
    async def trusted(cls, socket: Path, user: str, database: str) -> "Backend":
        """A connection of the server's own, for which the socket asks no password."""
        # What the server itself writes must not become part of a cycle of clients' transactions.
        isolation = {"default_transaction_isolation": "repeatable read"}
        backend = await cls.open(socket, {"user": user, "database": database, **isolation})
        await backend._answer()
        return backend

    async def send(self, data: bytes) -> None:
        """Send bytes, waiting while PostgreSQL is behind."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError as error:
            raise BackendGone from error

    async def receive(self) -> Frame:
        """The next message; remembers the status and the key on the way."""
        try:
            found = await self._frames.next()
        except ConnectionError as error:
            raise BackendGone from error
        if found is None:
            raise BackendGone
        if found.kind == b"Z":
            self.status = chr(found.raw[5])
        elif found.kind == b"K":
            self.pid, self.secret = struct.unpack_from("!II", found.raw, 5)
        return found

    async def query(self, sql: str) -> Answer:
        """Run SQL as a simple query and hold its rows."""
        await self.send(wire.frame(b"Q", wire.text(sql)))
        return await self._answer()

    async def fail(self) -> None:
        """Put an open transaction into the state that only ROLLBACK ends."""
        try:
            await self.query("SELECT 1/0")
        except PostgresError:
            return

    async def copy_in(self, sql: str, chunks: AsyncIterator[bytes]) -> int:
        """Run COPY .. FROM STDIN with these bytes; the number of rows it took."""
        self.is_answering = True
        await self.send(wire.frame(b"Q", wire.text(sql)))
        started = await self.receive()
        if started.kind != b"G":
            await self._answer(started)
            raise PostgresError({"C": "XX000", "M": "COPY did not start"})
        self.is_answering = False
        try:
            async for chunk in chunks:
                await self.send(wire.frame(b"d", chunk))
        except BackendGone:
            raise
        except BaseException:
            # Without CopyFail the connection would stay in COPY and could not be used again.
            await self.send(wire.frame(b"f", wire.text("the load was given up")))
            await self._settle()
            raise
        await self.send(wire.frame(b"c"))
        return (await self._answer()).count

    async def copy_out(self, sql: str, sink: Callable[[bytes], object]) -> int:
        """Run COPY .. TO STDOUT into `sink`; the number of rows."""
        self.is_answering = True
        await self.send(wire.frame(b"Q", wire.text(sql)))
        while (got := await self.receive()).kind in b"HNdcS":
            if got.kind == b"d":
                sink(got.body)
        return (await self._answer(got)).count

    async def cancel(self) -> None:
        """Ask PostgreSQL, on a connection of its own, to stop the running statement."""
        _, writer = await asyncio.open_unix_connection(str(self._socket))
        writer.write(wire.cancel(self.pid, self.secret))
        await writer.drain()
        writer.close()

    def close(self) -> None:
        """End the connection, and with it any open transaction."""
        if not self._writer.is_closing():
            self._writer.write(wire.frame(b"X"))
            self._writer.close()

    async def _settle(self) -> None:
        try:
            await self._answer()
        except PostgresError:
            return

    async def _answer(self, first: Frame | None = None) -> Answer:
        self.is_answering = True
        answer = Answer()
        failure: PostgresError | None = None
        got = first or await self.receive()
        while got.kind != b"Z":
            if got.kind == b"E":
                failure = PostgresError(wire.read_fields(got.body))
                if not self.pid:
                    raise failure
            elif got.kind == b"T":
                answer.columns = wire.read_row_description(got.body)
            elif got.kind == b"D":
                answer.rows.append(wire.read_data_row(got.body))
            elif got.kind == b"C":
                answer.tag = wire.take_text(got.body)[0]
            got = await self.receive()
        self.is_answering = False
        if failure is not None:
            raise failure
        return answer
