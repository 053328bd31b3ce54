"""Have an hour converted again, after its contract was mended.

A batch is its manifest's version, and a committed batch is never converted again. So the same
manifest is written once more: a new batch, which every stage treats as any other.
"""

from dataclasses import dataclass

from etl_platform.contract.batch import batch_id
from etl_platform.contract.errors import LocationRefused, ManifestMissing
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.manifest import Manifest
from etl_platform.contract.storage import Storage


@dataclass(frozen=True)
class Replayed:
    """The manifest that was written again, and the batch that it makes."""

    manifest: Location
    batch_id: str
    files: int


def replay(storage: Storage, names: Names, source: str, hour: Hour) -> Replayed:
    """Write the manifest of an hour again, as it is. The files are read as they are by then."""
    location = names.manifest(source, hour)
    written = storage.find(location)
    if written is None:
        raise ManifestMissing(str(location))
    if written.version_id is None:
        # The batch would be named by the content, which stays the same.
        raise LocationRefused(
            str(location), "is in a bucket without versions", "a raw bucket of the installation"
        )
    body = storage.read(location, written.version_id)
    manifest = Manifest.parse(body, location)
    storage.write(location, body)
    again = storage.find(location)
    if again is None or again.version_id is None:
        raise ManifestMissing(str(location))
    return Replayed(location, batch_id(source, hour, again.version_id), len(manifest.entries))
