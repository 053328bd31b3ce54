"""Land an hour as a source does: its files first and its manifest last, so no event is early."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from etl_platform.contract.errors import FileUnreadable, LocationRefused
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import MANIFEST, Location, Names
from etl_platform.contract.manifest import Entry, EntryMeta, Manifest
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage


@dataclass(frozen=True)
class Landed:
    """What was put, by file name with its bytes."""

    manifest: Location
    sizes_bytes: Mapping[str, int]


@dataclass(frozen=True)
class Landing:
    """Where one source's hours are landed."""

    storage: Storage
    names: Names
    contract: SourceContract

    def land(
        self, hour: Hour, files: Sequence[Path], on_stored: Callable[[int], None] = lambda _: None
    ) -> Landed:
        """Put the files, then the manifest that lists them; `on_stored` hears each file's bytes.

        Everything is checked before anything is written. Objects of the same names are written
        over: the new manifest makes a new batch, which supersedes the hour's older one.
        """
        self.check(hour, files)
        sizes_bytes = self.store(hour, files, on_stored)
        return Landed(self.announce(hour, sizes_bytes), sizes_bytes)

    def check(self, hour: Hour, files: Sequence[Path]) -> None:
        """Raise LocationRefused or FileUnreadable for what cannot be landed."""
        if hour < self.contract.starts:
            raise LocationRefused(
                str(self.names.raw_folder(self.contract.source, hour)),
                f"lies before the first hour of {self.contract.source}",
                f"{self.contract.starts} or later",
            )
        seen: set[str] = set()
        for file in files:
            if not file.is_file():
                raise FileUnreadable(str(file), "there is no such file", "a file to upload")
            if file.name == MANIFEST:
                raise LocationRefused(str(file), "has the name of the manifest", "another name")
            if file.name in seen:
                raise LocationRefused(
                    str(file), "has the name of another file of the hour", "one name for each file"
                )
            seen.add(file.name)

    def store(
        self, hour: Hour, files: Sequence[Path], on_stored: Callable[[int], None] = lambda _: None
    ) -> dict[str, int]:
        """Put files into the hour's folder; their bytes by name."""
        folder = self.names.raw_folder(self.contract.source, hour)
        sizes_bytes = {}
        for file in files:
            sizes_bytes[file.name] = self.storage.store(file, folder / file.name)
            on_stored(sizes_bytes[file.name])
        return sizes_bytes

    def announce(self, hour: Hour, sizes_bytes: Mapping[str, int]) -> Location:
        """Write the manifest of the hour. An hour without files is an hour without records."""
        folder = self.names.raw_folder(self.contract.source, hour)
        manifest = Manifest(
            entries=tuple(
                Entry(url=str(folder / name), meta=EntryMeta(content_length=size_bytes))
                for name, size_bytes in sizes_bytes.items()
            )
        )
        location = self.names.manifest(self.contract.source, hour)
        self.storage.write(location, manifest.model_dump_json(exclude_none=True).encode())
        return location
