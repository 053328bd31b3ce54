"""How an hour is known to be complete: by the manifest of its source, or by the clock."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from etl_platform.contract.fields import Model

_RANGES: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_ITEM: Final = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?", re.ASCII)


def _cron(text: str) -> str:
    fields = text.split()
    if len(fields) != len(_RANGES) or not all(map(_is_field, fields, _RANGES)):
        raise ValueError(
            f"{text!r} is no schedule; expected minute, hour, day, month and weekday as cron has"
            " them, in numbers: `15 * * * *` is a quarter past each hour"
        )
    return " ".join(fields)


def _is_field(field: str, limits: tuple[int, int]) -> bool:
    for item in field.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            return False
        numbers = [int(number) for number in match.group(1, 2) if number]
        if any(not limits[0] <= n <= limits[1] for n in numbers) or numbers != sorted(numbers):
            return False
        if match[3] is not None and not 0 < int(match[3]) <= limits[1]:
            return False
    return True


class Arrives(Model):
    """For a source that lands files and no manifest: the platform writes it, by the clock."""

    schedule: Annotated[str, AfterValidator(_cron)]
    """When to look, as a cron schedule in UTC."""
    look_back_hours: int = Field(default=24, ge=1, le=720)
    """How many hours before the one under way are looked at each time."""
    settle_minutes: int = Field(default=5, ge=0, le=1440)
    """How old the youngest file of an hour has to be: until then more may follow."""
