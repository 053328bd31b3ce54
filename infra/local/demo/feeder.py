"""Three source systems: they write the flights out of New York in 2013 into their raw buckets."""

import csv
import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.ingest.landing import Landing
from infra.local.demo.dirt import LATE_FILE, WRONG_DELAY, Dirt, Spot
from infra.local.demo.package import HOURLY, Row, airlines

SOURCES = ("weather", "flights", "airlines")
AIRLINES_HOUR = 6
"""The hour of the day, in UTC, at which the airlines are delivered."""

_NESTED = ("temp", "dewp", "humid")
_NUMBER_COLUMN = {"weather": ("temp", "warm"), "flights": ("distance", "far")}
_KEY_COLUMN = {"weather": "origin", "flights": "carrier"}


@dataclass(frozen=True)
class Delivery:
    """What a source sends for one hour: files by name, and names that only its manifest has."""

    source: str
    hour: Hour
    files: Mapping[str, bytes]
    not_there: tuple[str, ...] = ()


def deliveries(
    source: str, first: Hour, last: Hour, spots: Sequence[Spot] = ()
) -> Iterator[Delivery]:
    """Every delivery of a source for the hours, oldest first.

    Weather sends nothing for an hour without observations; flights sends an empty manifest for an
    hour without departures; airlines sends everything, once a day.
    """
    hours = list(first.through(last))
    if source == "airlines":
        files = {"airlines.xml": _airlines_xml(airlines())}
        yield from (
            Delivery(source, hour, files) for hour in hours if hour.start.hour == AIRLINES_HOUR
        )
        return
    rows_of = HOURLY[source](first, last)
    for hour in hours:
        if source == "weather" and hour not in rows_of:
            continue
        dirt = {spot.dirt for spot in spots if (spot.source, spot.hour_key) == (source, hour.key)}
        rows = _soiled(source, rows_of.get(hour, []), dirt)
        not_there = (LATE_FILE,) if Dirt.FILE_NOT_THERE in dirt else ()
        files = _weather_files(rows) if source == "weather" else _flights_files(rows)
        yield Delivery(source, hour, files, not_there)


@dataclass(frozen=True)
class Feeder:
    """Lands deliveries where the platform looks for them."""

    storage: Storage
    names: Names
    contracts: Mapping[str, SourceContract]

    def land(self, delivery: Delivery) -> float:
        """Put the files and the manifest; when the manifest was put, in seconds since 1970."""
        landing = Landing(self.storage, self.names, self.contracts[delivery.source])
        with TemporaryDirectory() as folder:
            files = [Path(folder) / name for name in delivery.files]
            for file in files:
                file.write_bytes(delivery.files[file.name])
            landing.check(delivery.hour, files)
            sizes_bytes = landing.store(delivery.hour, files)
        sizes_bytes |= dict.fromkeys(delivery.not_there, 1)
        put_at = time.time()
        landing.announce(delivery.hour, sizes_bytes)
        return put_at


def _soiled(source: str, rows: list[Row], dirt: set[Dirt]) -> list[Row]:
    if Dirt.WRONG_DELAY in dirt and rows:
        rows = [{**rows[0], "dep_delay": WRONG_DELAY}, *rows[1:]]
    first, last = dict(rows[0]) if rows else {}, dict(rows[-1]) if rows else {}
    if Dirt.UNCASTABLE_ROW in dirt:
        column, text = _NUMBER_COLUMN[source]
        last[column] = text
    if Dirt.KEYLESS_ROW in dirt:
        last[_KEY_COLUMN[source]] = ""
    soiled = [*rows[:-1], *([last] if rows else [])]
    return [*soiled, first] if Dirt.DOUBLED_ROW in dirt else soiled


def _weather_files(rows: list[Row]) -> dict[str, bytes]:
    """JSON Lines: numbers as numbers, NA as null, no member at all for an empty value."""
    lines = []
    for row in rows:
        record: dict[str, object] = {
            name: _json_value(name, text)
            for name, text in row.items()
            if name not in _NESTED and text
        }
        record["air"] = {name: _json_value(name, row[name]) for name in _NESTED}
        lines.append(json.dumps(record) + "\n")
    return {"weather.jsonl": "".join(lines).encode()}


def _json_value(name: str, text: str) -> object:
    if text == "NA":
        return None
    if name in ("origin", "time_hour"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _flights_files(rows: list[Row]) -> dict[str, bytes]:
    """One CSV file for each airport, with the columns and the NA of the package."""
    files = {}
    for origin in sorted({row["origin"] for row in rows}):
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row in rows if row["origin"] == origin)
        files[f"flights-{origin}.csv"] = text.getvalue().encode()
    return files


def _airlines_xml(rows: list[Row]) -> bytes:
    root = ElementTree.Element("airlines")
    for row in rows:
        element = ElementTree.SubElement(root, "airline", carrier=row["carrier"])
        ElementTree.SubElement(element, "name").text = row["name"]
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
