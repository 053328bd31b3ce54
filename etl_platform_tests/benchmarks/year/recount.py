"""What came of the year, counted again from what was sent and not from what the platform says."""

from dataclasses import dataclass
from functools import cached_property

from etl_platform.components.past import Past
from etl_platform.contract.errors import (
    ManifestFileMissing,
    ManifestInvalid,
    RejectLimitExceeded,
)
from etl_platform.contract.hour import Hour
from etl_platform.ingest.arrivals import Arrival
from etl_platform.status import LandedHour, StatusReader
from etl_platform_tests.benchmarks.year.feed import Quality, Sent
from etl_platform_tests.benchmarks.year.simulation import Year
from etl_platform_tests.benchmarks.year.world import NAMES

_Place = tuple[str, Hour]

_BLOCKED_BY = {
    Quality.BAD_DATA: RejectLimitExceeded.code,
    Quality.BAD_MANIFEST: ManifestInvalid.code,
    Quality.NO_FILE: ManifestFileMissing.code,
}


@dataclass(frozen=True)
class Recount:
    """Hours by what is wrong with them. Of a good year, everything here is empty."""

    year: Year

    @property
    def lost(self) -> set[_Place]:
        """Sent well, and the warehouse has not the rows that were sent last."""
        rows = self.year.warehouse.rows
        return {
            place
            for place, sent in self._sent.items()
            if sent.quality is Quality.GOOD and rows.get(place) != list(sent.texts)
        }

    @property
    def unsent(self) -> set[_Place]:
        """Nobody has sent the rows that the warehouse has, or they are of no good hour."""
        rows = self.year.warehouse.rows
        broken = {p for p, sent in self._sent.items() if sent.quality is not Quality.GOOD}
        return (rows.keys() - self._sent.keys()) | {
            place for place in broken & rows.keys() if rows[place] == list(self._sent[place].texts)
        }

    @property
    def blocked_otherwise(self) -> set[_Place]:
        """Blocked, and the source has sent them well; or not, and it has not; or by another error
        than what is wrong with them."""
        told = {
            (source, one.hour): one.error_code
            for source, reader in self._readers.items()
            for one in reader.blocked(self._left(source)).values()
        }
        expected = {
            place: _BLOCKED_BY[sent.quality]
            for place, sent in self._sent.items()
            if sent.quality is not Quality.GOOD
        }
        return {place for place, _ in told.items() ^ expected.items()}

    @property
    def told_otherwise(self) -> set[_Place]:
        """Loaded, and Dagster does not know it; or the other way round."""
        arrivals = {
            Arrival(source, one.hour, one.manifest_version)
            for source, landed in self._landed.items()
            for one in landed
        }
        known = {one.batch_id for one in Past(self.year.daemon.instance).loaded(arrivals)}
        return {
            (one.source, one.hour)
            for one in arrivals
            if (one.batch_id in self.year.warehouse.ledger) != (one.batch_id in known)
        }

    @property
    def replayed_in_vain(self) -> set[_Place]:
        """Asked for again by people, and the platform would have had to do it by itself."""
        return set(self.year.people.replayed) - self.year.workers.left_to_people

    @property
    def left_over(self) -> int:
        """Messages, and runs that were asked for and have not ended."""
        return len(self.year.buckets.queue) + self.year.workers.under_way

    @property
    def _sent(self) -> dict[_Place, Sent]:
        return self.year.feed.sent

    @cached_property
    def _readers(self) -> dict[str, StatusReader]:
        contracts = self.year.world.span.contracts
        return {s: StatusReader(self.year.buckets, NAMES, c) for s, c in contracts.items()}

    @cached_property
    def _landed(self) -> dict[str, list[LandedHour]]:
        return {s: reader.landed(reader.landed_hours()) for s, reader in self._readers.items()}

    def _left(self, source: str) -> list[LandedHour]:
        ledger = self.year.warehouse.ledger
        return [one for one in self._landed[source] if one.batch_id not in ledger]
