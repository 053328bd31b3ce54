"""What the files of a load turn into, whatever their format."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from infra.local.redshift.faults import Fault


class Chunk(NamedTuple):
    """Some rows of a file in a form of PostgreSQL's COPY."""

    data: bytes
    records: int
    """The records read for it."""
    rows: int


class FileLoad(Protocol):
    """Turns the files of one load into one stream of PostgreSQL's COPY."""

    form: str
    """The form of the stream: text or binary."""
    faults: list[Fault]
    """The records that were put aside."""

    def header(self) -> bytes:
        """The bytes before the first row."""

    def footer(self) -> bytes:
        """The bytes after the last row."""

    def file(self, path: Path, url: str) -> Iterator[Chunk]:
        """The rows of a file, some at a time."""


@dataclass
class FileOutcome:
    """What was read of one file."""

    url: str
    size_bytes: int
    records: int = 0
    rows: int = 0


@dataclass
class Outcome:
    """What a load did, as far as it came."""

    table_id: int = 0
    rows: int = 0
    files: list[FileOutcome] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
