"""The port to object storage, with what the stages need of it. `aws/s3.py` is the adapter."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from etl_platform.contract.layout import Location


@dataclass(frozen=True)
class StoredObject:
    """One object as it is stored. `version_id` is None in a bucket without versions."""

    location: Location
    size_bytes: int
    etag: str
    version_id: str | None
    modified_at: datetime


@dataclass(frozen=True)
class Page:
    """A part of a bucket in the order of its keys, each object at its newest version."""

    objects: tuple[StoredObject, ...]
    last_key: str | None
    """The key that the next page follows, or None if this is the last one."""


class Storage(Protocol):
    """Calls raise ObjectMissing for an object that is not there, ServiceUnavailable for a fault.

    An implementation can be pickled: Spark tasks make their own connection.
    """

    def find(self, location: Location, version_id: str | None = None) -> StoredObject | None:
        """What is known of an object, or None if there is none."""

    def read(self, location: Location, version_id: str | None = None) -> bytes:
        """The whole content."""

    def fetch(self, location: Location, version_id: str | None, to: Path) -> None:
        """Copy the content into a local file."""

    def copy_range(
        self, location: Location, version_id: str | None, start: int, end: int, to: BinaryIO
    ) -> None:
        """Copy the bytes from `start` up to `end`, all of which the object has."""

    def write(self, location: Location, body: bytes) -> None:
        """Put an object, over an older one if there is one."""

    def write_once(self, location: Location, body: bytes) -> bool:
        """Put an object unless there is one; False if there was one."""

    def store(self, file: Path, location: Location) -> int:
        """Put a local file; its size in bytes."""

    def list(self, prefix: Location) -> Iterator[StoredObject]:
        """Every object whose key begins with the key of `prefix`, in the order of the keys."""

    def page(self, bucket: str, after: str) -> Page:
        """What follows the key `after`, as far as one request leads; it knows the versions."""
