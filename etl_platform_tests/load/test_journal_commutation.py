"""Tables that are made of a journal depend on the set of batches only: merged rows, retracted
corrections, and histories, against a model that reads the batches one by one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform.contract.source import SourceContract
from etl_platform_tests.fakes.storage import DirectoryStorage
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import START, contract
from etl_platform_tests.load.tables import Table

COLUMNS = ["id", "at", "op", "colour", "is_new", "size"]
EPOCH = datetime(2026, 1, 1)  # noqa: DTZ001 - timestamps in the warehouse are naive
State = tuple[int, datetime, str | None, str | None, bool | None, int | None]


def _contract(strategy: str, **load: Any) -> SourceContract:
    deleted = {"column": "op", "values": ["D", "X"]}
    return contract(
        strategy,
        columns=[
            {"name": "id", "type": "integer", "required": True},
            {"name": "at", "type": "timestamp", "required": True},
            {"name": "op", "type": "varchar(1)"},
            {"name": "colour", "type": "varchar(5)"},
            {"name": "is_new", "type": "boolean"},
            {"name": "size", "type": "bigint"},
        ],
        load={"strategy": strategy, "deleted": deleted, **load},
    )


CONTRACTS = {
    "merged by version": _contract("upsert", version="at", null_means="keep"),
    "merged by hour": _contract("upsert", null_means="keep"),
    "retracted": _contract("upsert", version="at", corrected="retract"),
    "merged and retracted": _contract("upsert", null_means="keep", corrected="retract"),
    "history by version": _contract("scd2", version="at"),
    "history by hour, retracted": _contract("scd2", corrected="retract"),
}


@dataclass(frozen=True)
class Sample:
    """One version of an hour."""

    hour: int
    manifest: int
    rows: tuple[State, ...]


@st.composite
def journal_samples(draw: st.DrawFn) -> tuple[Sample, ...]:
    places = draw(st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=5))
    state = st.tuples(
        st.integers(0, 2).map(lambda days: EPOCH + timedelta(days=days)),
        st.sampled_from([None, "D", "X", "U"]),
        st.sampled_from([None, "red", "blue"]),
        st.sampled_from([None, True, False]),
        st.sampled_from([None, 1]),
    )
    states = st.dictionaries(st.integers(0, 2), state, max_size=3)
    return tuple(
        Sample(hour, manifest, tuple((key, *values) for key, values in draw(states).items()))
        for hour, manifest in sorted(places)
    )


@st.composite
def journal_loads(draw: st.DrawFn, samples: Sequence[Sample]) -> list[list[Sample]]:
    arrivals = list(draw(st.permutations(samples)))
    arrivals += draw(st.lists(st.sampled_from(samples), max_size=2))
    loads = []
    while arrivals:
        size = draw(st.integers(1, len(arrivals)))
        loads.append(list(dict.fromkeys(arrivals[:size])))
        arrivals = arrivals[size:]
    return loads


def _of_each_key(kind: str, samples: Iterable[Sample]) -> dict[int, list[tuple[int, State]]]:
    ordered = sorted(samples, key=lambda sample: (sample.hour, sample.manifest))
    if "retracted" in kind:
        ordered = list({sample.hour: sample for sample in ordered}.values())
    found: dict[int, list[tuple[int, State]]] = {}
    for sample in ordered:
        for row in sample.rows:
            found.setdefault(row[0], []).append((sample.hour, row))
    if kind in ("merged by version", "retracted", "history by version"):
        for rows in found.values():
            rows.sort(key=lambda row: row[1][1])
    return found


def _is_dead(row: Sequence[Any]) -> bool:
    return row[2] in ("D", "X")


def _newest(kind: str, rows: Sequence[tuple[int, State]]) -> list[tuple[Any, ...]]:
    merged: list[Any] = []
    for _, row in rows:
        if not merged or "merged" not in kind or _is_dead(merged) or _is_dead(row):
            merged = list(row)
        else:
            merged = [new if new is not None else old for new, old in zip(row, merged, strict=True)]
    return [(*merged, _is_dead(merged))]


def _periods(kind: str, rows: Sequence[tuple[int, State]]) -> list[tuple[Any, ...]]:
    moments: dict[datetime, tuple[Any, ...]] = {}
    for hour, row in rows:
        at = START.plus(hour).start.replace(tzinfo=None)
        moments[row[1] if "version" in kind else at] = row
    starts: list[datetime] = []
    before: tuple[Any, ...] | None = None
    for moment in sorted(moments):
        # The version says when a state was, and is none of it; a column of the same name is.
        state = moments[moment][2:] if "version" in kind else moments[moment][1:]
        if state != before:
            starts.append(moment)
        before = state
    ends = [*starts[1:], None]
    return [
        (*moments[start], start, end, end is None)
        for start, end in zip(starts, ends, strict=True)
        if not _is_dead(moments[start])
    ]


@pytest.fixture(scope="module")
def tables(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Table]:
    endpoint.bootstrap(*CONTRACTS.values())
    root: Path = tmp_path_factory.mktemp("storage")
    return {kind: Table(endpoint, c, DirectoryStorage(root)) for kind, c in CONTRACTS.items()}


@pytest.mark.parametrize("kind", CONTRACTS)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_the_table_depends_on_the_set_of_batches_only(
    tables: dict[str, Table], kind: str, data: st.DataObject
) -> None:
    samples = data.draw(journal_samples())
    table = tables[kind]
    table.clear()
    for load in data.draw(journal_loads(samples)):
        table.load(load)
    is_history = kind.startswith("history")
    made = _periods if is_history else _newest
    wanted = [row for rows in _of_each_key(kind, samples).values() for row in made(kind, rows)]
    more = ["_valid_from", "_valid_to", "_current"] if is_history else ["_deleted"]
    assert sorted(table.select([*COLUMNS, *more]), key=repr) == sorted(wanted, key=repr)
