import csv
import io
import json
from pathlib import Path

import pytest
from defusedxml import ElementTree

from etl_platform.contract.errors import ManifestFileMissing
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.reading import read_contracts
from etl_platform.ingest.pin import pin
from etl_platform_tests.fakes.storage import DirectoryStorage
from infra.local.demo.dirt import DEMO_DIRT, LATE_FILE, Dirt, Spot
from infra.local.demo.feeder import SOURCES, Delivery, Feeder, deliveries

NOON = Hour.parse("2013-01-01-12")
NAMES = Names("etl-test")


def _one(source: str, hour: Hour = NOON, dirt: Dirt | None = None) -> Delivery:
    spots = [Spot(source, hour.key, dirt)] if dirt else []
    (delivery,) = deliveries(source, hour, hour, spots)
    return delivery


def _weather(delivery: Delivery) -> list[dict[str, object]]:
    return [json.loads(line) for line in delivery.files["weather.jsonl"].splitlines()]


def _flights(delivery: Delivery) -> list[dict[str, str]]:
    return [
        row
        for body in delivery.files.values()
        for row in csv.DictReader(io.StringIO(body.decode(), newline=""))
    ]


def test_weather_is_json_lines_with_one_nested_object() -> None:
    first = _weather(_one("weather"))[0]
    assert first["air"] == {"temp": 39.02, "dewp": 28.04, "humid": 64.43}
    assert (first["origin"], first["time_hour"]) == ("EWR", "2013-01-01T12:00:00Z")
    assert (first["pressure"], first["wind_gust"]) == (1012.2, None)


def test_flights_come_in_one_csv_file_for_each_airport() -> None:
    delivery = _one("flights")
    assert sorted(delivery.files) == ["flights-EWR.csv", "flights-JFK.csv", "flights-LGA.csv"]
    assert len(_flights(delivery)) == 49
    assert {row["time_hour"] for row in _flights(delivery)} == {"2013-01-01T12:00:00Z"}


def test_flights_keep_the_missing_values_of_the_package() -> None:
    cancelled = [r for r in _flights(_one("flights", NOON.plus(9))) if r["dep_time"] == "NA"]
    assert cancelled


def test_airlines_are_xml_once_a_day_at_six() -> None:
    found = list(deliveries("airlines", Hour.parse("2013-01-01-00"), Hour.parse("2013-01-02-23")))
    assert [str(delivery.hour) for delivery in found] == ["2013-01-01-06", "2013-01-02-06"]
    root = ElementTree.fromstring(found[0].files["airlines.xml"])
    assert len(root) == 16
    assert {e.get("carrier"): e.findtext("name") for e in root}["9E"] == "Endeavor Air Inc."


def test_an_hour_without_weather_is_not_sent_and_one_without_flights_is_empty() -> None:
    night = Hour.parse("2013-01-01-05")
    assert list(deliveries("weather", night, night)) == []
    assert _one("flights", night).files == {}


def test_a_doubled_row_is_the_first_one_again() -> None:
    rows = _weather(_one("weather", dirt=Dirt.DOUBLED_ROW))
    assert len(rows) == 4
    assert rows[-1] == rows[0]


@pytest.mark.parametrize(
    ("dirt", "field", "value"),
    [
        pytest.param(Dirt.UNCASTABLE_ROW, "distance", "far", id="cast"),
        pytest.param(Dirt.KEYLESS_ROW, "carrier", "", id="key"),
    ],
)
def test_one_flight_of_the_hour_is_spoiled(dirt: Dirt, field: str, value: str) -> None:
    clean, soiled = _flights(_one("flights")), _flights(_one("flights", dirt=dirt))
    changed = [(a, b) for a, b in zip(clean, soiled, strict=True) if a != b]
    assert len(changed) == 1
    assert changed[0][1] == {**changed[0][0], field: value}


def test_weather_without_a_key_lacks_the_member() -> None:
    assert "origin" not in _weather(_one("weather", dirt=Dirt.KEYLESS_ROW))[-1]


def test_weather_that_cannot_be_cast_has_a_text_for_a_number() -> None:
    last = _weather(_one("weather", dirt=Dirt.UNCASTABLE_ROW))[-1]
    assert last["air"] == {**dict(last["air"]), "temp": "warm"}  # type: ignore[call-overload]


def test_landed_hours_can_be_pinned_and_the_incomplete_one_names_its_file(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    feeder = Feeder(storage, NAMES, read_contracts())
    feeder.land(_one("flights"))
    assert len(pin(storage, NAMES, "flights", NOON).files) == 3
    feeder.land(_one("flights", dirt=Dirt.FILE_NOT_THERE))
    with pytest.raises(ManifestFileMissing, match=LATE_FILE):
        pin(storage, NAMES, "flights", NOON)


def test_the_dirt_of_the_demo_stays_within_the_limits_of_the_contracts() -> None:
    contracts = read_contracts()
    for spot in DEMO_DIRT:
        rows = len(_rows(_one(spot.source, Hour.parse(spot.hour_key))))
        assert contracts[spot.source].rejects.allow(1, rows), spot


def _rows(delivery: Delivery) -> list[object]:
    return list(_flights(delivery) if delivery.source == "flights" else _weather(delivery))


def test_every_source_of_the_demo_has_a_contract() -> None:
    assert set(SOURCES) <= set(read_contracts())
