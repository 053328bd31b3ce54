"""The people who look at the platform each morning, with its own checks and its status."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from etl_platform.components.checks import hours
from etl_platform.components.checks.hours import Watched
from etl_platform.contract.errors import ManifestInvalid, RejectLimitExceeded
from etl_platform.contract.hour import Hour
from etl_platform.hour_states import look
from etl_platform.ingest.replay import replay
from etl_platform.status import StatusReader
from etl_platform_tests.benchmarks.year.feed import Buckets
from etl_platform_tests.benchmarks.year.warehouse import Warehouse
from etl_platform_tests.benchmarks.year.world import NAMES, World

_LOOKED_AT: Final = 14 * 24
_PATIENCE: Final = timedelta(hours=24)
"""Longer than the platform tries by itself."""
_OF_THE_SOURCE: Final = (RejectLimitExceeded.code, ManifestInvalid.code)
"""What blocks an hour until its source sends it again."""


@dataclass
class People:
    world: World
    buckets: Buckets
    warehouse: Warehouse
    replayed: list[tuple[str, Hour]] = field(default_factory=list)
    alarms: int = 0
    """Mornings on which the hours of a source were not complete."""

    def look(self) -> None:
        since = self.world.now - _PATIENCE
        if self.buckets.is_out or any(
            down.touches(since, self.world.now) for down in self.world.downs
        ):
            return
        for contract in self.world.span.contracts.values():
            reader = StatusReader(self.buckets, NAMES, contract)
            self._check(reader)
            self._replay(reader)

    def _check(self, reader: StatusReader) -> None:
        """`completeness`, as Dagster's job asks it."""
        entries = self.warehouse.entries(reader.contract.source)
        watched = Watched(reader.contract, self.world.now, entries)
        found = look(reader, watched.due, watched.due, watched.known)
        verdict = hours.completeness(watched, found)
        self.alarms += verdict.grade != "passed"

    def _replay(self, reader: StatusReader) -> None:
        """What has landed and is not loaded, though the platform has had its time."""
        now = Hour.containing(self.world.now)
        landed = reader.landed(now.plus(-_LOOKED_AT).through(now))
        left = [
            one
            for one in landed
            if one.batch_id not in self.warehouse.ledger
            and self.world.now - one.manifest_at > _PATIENCE
        ]
        blocked = reader.blocked(left)
        for one in left:
            why = blocked.get(one.batch_id)
            if why is None or why.error_code not in _OF_THE_SOURCE:
                replay(self.buckets, NAMES, reader.contract.source, one.hour)
                self.replayed.append((reader.contract.source, one.hour))
