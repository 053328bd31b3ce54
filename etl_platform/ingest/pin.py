"""Check the manifest of an hour and pin its files: the first stage, asset `raw/<source>`."""

from concurrent.futures import ThreadPoolExecutor

from etl_platform.contract.batch import Batch, SourceFile
from etl_platform.contract.checkpoints import checkpoint
from etl_platform.contract.errors import (
    ManifestFileDiffers,
    ManifestFileMissing,
    ManifestMissing,
    PlatformError,
    Terminal,
)
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.manifest import Entry, Manifest
from etl_platform.contract.storage import Storage, StoredObject

_CALLS_AT_ONCE = 16


def pin(storage: Storage, names: Names, source: str, hour: Hour) -> Batch:
    """The batch that the hour's manifest stands for now, written down for the next stages.

    Raises ManifestMissing, ManifestInvalid, LocationRefused, ManifestFileMissing or
    ManifestFileDiffers: then the hour keeps what it had before.
    """
    location = names.manifest(source, hour)
    written = storage.find(location)
    if written is None:
        raise ManifestMissing(str(location))
    # By version: a manifest written over this one while it is read is another batch.
    manifest = Manifest.parse(storage.read(location, written.version_id), location)
    with ThreadPoolExecutor(_CALLS_AT_ONCE) as pool:
        found = list(
            pool.map(lambda entry: storage.find(Location.parse(entry.url)), manifest.entries)
        )
    batch = Batch(
        source=source,
        hour=hour,
        manifest_url=str(location),
        manifest_version=written.version_id or written.etag,
        manifest_at=written.modified_at,
        files=_checked(location, manifest.entries, found),
    )
    checkpoint("ingest.before_pin")
    storage.write(names.pin(source, hour), batch.model_dump_json().encode())
    checkpoint("ingest.after_pin")
    return batch


def pin_all(
    storage: Storage, names: Names, source: str, hours: list[Hour]
) -> dict[Hour, Batch | PlatformError]:
    """Pin many hours; a Terminal error of one is its result and stops no other."""

    def attempt(hour: Hour) -> Batch | PlatformError:
        try:
            return pin(storage, names, source, hour)
        except Terminal as error:
            return error

    with ThreadPoolExecutor(_CALLS_AT_ONCE) as pool:
        return dict(zip(hours, pool.map(attempt, hours), strict=True))


def _checked(
    manifest: Location, entries: tuple[Entry, ...], found: list[StoredObject | None]
) -> tuple[SourceFile, ...]:
    there = [(entry, stored) for entry, stored in zip(entries, found, strict=True) if stored]
    if len(there) < len(entries):
        missing = [e.url for e, stored in zip(entries, found, strict=True) if stored is None]
        raise ManifestFileMissing(str(manifest), missing)
    files = []
    for entry, stored in there:
        promised = entry.meta.content_length
        if promised is not None and promised != stored.size_bytes:
            raise ManifestFileDiffers(entry.url, promised, stored.size_bytes)
        files.append(
            SourceFile(
                bucket=stored.location.bucket,
                key=stored.location.key,
                version_id=stored.version_id,
                size_bytes=stored.size_bytes,
            )
        )
    return tuple(files)
