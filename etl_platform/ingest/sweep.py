"""Where a sweep looks next: the recent hours of every source, and a walk through all hours.

The position is the cursor of the sensor. If it is lost, the walk begins again.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final, Self

from etl_platform.contract.hour import Hour
from etl_platform.contract.source import SourceContract
from etl_platform.ingest.arrivals import Contracts

RECENT_HOURS: Final = 48
GRACE: Final = timedelta(minutes=5)
"""A manifest younger than this is left to the queue, so that the two ways do not ask at once."""

_FORM: Final = 1


@dataclass(frozen=True)
class Position:
    """The source that the recent look begins with; the source and key that the walk has come to."""

    recent: str = ""
    deep: str = ""
    after: str = ""

    @classmethod
    def read(cls, cursor: str | None) -> Self:
        try:
            document = json.loads(cursor or "null")
            if not isinstance(document, dict) or document.get("form") != _FORM:
                return cls()
            return cls(*(str(document[name]) for name in ("recent", "deep", "after")))
        except (ValueError, KeyError, RecursionError):
            return cls()

    def written(self) -> str:
        return json.dumps({"form": _FORM, **asdict(self)})


def from_source(contracts: Contracts, source: str) -> Iterator[SourceContract]:
    """Every contract once, from this source on; it may have gone in the meantime."""
    names = sorted(contracts)
    begin = next((number for number, name in enumerate(names) if name >= source), 0)
    yield from (contracts[name] for name in names[begin:] + names[:begin])


def hours_so_far(
    contract: SourceContract, now: Hour, recent: int | None = None
) -> tuple[Hour, Hour] | None:
    """The first and last hour that may have come by now, of all or of the `recent` ones."""
    last = now if contract.ends is None else min(now, contract.ends.plus(-1))
    first = contract.starts if recent is None else max(contract.starts, now.plus(1 - recent))
    return (first, last) if first <= last else None
