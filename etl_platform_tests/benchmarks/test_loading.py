"""The loading benchmarks at a size that only shows that they measure the same work."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from etl_platform_tests.benchmarks import changing, loading, runs
from etl_platform_tests.benchmarks.changing import Changes
from etl_platform_tests.benchmarks.data import COLUMNS
from etl_platform_tests.benchmarks.loading import LOAD, PSQL, Loads
from etl_platform_tests.benchmarks.runs import Run

BOTH = Loads(copied=0.1, slow=0.1, rounds=1, libraries=())


def lineitems(file: Path, numbers: Sequence[int]) -> Path:
    days = {number: date(1996, 1, 1) + timedelta(days=number) for number in numbers}
    lines = [
        f'{n},1,2,1,{n % 50},{n}.5,0.04,0.02,N,O,{day},{day},{day},IN PERSON,AIR,"some, ""text"""\n'
        for n, day in days.items()
    ]
    file.write_text(",".join(COLUMNS) + "\n" + "".join(lines))
    return file


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lineitems(tmp_path / "lineitem.csv", range(200))
    for module in (runs, loading):
        monkeypatch.setattr(module, "CACHE", tmp_path)
    for module in (loading, changing):
        monkeypatch.setattr(module, "lineitem", lambda kind, scale: whole)
    monkeypatch.setattr(
        changing,
        "pieces",
        lambda scale, count: [
            lineitems(tmp_path / f"{part}.csv", range(part, 60, count)) for part in range(count)
        ],
    )


def test_the_load_and_psql_fill_the_table_with_the_same_rows() -> None:
    (finding,) = loading.of_copy(BOTH)
    assert {(side.side, side.best.rows) for side in finding.runs} == {
        (LOAD.name, 200),
        (PSQL.name, 200),
    }
    assert len({side.best.digest for side in finding.runs}) == 1


def test_a_race_refuses_a_side_that_leaves_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter([Run(1, 1, 1, 1, 200, "1"), Run(1, 1, 1, 1, 200, "2")])
    monkeypatch.setattr(loading.Filling, "run", lambda filling, side: next(made))
    with pytest.raises(AssertionError, match="digest='2'"):
        list(loading.of_copy(BOTH))


def test_a_change_replaces_rows_and_adds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing, "ROWS_OF_SCALE_ONE", 1_000)
    (finding,) = changing.of_upsert(Changes(scales=(1, 2), hours=1, rounds=1))
    assert [row[:2] for row in finding.rows] == [("200", "10"), ("200", "10"), ("200", "20")]


def test_a_month_is_the_same_rows_in_one_transaction_and_in_many() -> None:
    (finding,) = changing.of_month(Changes(scales=(1, 2), hours=3))
    assert finding.title == "3 hours of 20 rows"
    assert [row[0] for row in finding.rows] == ["1", "3"]
