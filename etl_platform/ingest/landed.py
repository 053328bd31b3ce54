"""Find the manifests of a stretch of hours in few requests, however many files lie between them."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import MANIFEST, Names, hour_of_manifest
from etl_platform.contract.storage import Storage
from etl_platform.ingest.arrivals import Arrival

_BEFORE_MANIFEST: Final = MANIFEST[:-1]


@dataclass(frozen=True)
class Landed:
    """The manifests found, oldest first."""

    manifests: tuple[tuple[Arrival, datetime], ...]
    """Each with the moment at which it was written."""
    last_key: str | None
    """The key to go on after, or None if the whole stretch was looked at."""


def landed(
    storage: Storage,
    names: Names,
    source: str,
    first: Hour,
    last: Hour,
    after: str = "",
    goes_on: Callable[[int], bool] = lambda _: True,
) -> Landed:
    """The manifests of a source from `first` to `last` whose keys follow `after`.

    `goes_on` is asked after each request whether to make another one, with what was found by then.

    One request brings what follows a key. Whatever lies between two manifests takes two requests
    at most, because the next one begins just before the manifest that comes next.
    """
    bucket = names.raw_bucket(source)
    found: list[tuple[Arrival, datetime]] = []
    key: str | None = max(after, first.folder)
    while key is not None:
        page = storage.page(bucket, key)
        for stored in page.objects:
            hour = hour_of_manifest(stored.location.key)
            if hour is not None and first <= hour <= last:
                version = stored.version_id or stored.etag
                found.append((Arrival(source, hour, version), stored.modified_at))
        key = _next(page.last_key, first, last)
        if not goes_on(len(found)):
            break
    return Landed(tuple(found), key)


def _next(last_key: str | None, first: Hour, last: Hour) -> str | None:
    """The key to go on after, or None if no manifest of the stretch can follow."""
    if last_key is None:
        return None
    hours = range((last.start - first.start) // timedelta(hours=1) + 1)
    following = bisect_right(hours, last_key, key=lambda number: first.plus(number).folder)
    if following:
        here = first.plus(following - 1)
        if last_key.startswith(here.folder) and last_key < here.folder + MANIFEST:
            return max(last_key, here.folder + _BEFORE_MANIFEST)
    return first.plus(following).folder if following < len(hours) else None
