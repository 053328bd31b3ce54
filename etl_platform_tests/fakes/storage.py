"""A Storage in a directory: versioned like the buckets, shared by processes, and picklable."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO
from urllib.parse import quote, unquote

from etl_platform.contract.errors import ObjectMissing
from etl_platform.contract.layout import Location
from etl_platform.contract.storage import Page, StoredObject


@dataclass(frozen=True)
class DirectoryStorage:
    """Each object is a folder of its versions, `1`, `2`, ..., named by its quoted key."""

    root: Path
    objects_a_page: int = 1000

    def find(self, location: Location, version_id: str | None = None) -> StoredObject | None:
        version = self._version(location, version_id)
        if version is None:
            return None
        known = version.stat()
        return StoredObject(
            location,
            known.st_size,
            hashlib.md5(version.read_bytes(), usedforsecurity=False).hexdigest(),
            version.name,
            datetime.fromtimestamp(known.st_mtime, UTC),
        )

    def read(self, location: Location, version_id: str | None = None) -> bytes:
        version = self._version(location, version_id)
        if version is None:
            raise ObjectMissing(str(location))
        return version.read_bytes()

    def fetch(self, location: Location, version_id: str | None, to: Path) -> None:
        to.write_bytes(self.read(location, version_id))

    def copy_range(
        self, location: Location, version_id: str | None, start: int, end: int, to: BinaryIO
    ) -> None:
        version = self._version(location, version_id)
        if version is None:
            raise ObjectMissing(str(location))
        with version.open("rb") as source:
            source.seek(start)
            to.write(source.read(end - start))

    def write(self, location: Location, body: bytes) -> None:
        while not self._put(location, body, self._newest(location) + 1):
            pass

    def write_once(self, location: Location, body: bytes) -> bool:
        return self._newest(location) == 0 and self._put(location, body, 1)

    def store(self, file: Path, location: Location) -> int:
        self.write(location, file.read_bytes())
        return file.stat().st_size

    def list(self, prefix: Location) -> Iterator[StoredObject]:
        bucket = self.root / prefix.bucket
        keys = sorted(unquote(entry.name) for entry in bucket.iterdir()) if bucket.exists() else []
        for key in keys:
            found = self.find(Location(prefix.bucket, key)) if key.startswith(prefix.key) else None
            if found is not None:
                yield found

    def page(self, bucket: str, after: str) -> Page:
        folder = self.root / bucket
        names = folder.iterdir() if folder.exists() else ()
        keys = sorted(key for key in (unquote(entry.name) for entry in names) if key > after)
        found = (self.find(Location(bucket, key)) for key in keys[: self.objects_a_page])
        last_key = keys[self.objects_a_page - 1] if len(keys) > self.objects_a_page else None
        return Page(tuple(stored for stored in found if stored is not None), last_key)

    def delete(self, location: Location) -> None:
        """Take an object away with all its versions, as a lifecycle rule or an operator does."""
        shutil.rmtree(self._folder(location))

    def _put(self, location: Location, body: bytes, number: int) -> bool:
        folder = self._folder(location)
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self.root) as written:
            written.write(body)
            written.flush()
            try:
                # A link appears whole or not at all, and never over another one.
                os.link(written.name, folder / str(number))
            except FileExistsError:
                return False
        return True

    def _version(self, location: Location, version_id: str | None) -> Path | None:
        version = self._folder(location) / (version_id or str(self._newest(location)))
        return version if version.is_file() else None

    def _newest(self, location: Location) -> int:
        folder = self._folder(location)
        return max((int(v.name) for v in folder.iterdir()), default=0) if folder.exists() else 0

    def _folder(self, location: Location) -> Path:
        return self.root / location.bucket / quote(location.key, safe="")
