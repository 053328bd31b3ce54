"""Write the manifest of an hour for a source that lands files and no manifest.

From there on the hour goes the way of all others: the manifest is the event. Files that come after
it make a corrected hour, as a manifest does that a source has written again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from etl_platform.contract.errors import HourRefused
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import MANIFEST, Names
from etl_platform.contract.manifest import Manifest
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage, StoredObject
from etl_platform.ingest.landing import Landing


class Found(StrEnum):
    """What a look into the folder of an hour has found."""

    NOTHING = "no files"
    NOT_SETTLED = "files may still be coming"
    KNOWN = "its manifest has them all"
    WRITTEN = "its manifest was written"


@dataclass(frozen=True)
class Collected:
    """One hour that was looked at."""

    hour: Hour
    found: Found
    files: int


def hours_to_collect(contract: SourceContract, now: datetime) -> Iterator[Hour]:
    """The hours that are over and that a look by the clock covers, oldest first."""
    if contract.arrives is None:
        return
    under_way = Hour.containing(now)
    for back in range(contract.arrives.look_back_hours, 0, -1):
        hour = under_way.plus(-back)
        if contract.sends(hour):
            yield hour


def collect(
    storage: Storage, names: Names, contract: SourceContract, hours: Iterable[Hour], now: datetime
) -> Iterator[Collected]:
    """Write the manifests of hours that lack one, or whose files are others than it lists.

    Raises HourRefused for an hour that the source does not send or that is not over.
    """
    for hour in hours:
        if not contract.sends(hour) or hour >= Hour.containing(now):
            raise HourRefused(
                contract.source, str(hour), "is none that can be collected", "an hour that is over"
            )
        yield _collect(Landing(storage, names, contract), hour, now)


def _collect(landing: Landing, hour: Hour, now: datetime) -> Collected:
    source = landing.contract.source
    folder = landing.names.raw_folder(source, hour)
    files = {
        stored.location.key.removeprefix(folder.key): stored
        for stored in landing.storage.list(folder)
        if _is_data(stored.location.key.removeprefix(folder.key))
    }
    written = landing.storage.find(landing.names.manifest(source, hour))
    if written is None and not files:
        return Collected(hour, Found.NOTHING, 0)
    if written is not None and _lists(landing, written, files):
        return Collected(hour, Found.KNOWN, len(files))
    arrives = landing.contract.arrives
    settled = now - timedelta(minutes=arrives.settle_minutes if arrives else 0)
    if any(stored.modified_at > settled for stored in files.values()):
        return Collected(hour, Found.NOT_SETTLED, len(files))
    landing.announce(hour, {name: stored.size_bytes for name, stored in files.items()})
    return Collected(hour, Found.WRITTEN, len(files))


def _is_data(name: str) -> bool:
    """Not the manifest, nothing in a folder below, and no mark as `_SUCCESS` or `.x.crc`."""
    return name != MANIFEST and "/" not in name and not name.startswith(("_", ".")) and name != ""


def _lists(landing: Landing, written: StoredObject, files: dict[str, StoredObject]) -> bool:
    """Whether a manifest names just these files, and none was written over since."""
    body = landing.storage.read(written.location, written.version_id)
    named = {entry.url for entry in Manifest.parse(body, written.location).entries}
    return named == {str(stored.location) for stored in files.values()} and not any(
        # S3 tells whole seconds: a file of the second of the manifest may have come after it.
        stored.modified_at >= written.modified_at
        for stored in files.values()
    )
