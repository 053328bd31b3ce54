"""Compressed files: what a file is compressed with is seen in its first bytes, and its name must
not say otherwise. A reader is given the plain contents as a file, because some read it twice.
"""

from bz2 import BZ2Decompressor
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import Final, Literal

import pyarrow as pa

from etl_platform.contract.errors import FileUnreadable

Codec = Literal["gzip", "zstd", "bz2"]

MOST_BYTES: Final = 32 * 1024**3
"""Of plain contents. The smallest Glue worker has 94 GB of disk, for them, for the compressed file
and for what the conversion spills, which can be as much as the contents."""

MOST_RATIO: Final = 200
"""Plain bytes for one compressed. Text that was written for its contents stays below 100; gzip can
reach 1,000 and the others far more only with contents that say nothing."""

FREE_BYTES: Final = 256 * 1024**2
"""Up to here the ratio is not looked at: so little harms nobody, and constant columns do occur."""

_CHUNK_BYTES: Final = 1024 * 1024

_NAMED: Final[dict[str, Codec]] = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}

_ZSTD_SKIPPABLE: Final = tuple(bytes([first, 0x2A, 0x4D, 0x18]) for first in range(0x50, 0x60))
# "BZh9" alone could begin a text; what follows it begins a block, or the end of an empty stream.
_BZ2: Final = tuple(
    b"BZh" + level + follows
    for level in (b"%d" % n for n in range(1, 10))
    for follows in (b"1AY&SY", b"\x17rE8P\x90")
)
_MAGIC: Final[dict[Codec, tuple[bytes, ...]]] = {
    "gzip": (b"\x1f\x8b\x08",),
    "zstd": (b"\x28\xb5\x2f\xfd", *_ZSTD_SKIPPABLE),
    "bz2": _BZ2,
}
_FOREIGN: Final = {b"PK\x03\x04": "zip", b"\xfd7zXZ\x00": "xz", b"7z\xbc\xaf\x27\x1c": "7z"}
_MAGIC_BYTES: Final = 10

_EXPECTED: Final = "a file that is plain or compressed once, with gzip, zstd or bz2"


@contextmanager
def plain_contents(file: Path, url: str) -> Iterator[Path]:
    """The file itself, or while the block lasts a file beside it with its plain contents.

    `url` is the name that must fit the contents. Raises FileUnreadable if it does not, if the
    compressed file is cut off or damaged, and if it grows beyond the limits.
    """
    codec = _codec(file, url)
    if codec is None:
        yield file
        return
    with NamedTemporaryFile(prefix=f"{file.name}-plain-", dir=file.parent) as plain:
        size_bytes = file.stat().st_size
        for chunk in _chunks(file, url, codec, size_bytes):
            plain.write(chunk)
        plain.flush()
        contents = Path(plain.name)
        inner = _seen(contents, url)
        if inner is not None:
            raise FileUnreadable(url, f"its {codec} contents are {inner} again", _EXPECTED)
        yield contents


def _codec(file: Path, url: str) -> Codec | None:
    """What the file is compressed with, if its name agrees; a name may be silent about it."""
    seen = _seen(file, url)
    name = PurePosixPath(url).name
    suffix = PurePosixPath(name).suffix.lower()
    named = _NAMED.get(suffix)
    if named is not None and seen != named:
        contents = f"compressed with {seen}" if seen else "not compressed"
        raise FileUnreadable(
            url,
            f"its name ends with {suffix}, for {named}, and its contents are {contents}",
            f"contents in {named}, or another name",
        )
    return seen


def _seen(file: Path, url: str) -> Codec | None:
    with file.open("rb") as source:
        start = source.read(_MAGIC_BYTES)
    for codec, magic in _MAGIC.items():
        if start.startswith(magic):
            return codec
    for sign, archive in _FOREIGN.items():
        if start.startswith(sign):
            raise FileUnreadable(url, f"it is a {archive} archive", _EXPECTED)
    return None


def _chunks(file: Path, url: str, codec: Codec, size_bytes: int) -> Iterator[bytes]:
    """The plain contents of all members of a file, to the end and within the limits."""
    most = min(MOST_BYTES, max(FREE_BYTES, MOST_RATIO * size_bytes))
    total = 0
    chunks = _bz2_members(file) if codec == "bz2" else _members(file, codec)
    while True:
        try:
            chunk = next(chunks, b"")
        except (OSError, EOFError) as error:
            raise FileUnreadable(
                url,
                f"its {codec} contents are cut off or damaged after {total} plain bytes ({error})",
                "the whole file as it was compressed",
            ) from None
        if not chunk:
            return
        total += len(chunk)
        if total > most:
            raise FileUnreadable(
                url,
                f"its {size_bytes} bytes of {codec} hold more than {most} bytes",
                f"{MOST_BYTES} plain bytes at most, and beyond {FREE_BYTES} not more than"
                f" {MOST_RATIO} times the compressed",
            )
        yield chunk


def _members(file: Path, codec: Codec) -> Iterator[bytes]:
    """By Arrow, which checks the sums that members carry, and lets nothing else follow them."""
    with pa.OSFile(str(file), "rb") as source, pa.CompressedInputStream(source, codec) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _bz2_members(file: Path) -> Iterator[bytes]:
    """By the decompressor itself: Arrow fails at empty members, which parallel programs write, and
    the file object of the bz2 module drops what follows the last one."""
    with file.open("rb") as source:
        member = BZ2Decompressor()
        while True:
            if member.eof:
                rest = member.unused_data or source.read(_CHUNK_BYTES)
                if not rest:
                    return
                member = BZ2Decompressor()
            else:
                rest = source.read(_CHUNK_BYTES) if member.needs_input else b""
                if member.needs_input and not rest:
                    raise EOFError("the last member does not end")
            if chunk := member.decompress(rest, _CHUNK_BYTES):
                yield chunk
