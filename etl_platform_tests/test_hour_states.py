"""What is true of each hour, by its manifest, the ledger, what blocks it, and whether it is due."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.contract.batch import batch_id
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.hour_states import COLUMNS, HourState, State, look, rows, states
from etl_platform.ingest.blocked import BlockedHour, write_blocked
from etl_platform.ingest.landing import Landing
from etl_platform.ingest.pin import pin
from etl_platform.load.ledger import Entry
from etl_platform.status import LandedHour, StatusReader
from etl_platform_tests.components.test_checks import FEED, NOW, entry
from etl_platform_tests.fakes.storage import DirectoryStorage

HOUR = Hour.parse("2014-01-10-03")
FIRST, SECOND = (batch_id("feed", HOUR, version) for version in ("1", "2"))


def _manifest(batch: str) -> LandedHour:
    return LandedHour(HOUR, "version", batch, NOW)


def _entry(batch: str, hour: Hour = HOUR) -> Entry:
    return replace(entry(hour), batch_id=batch)


def _blocked(batch: str) -> BlockedHour:
    return BlockedHour(
        hour=HOUR, batch_id=batch, stage="raw", error_code="MANIFEST_INVALID", error="e", at=NOW
    )


@pytest.mark.parametrize(
    ("manifest", "loaded", "blocked", "state"),
    [
        pytest.param(FIRST, [FIRST], None, State.LOADED, id="loaded"),
        pytest.param(SECOND, [FIRST, SECOND], None, State.CORRECTED, id="corrected and loaded"),
        pytest.param(SECOND, [FIRST], None, State.STALE, id="the correction waits"),
        pytest.param(SECOND, [FIRST], SECOND, State.BLOCKED, id="the correction is blocked"),
        pytest.param(SECOND, [FIRST], FIRST, State.STALE, id="only the older one was blocked"),
        pytest.param(FIRST, [], None, State.LANDED, id="never loaded"),
        pytest.param(FIRST, [], FIRST, State.BLOCKED, id="blocked"),
        pytest.param(FIRST, [FIRST], FIRST, State.LOADED, id="loaded after it was blocked"),
        pytest.param(None, [], None, State.MISSING, id="no manifest"),
        pytest.param(None, [FIRST], None, State.LOADED, id="loaded, and its manifest expired"),
    ],
)
def test_an_hour_is_in_the_state_that_manifest_ledger_and_error_say(
    manifest: str | None, loaded: list[str], blocked: str | None, state: State
) -> None:
    (found,) = states(
        [HOUR],
        [HOUR],
        {HOUR: _manifest(manifest)} if manifest else {},
        [_entry(batch) for batch in loaded],
        {blocked: _blocked(blocked)} if blocked else {},
    )
    assert (found.state, found.is_in_ledger) == (state, bool(loaded))
    assert found.error_code == ("MANIFEST_INVALID" if state is State.BLOCKED else None)
    waits = state in (State.STALE, State.LANDED, State.BLOCKED)
    assert found.waits_since == (NOW if waits else None)


def test_an_hour_that_is_not_due_is_not_missing() -> None:
    assert states([HOUR], [], {}, [], {}) == []


_runs = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(State)), max_size=12)


@given(_runs)
def test_the_rows_hold_every_hour_once_and_no_two_neighbours_are_alike(
    steps: list[tuple[int, State]],
) -> None:
    hour, found = HOUR, []
    for gap, state in steps:
        hour = hour.plus(1 + gap)
        found.append(HourState(hour, state, is_in_ledger=False))
    drawn = [dict(zip(COLUMNS, row, strict=True)) for row in rows(found)]
    spread = [
        (hour, row["state"])
        for row in drawn
        for hour in Hour.parse(str(row["from"])).through(Hour.parse(str(row["to"])))
    ]
    assert spread == [(one.hour, one.state.value) for one in found]
    assert sum(int(str(row["hours"])) for row in drawn) == len(found)
    for one, other in pairwise(drawn):
        touching = Hour.parse(str(one["to"])).plus(1) == Hour.parse(str(other["from"]))
        assert not touching or one["state"] != other["state"]


def test_the_states_are_read_from_the_bucket_and_the_entries(tmp_path: Path) -> None:
    storage, names = DirectoryStorage(tmp_path), Names("etl-test")
    landing, reader = Landing(storage, names, FEED), StatusReader(storage, names, FEED)
    loaded, stale, blocked, waiting, missing = (HOUR.plus(number) for number in range(5))
    entries = []
    for hour in (loaded, stale, blocked, waiting):
        landing.land(hour, [])
        entries.append(_entry(pin(storage, names, "feed", hour).batch_id, hour))
    landing.land(stale, [])
    write_blocked(storage, names, "feed", blocked, "raw", "MANIFEST_INVALID", "e")
    hours = list(loaded.through(missing.plus(1)))
    found = look(reader, hours, [missing], entries[:2])
    assert [(one.hour, one.state) for one in found] == [
        (loaded, State.LOADED),
        (stale, State.STALE),
        (blocked, State.BLOCKED),
        (waiting, State.LANDED),
        (missing, State.MISSING),
    ]
    assert found[1].waits_since is not None
    assert found[1].waits_since > NOW + timedelta(days=1)
    assert look(reader, [], [], entries) == []
