from collections import Counter
from datetime import datetime
from typing import Any

from infra.local.demo.dirt import Dirt, Spot
from infra.local.demo.recount import SHAPES, Counted, recount
from infra.local.demo.recount_delays import recount_delays

MOMENT = datetime(2013, 1, 1, 12)  # noqa: DTZ001 - the tables hold no zone
NOON = "2013-01-01-12"


def counted(source: str, *records: dict[str, Any]) -> Counted:
    names = SHAPES[source].columns
    rows = Counter(tuple(record.get(name) for name in names) for record in records)
    return Counted(source, frozenset(), frozenset(), 0, 0, 0, rows)


def flight(number: int, origin: str, delay: int | None) -> dict[str, Any]:
    departed = None if delay is None else 700
    return {"time_hour": MOMENT, "carrier": "UA", "flight": number, "origin": origin,
            "dep_time": departed, "dep_delay": delay}  # fmt: skip


def test_flights_are_summed_by_hour_carrier_and_the_weather_at_their_airport() -> None:
    flights = counted(
        "flights",
        flight(1, "JFK", 16),
        flight(2, "JFK", 15),
        flight(3, "JFK", None),
        flight(4, "LGA", -3),
        flight(5, "EWR", None),
    )
    weather = counted(
        "weather",
        {"origin": "JFK", "time_hour": MOMENT, "precip": 0.1, "wind_speed": 30.0},
        {"origin": "LGA", "time_hour": MOMENT, "precip": 0.0, "wind_speed": 20.0},
    )
    rows = recount_delays(flights, weather, counted("airlines", {"carrier": "UA", "name": "U"}))
    assert rows == Counter(
        [
            (MOMENT, "UA", "U", "wet", 3, 1, 1, 31),
            (MOMENT, "UA", "U", "windy", 1, 0, 0, -3),
            (MOMENT, "UA", "U", "unknown", 1, 1, 0, None),
        ]
    )


def test_a_wrong_delay_is_counted_until_it_is_corrected() -> None:
    spots = [Spot("flights", NOON, Dirt.WRONG_DELAY)]
    wrong, right = (recount("flights", NOON, NOON, dirt) for dirt in (spots, []))
    column = list(SHAPES["flights"].columns).index("dep_delay")
    assert [row[column] for row in (wrong.rows - right.rows)] == [999]
    assert (wrong.read, wrong.rejected) == (right.read, right.rejected)
