"""Framing of the PostgreSQL 3 protocol, which Redshift speaks: bytes to messages and back.

Nothing here reads a socket; a message is its kind (one byte) and its bytes as they travel.
"""

import struct
from collections.abc import Collection, Mapping
from typing import NamedTuple

PROTOCOL_3 = 196608
CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104

MAX_FRAME_BYTES = 256 * 1024 * 1024


class ProtocolError(Exception):
    """The peer sent bytes that are no message of the protocol."""


class Frame(NamedTuple):
    """One message: its kind and the whole of it as sent."""

    kind: bytes
    raw: bytes

    @property
    def body(self) -> bytes:
        """The message without kind and length."""
        return self.raw[5:]


class FrameBuffer:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._start = 0

    def feed(self, data: bytes) -> None:
        """Add bytes as they arrived."""
        if self._start:
            del self._data[: self._start]
            self._start = 0
        self._data += data

    def next(self) -> Frame | None:
        """The next whole frame, or None when bytes are missing."""
        if len(self._data) - self._start < 5:
            return None
        kind, length = struct.unpack_from("!cI", self._data, self._start)
        if not 4 <= length <= MAX_FRAME_BYTES:
            raise ProtocolError(f"a message of {length} bytes is outside 4..{MAX_FRAME_BYTES}")
        end = self._start + 1 + length
        if len(self._data) < end:
            return None
        raw = bytes(memoryview(self._data)[self._start : end])
        self._start = end
        return Frame(kind, raw)


class Parse(NamedTuple):
    """A Parse message: a statement's name, its SQL and the parameter types."""

    statement: str
    sql: str
    types: bytes


class Bind(NamedTuple):
    """The names in a Bind message and the formats that it asks for; the values stay with it."""

    portal: str
    statement: str
    formats: tuple[int, ...]
    """Of the columns, 0 for text: none means text for all, one alone is that of all."""


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """A message of this kind."""
    return kind + struct.pack("!I", len(body) + 4) + body


def text(value: str) -> bytes:
    """A string as the protocol ends it."""
    return value.encode() + b"\0"


def take_text(body: bytes, start: int = 0) -> tuple[str, int]:
    """The string at `start` and the place after it."""
    end = body.find(b"\0", start)
    if end < 0:
        raise ProtocolError("a string has no end")
    try:
        return body[start:end].decode(), end + 1
    except UnicodeDecodeError as error:
        raise ProtocolError("a string is not UTF-8") from error


def startup(settings: Mapping[str, str]) -> bytes:
    """The start-up message of a client."""
    pairs = b"".join(text(name) + text(value) for name, value in settings.items())
    body = struct.pack("!I", PROTOCOL_3) + pairs + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def read_startup(body: bytes) -> dict[str, str]:
    """The settings in a start-up message, without its length and protocol number."""
    settings: dict[str, str] = {}
    place = 0
    while place < len(body) and body[place] != 0:
        name, place = take_text(body, place)
        settings[name], place = take_text(body, place)
    return settings


def cancel(pid: int, secret: int) -> bytes:
    """The message that asks to stop what a backend does."""
    return struct.pack("!IIII", 16, CANCEL_REQUEST, pid, secret)


def read_parse(body: bytes) -> Parse:
    """The parts of a Parse message."""
    statement, place = take_text(body)
    sql, place = take_text(body, place)
    return Parse(statement, sql, body[place:])


def parse(message: Parse) -> bytes:
    """A Parse message."""
    return frame(b"P", text(message.statement) + text(message.sql) + message.types)


def read_bind(body: bytes) -> Bind:
    """The portal and the statement that a Bind names."""
    try:
        return _read_bind(body)
    except struct.error as error:
        raise ProtocolError("a Bind message ends early") from error


def _read_bind(body: bytes) -> Bind:
    portal, place = take_text(body)
    statement, place = take_text(body, place)
    (formats,) = struct.unpack_from("!H", body, place)
    place += 2 + 2 * formats
    (values,) = struct.unpack_from("!H", body, place)
    place += 2
    for _ in range(values):
        (length,) = struct.unpack_from("!i", body, place)
        place += 4 + max(length, 0)
    (count,) = struct.unpack_from("!H", body, place)
    return Bind(portal, statement, struct.unpack_from(f"!{count}H", body, place + 2))


def read_fields(body: bytes) -> dict[str, str]:
    """The fields of an error or a notice, by their one-letter codes."""
    fields: dict[str, str] = {}
    for part in body.split(b"\0"):
        if part:
            fields[chr(part[0])] = part[1:].decode(errors="replace")
    return fields


def error(fields: Mapping[str, str]) -> bytes:
    """An ErrorResponse with these fields."""
    return frame(b"E", _fields(fields))


def notice(fields: Mapping[str, str]) -> bytes:
    """A NoticeResponse with these fields."""
    return frame(b"N", _fields(fields))


def command_complete(tag: str) -> bytes:
    """The end of a statement."""
    return frame(b"C", text(tag))


def _fields(fields: Mapping[str, str]) -> bytes:
    return b"".join(code.encode() + text(value) for code, value in fields.items()) + b"\0"


class Column(NamedTuple):
    """A column of a RowDescription."""

    name: str
    type_oid: int
    type_modifier: int


def read_row_description(body: bytes) -> list[Column]:
    """The columns that a RowDescription announces."""
    (count,) = struct.unpack_from("!H", body)
    columns, place = [], 2
    for _ in range(count):
        name, place = take_text(body, place)
        _, _, type_oid, _, modifier, _ = struct.unpack_from("!IhIhih", body, place)
        columns.append(Column(name, type_oid, modifier))
        place += 18
    return columns


def retype_row_description(raw: bytes, types: Mapping[int, int]) -> bytes:
    """The same RowDescription with type numbers exchanged."""
    changed = bytearray(raw)
    (count,) = struct.unpack_from("!H", raw, 5)
    place = 7
    for _ in range(count):
        place = raw.index(b"\0", place) + 1
        (oid,) = struct.unpack_from("!I", raw, place + 6)
        struct.pack_into("!I", changed, place + 6, types.get(oid, oid))
        place += 18
    return bytes(changed)


def hex_digits(raw: bytes, places: Collection[int]) -> bytes:
    """A DataRow without the mark `\\x` that PostgreSQL puts before the digits of some columns."""
    (count,) = struct.unpack_from("!H", raw, 5)
    parts, place = [raw[5:7]], 7
    for column in range(count):
        (length,) = struct.unpack_from("!i", raw, place)
        end = place + 4 + max(length, 0)
        value = raw[place + 4 : end]
        if column in places and value.startswith(b"\\x"):
            parts += (struct.pack("!i", length - 2), value[2:])
        else:
            parts.append(raw[place:end])
        place = end
    return frame(raw[:1], b"".join(parts))


def read_data_row(body: bytes) -> tuple[str | None, ...]:
    """The values of a DataRow in text format."""
    (count,) = struct.unpack_from("!H", body)
    values: list[str | None] = []
    place = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, place)
        place += 4
        if length < 0:
            values.append(None)
        else:
            values.append(body[place : place + length].decode())
            place += length
    return tuple(values)
