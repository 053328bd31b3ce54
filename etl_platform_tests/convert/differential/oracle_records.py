"""What the readers of the oracle give, and the contents of compressed files."""

import bz2
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Problem = frozenset[str]
"""Reasons of which the product names one. More than one only where docs do not say which."""

NONE: Problem = frozenset()


class Unreadable(Exception):
    """No record of the file is kept."""


@dataclass(frozen=True)
class Behind:
    """A raw text of a first line that begins with `place`, and the rest behind it.

    Where docs leave open how much of the rest that is, it is at least `least` of it; where `rest`
    is None, they leave all of it open.
    """

    place: str
    rest: str | None
    least: str | None = None


class FieldsUnknown(Exception):
    """A file has what its contract does not know, and blocks its hour."""


@dataclass(frozen=True)
class Record:
    """A record with the texts of the columns, or with what is wrong with it as a whole.

    `unknown` is what the contract has no column for: JSON as Python has it, but with a text for
    each number and a tuple around every other scalar.
    """

    raw: str | Behind
    texts: Mapping[str, str | None] = field(default_factory=dict)
    problem: Problem = NONE
    column_problems: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)


def shown(text: str, errors: str = "surrogateescape") -> str:
    """Escapes in the place of bytes that are no UTF-8; those are halves of pairs in `text`.

    With `surrogatepass` each half is shown as the three bytes that it would have in UTF-8.
    """
    return text.encode("utf-8", errors).decode("utf-8", "backslashreplace")


def plain_contents(body: bytes) -> bytes:
    """The contents of a file, by docs/formats/compression.md; zstd is not in the library."""
    if body.startswith(b"\x1f\x8b\x08"):
        plain = _gunzipped(body)
    elif _is_bz2(body):
        plain = _unpacked_bz2(body)
    else:
        return body
    if plain.startswith(b"\x1f\x8b\x08") or _is_bz2(plain):
        raise Unreadable("it is compressed twice")
    return plain


def _is_bz2(body: bytes) -> bool:
    return bool(re.match(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", body))


def _gunzipped(body: bytes) -> bytes:
    plain = b""
    while body:
        member = zlib.decompressobj(wbits=31)
        try:
            plain += member.decompress(body) + member.flush()
        except zlib.error as error:
            raise Unreadable(str(error)) from None
        if not member.eof:
            raise Unreadable("it is cut off")
        body = member.unused_data
    return plain


def _unpacked_bz2(body: bytes) -> bytes:
    plain = b""
    while body:
        member = bz2.BZ2Decompressor()
        try:
            plain += member.decompress(body)
        except OSError as error:
            raise Unreadable(str(error)) from None
        if not member.eof:
            raise Unreadable("it is cut off")
        body = member.unused_data
    return plain
