"""What a contract expects of its source while it is live: which hours, how soon, how old."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from etl_platform.contract.fields import Model, broken
from etl_platform.contract.hour import Hour

_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_DURATION: Final = re.compile(r"([1-9][0-9]{0,4})([mhd])", re.ASCII)


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(str(value))
    if match is None:
        raise ValueError(f"{value!r} is no duration; expected minutes, hours or days: 30m, 2h, 1d")
    return int(match[1]) * _UNITS[match[2]]


def duration_text(duration: timedelta) -> str:
    """`30m`, `2h`; a part of a minute is left out."""
    minutes = duration // timedelta(minutes=1)
    return f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration, json_schema_input_type=str),
    PlainSerializer(duration_text, return_type=str),
]


class Expected(Model):
    """The promise that the checks of a source hold it to."""

    hours: int = Field(default=24, ge=0, le=168)
    """How many of the hours that are due are looked at; 0 for a source that sends as it pleases."""
    within: Duration = timedelta(hours=2)
    """How long after its end an hour is due in the warehouse."""
    stale_after: Duration = timedelta(hours=6)
    """How long after its end the newest hour in the warehouse may be the newest."""
    load_within: Duration = timedelta(minutes=30)
    """How long after its manifest an hour is due in the warehouse."""

    @model_validator(mode="after")
    def _stale_is_later_than_due(self) -> Self:
        # Until the next hour is over and due, the newest one cannot be another.
        if self.stale_after < self.within + timedelta(hours=1):
            raise broken(
                ("expected", "stale_after"),
                f"{duration_text(self.stale_after)} is over before the next hour is due",
                f"{duration_text(self.within + timedelta(hours=1))} or longer",
            )
        return self

    def due(self, starts: Hour, ends: Hour | None, now: datetime) -> list[Hour]:
        """The hours that have to be in the warehouse at an aware moment, oldest first.

        They are the last `hours` whole hours that ended `within` ago or earlier; fewer, and in the
        end none, where the source began later or has ended.
        """
        last = Hour.containing(now - self.within).plus(-1)
        first = last.plus(1 - self.hours)
        return [hour for hour in first.through(last) if self.is_due(hour, starts, ends, now)]

    def is_due(self, hour: Hour, starts: Hour, ends: Hour | None, now: datetime) -> bool:
        """Whether an hour, however old, has to be in the warehouse at an aware moment."""
        is_of_source = starts <= hour and (ends is None or hour < ends)
        return self.hours > 0 and is_of_source and hour.plus(1).start + self.within <= now
