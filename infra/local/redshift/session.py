"""One client's session: every message is relayed or answered here, in the order it came.

The session goes in lockstep: a message is sent on only after the answer to the one before it was
relayed. So what the server answers itself can never overtake what PostgreSQL answers.
"""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from infra.local.redshift import wire
from infra.local.redshift.aliases import columns_of
from infra.local.redshift.backend import Backend, BackendGone
from infra.local.redshift.dialect import split, translate
from infra.local.redshift.errors import (
    PostgresError,
    RedshiftError,
    disk_full,
    in_redshift_words,
    not_supported,
    query_cancelled,
)
from infra.local.redshift.loads import Copy, Unload
from infra.local.redshift.recording import Ending, Recorder
from infra.local.redshift.shapes import Shapes
from infra.local.redshift.statements import (
    Alone,
    Catalogued,
    CreateLateView,
    Decided,
    Relay,
    SetCaseSensitive,
    TakeOver,
    Truncate,
    Undecided,
)
from infra.local.redshift.transfers import Transfers
from infra.local.redshift.waiting import Waiting
from infra.local.redshift.wire import Frame

_LOG = logging.getLogger(__name__)
_FLUSH = wire.frame(b"H")
_SEND_BYTES = 65536
_JSONB, _SUPER, _BYTEA, _VARBYTE, _TEXT, _VARCHAR = 3802, 4000, 17, 6551, 25, 1043
_REDSHIFT_TYPES = {_JSONB: _SUPER, _BYTEA: _VARBYTE, _TEXT: _VARCHAR}


