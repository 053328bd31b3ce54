"""How far each hour has come, from what the stages left behind: manifest, commit, ledger entry.

Nothing is remembered for this: an hour that is asked about twice is looked at twice.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from etl_platform.contract.batch import batch_id
from etl_platform.contract.commit import Commit
from etl_platform.contract.errors import ObjectMissing
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names, hour_of_manifest
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.contract.warehouse import Warehouse
from etl_platform.ingest.blocked import BlockedHour, read_blocked
from etl_platform.load import ledger
from etl_platform.load.ledger import Entry
from etl_platform.load.target import Target

_CALLS_AT_ONCE = 16


class Stage(StrEnum):
    """The last thing that is known to have happened to an hour."""

    LANDED = "landed"  # there is a manifest; it may wait, or be under way
    BLOCKED = "blocked"  # a stage could not pass it on, and said why
    CONVERTED = "converted"  # its commit is there
    LOADED = "loaded"  # the ledger has its entry


@dataclass(frozen=True)
class LandedHour:
    """An hour with the batch that its manifest stands for now."""

    hour: Hour
    manifest_version: str
    batch_id: str
    manifest_at: datetime


@dataclass(frozen=True)
class HourStatus:
    """An hour with what the stages left behind for its batch."""

    landed: LandedHour
    commit: Commit | None
    entry: Entry | None
    blocked: BlockedHour | None = None
    """Only of this very batch, and only while it is not loaded."""

    @property
    def stage(self) -> Stage:
        if self.entry is not None:
            return Stage.LOADED
        if self.blocked is not None:
            return Stage.BLOCKED
        return Stage.LANDED if self.commit is None else Stage.CONVERTED


@dataclass(frozen=True)
class StatusReader:
    """Looks at the hours of one source."""

    storage: Storage
    names: Names
    contract: SourceContract

    def newest(self, warehouse: Warehouse, last: int) -> list[HourStatus]:
        """The newest `last` landed hours, oldest first."""
        landed = self.landed(self.landed_hours()[-last:])
        commits = self.commits(landed)
        entries = self.entries(warehouse, landed)
        blocked = self.blocked([item for item in landed if item.batch_id not in entries])
        return [
            HourStatus(
                item,
                commits.get(item.batch_id),
                entries.get(item.batch_id),
                blocked.get(item.batch_id),
            )
            for item in landed
        ]

    def landed_hours(self) -> list[Hour]:
        """Every hour that has a manifest, oldest first."""
        bucket = Location(self.names.raw_bucket(self.contract.source), "")
        hours = (hour_of_manifest(found.location.key) for found in self.storage.list(bucket))
        return sorted(hour for hour in hours if hour is not None)

    def landed(self, hours: Iterable[Hour]) -> list[LandedHour]:
        """The hours among these that have a manifest, with its batch."""
        with ThreadPoolExecutor(_CALLS_AT_ONCE) as pool:
            return [item for item in pool.map(self._landed, hours) if item is not None]

    def commits(self, landed: Sequence[LandedHour]) -> dict[str, Commit]:
        """The commits that are there, by batch."""
        with ThreadPoolExecutor(_CALLS_AT_ONCE) as pool:
            found = pool.map(self._commit, landed)
        return {commit.batch.batch_id: commit for commit in found if commit is not None}

    def blocked(self, landed: Sequence[LandedHour]) -> dict[str, BlockedHour]:
        """Why hours are blocked, as they stand now, by batch."""

        def look(item: LandedHour) -> BlockedHour | None:
            return read_blocked(self.storage, self.names, self.contract.source, item.hour)

        with ThreadPoolExecutor(_CALLS_AT_ONCE) as pool:
            found = list(pool.map(look, landed))
        wanted = {item.batch_id for item in landed}
        return {one.batch_id: one for one in found if one is not None and one.batch_id in wanted}

    def entries(self, warehouse: Warehouse, landed: Sequence[LandedHour]) -> dict[str, Entry]:
        """The entries of the ledger that are there, by batch."""
        return ledger.loaded(warehouse, Target(self.contract), (item.batch_id for item in landed))

    def _landed(self, hour: Hour) -> LandedHour | None:
        source = self.contract.source
        manifest = self.storage.find(self.names.manifest(source, hour))
        if manifest is None:
            return None
        version = manifest.version_id or manifest.etag
        return LandedHour(hour, version, batch_id(source, hour, version), manifest.modified_at)

    def _commit(self, landed: LandedHour) -> Commit | None:
        place = self.names.commit(self.contract.source, landed.hour, landed.batch_id)
        try:
            return Commit.model_validate_json(self.storage.read(place))
        except ObjectMissing:
            return None


HOUR_COLUMNS = (
    *("hour", "stage", "manifest at", "read", "rejected", "superseded", "loaded"),
    *("batch", "loaded at", "blocked by"),
)
SUMMARY_COLUMNS = (
    *("source", "hours landed", "converted", "loaded", "blocked", "newest landed", "newest loaded"),
    *("read", "rejected", "superseded", "rows loaded"),
)


def hour_row(status: HourStatus) -> tuple[object, ...]:
    """One hour under `HOUR_COLUMNS`."""
    counts = status.commit.counts if status.commit else None
    entry = status.entry
    return (
        str(status.landed.hour),
        status.stage.value,
        _shown(status.landed.manifest_at),
        counts.read if counts else None,
        counts.rejected if counts else None,
        counts.superseded if counts else None,
        entry.rows_applied if entry else None,
        status.landed.batch_id[:8],
        _shown(entry.loaded_at) if entry else None,
        status.blocked.error_code if status.stage is Stage.BLOCKED and status.blocked else None,
    )


def summary_row(source: str, statuses: Sequence[HourStatus]) -> tuple[object, ...]:
    """One source under `SUMMARY_COLUMNS`."""
    counts = [status.commit.counts for status in statuses if status.commit]
    entries = [status.entry for status in statuses if status.entry]
    return (
        source,
        len(statuses),
        len(counts),
        len(entries),
        sum(status.stage is Stage.BLOCKED for status in statuses),
        max((str(status.landed.hour) for status in statuses), default=None),
        max((str(entry.hour) for entry in entries), default=None),
        sum(count.read for count in counts),
        sum(count.rejected for count in counts),
        sum(count.superseded for count in counts),
        sum(entry.rows_applied for entry in entries),
    )


def _shown(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else None
