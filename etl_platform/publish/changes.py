"""Which part of an aggregate has to be made anew. Pure: what it needs to know is handed in."""

import heapq
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

MOST_STRETCHES: Final = 50
"""A statement has at most so many ranges of hours. Beyond that the nearest ones are joined: an hour
that is made anew without need has the same rows again."""

_HOUR = timedelta(hours=1)

Stretch = tuple[datetime, datetime]
"""The first and the last of some hours in a row, by their first instants."""


@dataclass(frozen=True)
class State:
    """The latest refresh of an aggregate."""

    number: int
    digest: str


@dataclass(frozen=True)
class Standing:
    """What the ledgers say against what the aggregate has seen."""

    state: State | None
    new_batches: dict[str, int]
    """By source."""
    gone: int
    """Batches that the aggregate has seen and no ledger knows: their table was made again."""


def whole_because(
    digest: str, standing: Standing, without_hour: Collection[str], *, is_by_hour: bool
) -> str | None:
    """Why every row has to be made anew; None if that depends on hours, or nothing has changed."""
    if standing.state is None:
        return "it is the first refresh"
    if standing.state.digest != digest:
        return "the aggregate was redefined"
    if standing.gone:
        return f"{standing.gone} batches are no longer in the ledger"
    changed = sorted(s for s in standing.new_batches if s in without_hour or not is_by_hour)
    if changed:
        return f"{', '.join(changed)} changed"
    return None


def stretches_of(hours: Collection[datetime]) -> list[Stretch]:
    """Some hours as ranges that hold them all, cut at the widest gaps."""
    ordered = sorted(set(hours))
    if not ordered:
        return []
    gaps = [(b - a, place) for place, (a, b) in enumerate(pairwise(ordered), 1) if b - a > _HOUR]
    cuts = sorted(place for _, place in heapq.nlargest(MOST_STRETCHES - 1, gaps))
    return [
        (ordered[start], ordered[end - 1])
        for start, end in zip([0, *cuts], [*cuts, len(ordered)], strict=True)
    ]
