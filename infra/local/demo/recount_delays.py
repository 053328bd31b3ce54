"""An independent recount of the demo's aggregate: flights by hour, carrier and weather.

Standard library only, as the recount of the sources: it is a loop over their rows, where the
platform has a query over tables.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from infra.local.demo.recount import SHAPES, Counted

LATE_MINUTES = 15
WINDY_MPH = 20


@dataclass
class Sums:
    """What is known of one hour, carrier and weather."""

    flights: int = 0
    cancelled: int = 0
    late: int = 0
    minutes_late: int | None = None


def recount_delays(
    flights: Counted, weather: Counted, airlines: Counted
) -> Counter[tuple[Any, ...]]:
    """The rows that the aggregate must have, from the recounts of its sources."""
    skies = {(w["origin"], w["time_hour"]): _sky(w) for w in _records(weather)}
    names = {a["carrier"]: a["name"] for a in _records(airlines)}
    sums: dict[tuple[Any, ...], Sums] = {}
    for flight in _records(flights):
        sky = skies.get((flight["origin"], flight["time_hour"]), "unknown")
        carrier = flight["carrier"]
        group = (flight["time_hour"], carrier, names.get(carrier), sky)
        one, delay = sums.setdefault(group, Sums()), flight["dep_delay"]
        one.flights += 1
        one.cancelled += flight["dep_time"] is None
        if delay is not None:
            one.late += delay > LATE_MINUTES
            one.minutes_late = (one.minutes_late or 0) + delay
    return Counter(
        (*group, one.flights, one.cancelled, one.late, one.minutes_late)
        for group, one in sums.items()
    )


def _sky(weather: dict[str, Any]) -> str:
    if weather["precip"] is not None and weather["precip"] > 0:
        return "wet"
    if weather["wind_speed"] is not None and weather["wind_speed"] >= WINDY_MPH:
        return "windy"
    return "calm"


def _records(counted: Counted) -> Iterable[dict[str, Any]]:
    names = list(SHAPES[counted.source].columns)
    return (dict(zip(names, row, strict=True)) for row in counted.rows.elements())