class Session:
    """The state of one connected client."""

    def __init__(
        self,
        inbox: "asyncio.Queue[Frame]",
        writer: asyncio.StreamWriter,
        backend: Backend,
        transfers: Transfers,
        recorder: Recorder,
        waiting: Waiting,
    ) -> None:
        self._inbox = inbox
        self._writer = writer
        self._backend = backend
        self._transfers = transfers
        self._recorder = recorder
        self._waiting = waiting
        self._ending = Ending()
        self._shapes = Shapes()
        self._out = bytearray()
        self._statements: dict[str, TakeOver] = {}
        self._relays: dict[str, Relay] = {}
        self._portals: dict[str, TakeOver] = {}
        self._case_sensitive = False
        self._skipping = False
        """An error was sent: messages up to the next Sync are not looked at."""
        self._transfer: asyncio.Task[None] | None = None
        self._cancelled = False
        self._handlers: dict[bytes, Callable[[Frame], Awaitable[None]]] = {
            b"P": self._parse,
            b"B": self._bind,
            b"D": self._describe,
            b"E": self._execute,
            b"C": self._close,
            b"S": self._sync,
            b"Q": self._query,
            b"H": self._flush_message,
        }

    async def run(self) -> None:
        """Answer messages until the task is cancelled."""
        while True:
            if self._inbox.empty():
                await self._flush()
            frame = await self._inbox.get()
            if self._skipping and frame.kind != b"S":
                continue
            try:
                await self._handler(frame)(frame)
            except RedshiftError as error:
                await self._fail(error)
                self._skipping = frame.kind != b"Q"
            except (BackendGone, wire.ProtocolError, ConnectionError):
                raise
            except Exception as error:
                # A mistake of the server is one statement's error, not the end of the session.
                await self._fail(_own_fault(error))
                self._skipping = True

    def cancel(self) -> None:
        """Stop a COPY or UNLOAD that runs, as the client asked on another connection."""
        # PostgreSQL is asked to stop as well, and while it answers its error is waited for.
        if self._transfer is not None and not self._backend.is_answering:
            self._cancelled = True
            self._transfer.cancel()

    def _handler(self, frame: Frame) -> Callable[[Frame], Awaitable[None]]:
        try:
            return self._handlers[frame.kind]
        except KeyError:
            raise RedshiftError("08P01", f"message {frame.kind!r} is not served") from None

    async def _parse(self, frame: Frame) -> None:
        message = wire.read_parse(frame.body)
        self._statements.pop(message.statement, None)
        self._relays.pop(message.statement, None)
        self._recorder.parsed(message.statement, message.sql)
        action = await self._translate(message.sql)
        if isinstance(action, Relay):
            self._relays[message.statement] = action
            await self._waiting.before(action)
            await self._forward(wire.parse(message._replace(sql=action.sql)), b"1")
        else:
            self._statements[message.statement] = action
            await self._send(wire.frame(b"1"))

    async def _bind(self, frame: Frame) -> None:
        message = wire.read_bind(frame.body)
        self._portals.pop(message.portal, None)
        self._shapes.bound(message)
        self._recorder.bound(message.portal, message.statement)
        if message.statement in self._statements:
            self._portals[message.portal] = self._statements[message.statement]
            await self._send(wire.frame(b"2"))
            return
        if (relay := self._relays.get(message.statement)) is not None:
            await self._waiting.before(relay)
        # PostgreSQL plans here, and a constant that has no value fails already.
        async with self._recorder.executing(message.portal, self._backend) as self._ending:
            await self._forward(frame.raw, b"2")

    async def _describe(self, frame: Frame) -> None:
        kind, name = _target(frame)
        if name not in self._taken_over(kind):
            self._shapes.described(kind, name)
            await self._forward(frame.raw, b"Tn")
            return
        if kind == b"S":
            await self._send(wire.frame(b"t", b"\0\0"))
        await self._send(wire.frame(b"n"))

    async def _execute(self, frame: Frame) -> None:
        portal, _ = wire.take_text(frame.body)
        async with self._recorder.executing(portal, self._backend) as self._ending:
            if portal in self._portals:
                await self._take_over(self._portals[portal])
            else:
                self._shapes.executed(portal)
                await self._forward(frame.raw, b"CIs")

    async def _close(self, frame: Frame) -> None:
        kind, name = _target(frame)
        if kind == b"S":
            self._relays.pop(name, None)
        if self._taken_over(kind).pop(name, None) is not None:
            await self._send(wire.frame(b"3"))
        else:
            await self._forward(frame.raw, b"3")

    async def _sync(self, frame: Frame) -> None:
        self._skipping = False
        self._portals.clear()
        await self._backend.send(frame.raw)
        await self._relay(b"Z", hold=b"Z")
        await self._ready()

    async def _query(self, frame: Frame) -> None:
        sql, _ = wire.take_text(frame.body)
        try:
            statements = split(sql)
            if not statements:
                await self._send(wire.frame(b"I"))
            for statement in statements:
                async with self._recorder.running(statement, self._backend) as self._ending:
                    is_good = await self._run_whole(await self._translate(statement))
                await self._recorder.look_at_label(self._backend)
                if not is_good:
                    break
        except RedshiftError as error:
            await self._fail(error)
        await self._ready()

    async def _run_whole(self, action: Decided) -> bool:
        """Run a statement of a simple query; whether it went well."""
        if not isinstance(action, Relay):
            await self._take_over(action)
            return True
        self._shapes.asked()
        await self._waiting.before(action)
        await self._backend.send(wire.frame(b"Q", wire.text(action.sql)))
        return await self._relay(b"Z", hold=b"Z")

    async def _flush_message(self, _: Frame) -> None:
        await self._flush()

    def _taken_over(self, kind: bytes) -> dict[str, TakeOver]:
        return self._statements if kind == b"S" else self._portals

    async def _translate(self, sql: str) -> Decided:
        case, columns = self._case_sensitive, None
        while isinstance(action := translate(sql, case_sensitive=case, columns=columns), Undecided):
            # Before the look at the catalog, which takes a snapshot.
            await self._waiting.before(Relay(sql, action.relations))
            columns = await columns_of(self._backend, action.relations)
        return action

    async def _take_over(self, action: TakeOver) -> None:
        if self._backend.status == "E":
            raise RedshiftError(
                "25P02",
                "current transaction is aborted, commands ignored until end of transaction block",
            )
        if isinstance(action, Truncate):
            await self._truncate(action)
        elif isinstance(action, Alone):
            await self._run_alone(action)
        elif isinstance(action, CreateLateView):
            await self._backend.query(action.sql)
            await self._complete("CREATE VIEW")
        elif isinstance(action, SetCaseSensitive):
            await self._backend.query(action.sql)
            self._case_sensitive = action.on
            await self._complete("SET")
        elif isinstance(action, Catalogued):
            await self._backend.query(action.sql)
            await self._complete(action.tag)
        else:
            await self._interruptible(self._run_transfer(action))

    async def _truncate(self, action: Truncate) -> None:
        await self._backend.query(action.sql)
        if self._backend.status == "T":
            # TRUNCATE commits itself and all before it; what follows is a new transaction.
            await self._backend.query("COMMIT")
            await self._backend.query("BEGIN")
        await self._complete("TRUNCATE TABLE")

    async def _run_alone(self, action: Alone) -> None:
        if self._backend.status == "T":
            raise RedshiftError("25001", f"{action.command} cannot run inside a transaction block")
        if action.sql is None:
            raise not_supported(f"{action.command} is not served on the laptop")
        await self._backend.query(action.sql)
        await self._complete("ALTER TABLE")

    async def _run_transfer(self, action: Copy | Unload) -> None:
        if isinstance(action, Copy):
            notices = await self._transfers.copy(self._backend, action, self._ending.query_id)
            tag = "COPY"
        elif isinstance(query := await self._translate(action.query), Relay):
            notices = await self._transfers.unload(
                self._backend, action, query.sql, self._ending.query_id
            )
            tag = "UNLOAD"
        else:
            raise not_supported("UNLOAD takes a query")
        for notice in notices:
            await self._send(wire.notice({"S": "INFO", "C": "00000", "M": notice}))
        await self._complete(tag)

    async def _complete(self, tag: str) -> None:
        self._ending.tag = tag
        await self._send(wire.command_complete(tag))

    async def _interruptible(self, transfer: Coroutine[Any, Any, None]) -> None:
        self._cancelled = False
        self._transfer = asyncio.create_task(transfer)
        try:
            await self._transfer
        except asyncio.CancelledError:
            if not self._cancelled:
                raise
            raise query_cancelled() from None
        finally:
            self._transfer = None

    async def _forward(self, data: bytes, ends: bytes) -> None:
        await self._backend.send(data + _FLUSH)
        self._skipping = not await self._relay(ends)

    async def _relay(self, ends: bytes, hold: bytes = b"") -> bool:
        """Pass PostgreSQL's answer on up to its end; whether it was without an error."""
        good = True
        while True:
            got = await self._backend.receive()
            if got.kind == b"E":
                good = False
                fields = wire.read_fields(got.body)
                self._ending.error = PostgresError(fields)
                await self._send(wire.error(in_redshift_words(fields)))
                if b"Z" not in ends:
                    return good
            elif got.kind == b"C":
                self._ending.tag, _ = wire.take_text(got.body)
                await self._send(got.raw)
            elif got.kind == b"T":
                self._shapes.told(got.body)
                await self._send(wire.retype_row_description(got.raw, _REDSHIFT_TYPES))
            elif got.kind == b"D" and self._shapes.hex_places:
                await self._send(wire.hex_digits(got.raw, self._shapes.hex_places))
            elif got.kind not in hold:
                await self._send(got.raw)
            if got.kind in ends:
                return good

    async def _fail(self, error: RedshiftError) -> None:
        await self._backend.fail()
        await self._send(wire.error(error.fields))

    async def _ready(self) -> None:
        await self._transfers.keep_counts(self._backend)
        await self._recorder.look_at_label(self._backend)
        self._waiting.settle()
        await self._send(wire.frame(b"Z", self._backend.status.encode()))

    async def _send(self, data: bytes) -> None:
        self._out += data
        if len(self._out) >= _SEND_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        if self._out:
            self._writer.write(bytes(self._out))
            self._out.clear()
            await self._writer.drain()


def _own_fault(error: Exception) -> RedshiftError:
    """What a client is told of an error of the server itself."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return disk_full()
    _LOG.error("a statement failed in the server itself", exc_info=error)
    return RedshiftError("XX000", f"internal error: {type(error).__name__}")


def _target(frame: Frame) -> tuple[bytes, str]:
    """Whether a message is about a statement (S) or a portal (P), and which."""
    return frame.body[:1], wire.take_text(frame.body, 1)[0]
