"""A Storage in memory with a clock of its own: for tests in which a year passes in minutes."""

import hashlib
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from etl_platform.contract.errors import ObjectMissing
from etl_platform.contract.layout import Location
from etl_platform.contract.storage import Page, StoredObject


@dataclass
class MemoryStorage:
    """Every version of every object is kept; versions are named `1`, `2`, ..."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    objects_a_page: int = 1000
    _bodies: dict[Location, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    _stored: dict[Location, list[StoredObject]] = field(default_factory=lambda: defaultdict(list))
    _keys: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def find(self, location: Location, version_id: str | None = None) -> StoredObject | None:
        versions = self._stored.get(location, [])
        number = len(versions) if version_id is None else int(version_id)
        return versions[number - 1] if 0 < number <= len(versions) else None

    def read(self, location: Location, version_id: str | None = None) -> bytes:
        stored = self.find(location, version_id)
        if stored is None:
            raise ObjectMissing(str(location))
        return self._bodies[location][int(stored.version_id or 0) - 1]

    def fetch(self, location: Location, version_id: str | None, to: Path) -> None:
        to.write_bytes(self.read(location, version_id))

    def copy_range(
        self, location: Location, version_id: str | None, start: int, end: int, to: BinaryIO
    ) -> None:
        to.write(self.read(location, version_id)[start:end])

    def write(self, location: Location, body: bytes) -> None:
        if location not in self._stored:
            insort(self._keys[location.bucket], location.key)
        self._bodies[location].append(body)
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        number = str(len(self._bodies[location]))
        self._stored[location].append(StoredObject(location, len(body), etag, number, self.now()))

    def write_once(self, location: Location, body: bytes) -> bool:
        if location in self._stored:
            return False
        self.write(location, body)
        return True

    def store(self, file: Path, location: Location) -> int:
        self.write(location, file.read_bytes())
        return file.stat().st_size

    def list(self, prefix: Location) -> Iterator[StoredObject]:
        keys = self._keys[prefix.bucket]
        for key in keys[bisect_left(keys, prefix.key) :]:
            if not key.startswith(prefix.key):
                break
            yield self._stored[Location(prefix.bucket, key)][-1]

    def page(self, bucket: str, after: str) -> Page:
        keys = self._keys[bucket]
        begin = bisect_right(keys, after)
        shown = keys[begin : begin + self.objects_a_page]
        last_key = shown[-1] if begin + len(shown) < len(keys) else None
        return Page(tuple(self._stored[Location(bucket, key)][-1] for key in shown), last_key)
