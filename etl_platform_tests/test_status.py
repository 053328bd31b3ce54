from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl_platform.contract.commit import Commit, Counts
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.reading import find_contract
from etl_platform.ingest.blocked import write_blocked
from etl_platform.ingest.landing import Landing
from etl_platform.ingest.pin import pin
from etl_platform.load.ledger import Entry, Outcome, Run
from etl_platform.load.target import Target
from etl_platform.status import (
    HOUR_COLUMNS,
    SUMMARY_COLUMNS,
    HourStatus,
    Stage,
    StatusReader,
    hour_row,
    summary_row,
)
from etl_platform_tests.fakes.storage import DirectoryStorage

CONTRACT = find_contract("weather")
NAMES = Names("etl-test")
HOURS = [Hour.parse(f"2013-01-01-{hour}") for hour in ("07", "08", "10")]
COUNTS = Counts(read=5, written=3, rejected=1, superseded=1)


@pytest.fixture
def storage(tmp_path: Path) -> DirectoryStorage:
    return DirectoryStorage(tmp_path)


@pytest.fixture
def reader(storage: DirectoryStorage) -> StatusReader:
    landing = Landing(storage, NAMES, CONTRACT)
    for hour in HOURS:
        landing.land(hour, [])
    return StatusReader(storage, NAMES, CONTRACT)


def _convert(storage: DirectoryStorage, hour: Hour) -> Commit:
    batch = pin(storage, NAMES, "weather", hour)
    commit = Commit(
        batch=batch,
        attempt="1",
        contract_digest=CONTRACT.digest,
        engine="single_node",
        counts=COUNTS,
        reasons=(),
        files=(),
        reject_files=(),
        seconds=0.1,
        converted_at=datetime.now(UTC),
    )
    place = NAMES.commit("weather", hour, batch.batch_id)
    storage.write(place, commit.model_dump_json().encode())
    return commit


def _statuses(reader: StatusReader, loaded: list[Commit]) -> list[HourStatus]:
    landed = reader.landed(reader.landed_hours())
    commits = reader.commits(landed)
    entries = {
        c.batch.batch_id: Entry.new(Target(CONTRACT), c, Outcome.LOADED, 3, Run("order", "run"))
        for c in loaded
    }
    return [
        HourStatus(item, commits.get(item.batch_id), entries.get(item.batch_id)) for item in landed
    ]


def test_hours_with_a_manifest_are_landed_and_no_others(
    reader: StatusReader, storage: DirectoryStorage
) -> None:
    storage.write(NAMES.raw_folder("weather", HOURS[0]) / "other.json", b"{}")
    storage.write(NAMES.raw_folder("weather", HOURS[1].plus(1)) / "weather.jsonl", b"{}")
    assert reader.landed_hours() == HOURS


def test_an_hour_is_as_far_as_what_its_stages_left_behind(
    reader: StatusReader, storage: DirectoryStorage
) -> None:
    _, converted = _convert(storage, HOURS[1]), _convert(storage, HOURS[2])
    stages = [status.stage for status in _statuses(reader, [converted])]
    assert stages == [Stage.LANDED, Stage.CONVERTED, Stage.LOADED]


def test_an_hour_that_is_landed_again_starts_again(
    reader: StatusReader, storage: DirectoryStorage
) -> None:
    commit = _convert(storage, HOURS[0])
    Landing(storage, NAMES, CONTRACT).land(HOURS[0], [])
    assert _statuses(reader, [commit])[0].stage is Stage.LANDED


def test_a_batch_is_the_one_that_is_pinned(reader: StatusReader, storage: DirectoryStorage) -> None:
    (landed,) = reader.landed([HOURS[0]])
    assert landed.batch_id == pin(storage, NAMES, "weather", HOURS[0]).batch_id


def test_a_blocked_hour_says_by_what_until_it_is_loaded_or_its_manifest_is_another(
    reader: StatusReader, storage: DirectoryStorage
) -> None:
    told = ("raw", "MANIFEST_FILE_MISSING", "late.part is not there")
    write_blocked(storage, NAMES, "weather", HOURS[0], *told)
    write_blocked(storage, NAMES, "weather", Hour.parse("2013-01-01-09"), *told)
    (landed,) = reader.landed([HOURS[0]])
    (blocked,) = reader.blocked(reader.landed(HOURS)).values()
    assert (blocked.hour, blocked.batch_id, blocked.stage) == (HOURS[0], landed.batch_id, "raw")
    status = HourStatus(landed, None, None, blocked)
    row = dict(zip(HOUR_COLUMNS, hour_row(status), strict=True))
    assert (row["stage"], row["blocked by"]) == ("blocked", "MANIFEST_FILE_MISSING")
    summed = dict(zip(SUMMARY_COLUMNS, summary_row("weather", [status]), strict=True))
    assert summed["blocked"] == 1
    commit = _convert(storage, HOURS[0])
    entry = Entry.new(Target(CONTRACT), commit, Outcome.LOADED, 3, Run("order", "run"))
    assert HourStatus(landed, commit, entry, blocked).stage is Stage.LOADED
    Landing(storage, NAMES, CONTRACT).land(HOURS[0], [])
    assert reader.blocked(reader.landed(HOURS)) == {}


def test_a_row_says_unknown_for_what_has_not_happened(reader: StatusReader) -> None:
    row = dict(zip(HOUR_COLUMNS, hour_row(_statuses(reader, [])[0]), strict=True))
    assert (row["hour"], row["stage"]) == ("2013-01-01-07", "landed")
    assert row["read"] is None
    assert row["loaded at"] is None


def test_a_summary_adds_up_its_hours(reader: StatusReader, storage: DirectoryStorage) -> None:
    first, _ = _convert(storage, HOURS[0]), _convert(storage, HOURS[1])
    row = summary_row("weather", _statuses(reader, [first]))
    assert dict(zip(SUMMARY_COLUMNS, row, strict=True)) == {
        "source": "weather",
        "hours landed": 3,
        "converted": 2,
        "loaded": 1,
        "blocked": 0,
        "newest landed": "2013-01-01-10",
        "newest loaded": "2013-01-01-07",
        "read": 10,
        "rejected": 2,
        "superseded": 2,
        "rows loaded": 3,
    }
