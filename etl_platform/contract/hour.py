"""The partition of everything: one hour in UTC, and the three ways it is written.

Standard library only: the Lambda imports it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from etl_platform.contract.errors import HourInvalid

KEY_FORMAT = "%Y-%m-%d-%H"
"""The partition key in Dagster, `2026-11-23-03`. The key of Dagster's default format has minutes,
and then accepts half hours and marks another hour than the one named."""

_FOLDER_FORMAT = "%Y/%m/%d/%H/"
_PARTITION_FORMAT = "year=%Y/month=%m/day=%d/hour=%H/"
_KEY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)
_FOLDER = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9]{2}/", re.ASCII)


@dataclass(frozen=True, order=True)
class Hour:
    """An hour by its first instant, an aware datetime in UTC with nothing below the hour."""

    start: datetime

    def __post_init__(self) -> None:
        if self.start != self.start.replace(minute=0, second=0, microsecond=0):
            raise HourInvalid(self.start.isoformat(), "a full hour")
        if self.start.utcoffset() != timedelta(0):
            raise HourInvalid(self.start.isoformat(), "a time in UTC")

    @classmethod
    def parse(cls, key: str) -> Self:
        """Read a partition key; strptime alone would also take `2026-1-2-3`."""
        return cls._read(key, _KEY, KEY_FORMAT, "YYYY-MM-DD-HH, as in 2026-11-23-03")

    @classmethod
    def of_folder(cls, folder: str) -> Self:
        """Read the folder of a raw bucket, `2026/11/23/03/`."""
        return cls._read(folder, _FOLDER, _FOLDER_FORMAT, "YYYY/MM/DD/HH/, as in 2026/11/23/03/")

    @classmethod
    def containing(cls, moment: datetime) -> Self:
        """The hour in which an aware moment lies."""
        return cls(moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0))

    @classmethod
    def _read(cls, text: str, shape: re.Pattern[str], form: str, expected: str) -> Self:
        if not shape.fullmatch(text):
            raise HourInvalid(text, expected)
        try:
            return cls(datetime.strptime(text, form).replace(tzinfo=UTC))
        except ValueError:
            raise HourInvalid(text, expected) from None

    @property
    def key(self) -> str:
        """`2026-11-23-03`"""
        return self._write(KEY_FORMAT)

    @property
    def folder(self) -> str:
        """`2026/11/23/03/`, where a source lands its files."""
        return self._write(_FOLDER_FORMAT)

    @property
    def partition(self) -> str:
        """`year=2026/month=11/day=23/hour=03/`, where the Parquet files lie."""
        return self._write(_PARTITION_FORMAT)

    @property
    def partition_values(self) -> tuple[str, str, str, str]:
        """The catalog's partition columns, in the order of `PARTITION_COLUMNS`."""
        year, month, day, hour = self.key.split("-")
        return year, month, day, hour

    def _write(self, form: str) -> str:
        # The C library does not pad years below 1000 everywhere; parse() demands four digits.
        return self.start.strftime(form.replace("%Y", f"{self.start.year:04d}"))

    def plus(self, hours: int) -> "Hour":
        return Hour(self.start + timedelta(hours=hours))

    def through(self, last: "Hour") -> Iterator["Hour"]:
        """Every hour from this one to `last`, both included."""
        hour = self
        while hour <= last:
            yield hour
            hour = hour.plus(1)

    def __str__(self) -> str:
        return self.key


PARTITION_COLUMNS = ("year", "month", "day", "hour")


def stretches(hours: list[Hour], most: int, bridged: int = 0) -> Iterator[tuple[Hour, Hour]]:
    """Group hours into stretches, oldest first, as their first and last hours.

    None is longer than `most` hours, and none has more than `bridged` absent hours in a row.
    """
    ordered = sorted(set(hours))
    while ordered:
        taken = 1
        while (
            taken < len(ordered)
            and ordered[taken] < ordered[0].plus(most)
            and ordered[taken] <= ordered[taken - 1].plus(1 + bridged)
        ):
            taken += 1
        yield ordered[0], ordered[taken - 1]
        ordered = ordered[taken:]
