"""The order of batches, on which every strategy rests: by hour, and in an hour by manifest."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from etl_platform.contract.batch import Batch
from etl_platform.contract.hour import Hour


@dataclass(frozen=True, order=True)
class Version:
    """One version of an hour. Two manifests of one instant are told apart by the batch id, so the
    order is total and the same wherever it is computed."""

    hour: Hour
    manifest_at: datetime
    batch_id: str

    @classmethod
    def of(cls, batch: Batch) -> "Version":
        return cls(batch.hour, batch.manifest_at, batch.batch_id)


def places(versions: Iterable[Version]) -> list[tuple[str, int]]:
    """Each batch with its place among the versions of its hour, from 1."""
    numbered: list[tuple[str, int]] = []
    hour, place = None, 0
    for version in sorted(set(versions)):
        place = place + 1 if version.hour == hour else 1
        hour = version.hour
        numbered.append((version.batch_id, place))
    return numbered
