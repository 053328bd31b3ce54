"""The benchmarks compare like with like, and say what they found."""

import random
from datetime import date, timedelta
from pathlib import Path

import pytest

from etl_platform_tests.benchmarks import dirt, runs
from etl_platform_tests.benchmarks.__main__ import BEGIN, PAPER, benchmarks, write_docs
from etl_platform_tests.benchmarks.comparisons import DUCKDB, ELEMENTTREE, SINGLE_NODE
from etl_platform_tests.benchmarks.data import COLUMNS, Kind, spell
from etl_platform_tests.benchmarks.runs import Job, Run, Runs, Side
from etl_platform_tests.benchmarks.tables import Finding, Target, of_race


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runs, "CACHE", tmp_path)
    return tmp_path


def line(number: int) -> str:
    day = date(1996, 1, 1) + timedelta(days=number)
    amounts = f"{number % 50},{number}.5,0.04,0.02,N,O"
    return f"{number},1,2,1,{amounts},{day},{day},{day},IN PERSON,AIR,a comment\n"


@pytest.fixture
def lineitem(tmp_path: Path) -> Path:
    file = tmp_path / "lineitem.csv"
    lines = [line(number) for number in range(200)]
    random.Random(0).shuffle(lines)  # noqa: S311
    file.write_text(",".join(COLUMNS) + "\n" + "".join(lines))
    return file


@pytest.mark.parametrize(
    ("kind", "rival"),
    [
        pytest.param("csv", DUCKDB, id="csv"),
        pytest.param("json", DUCKDB, id="json"),
        pytest.param("xml", ELEMENTTREE, id="xml"),
    ],
)
def test_a_race_is_between_sides_that_make_the_same_rows(
    kind: Kind, rival: Side, lineitem: Path, tmp_path: Path
) -> None:
    file = lineitem
    if kind != "csv":
        file = tmp_path / f"lineitem.{kind}"
        spell(lineitem, file, kind)
    job = Job(kind, [file])
    found = runs.race([(rival, job), (SINGLE_NODE, job)], 1)
    assert [side.best.rows for side in found] == [200, 200]
    assert all(run.cpu_seconds > 0 and run.peak_bytes > 0 for side in found for run in side.runs)


def test_a_race_refuses_sides_that_make_other_rows(
    lineitem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = iter([Run(1, 1, 1, 1, 200, "1"), Run(1, 1, 1, 1, 199, "2")])
    monkeypatch.setattr(runs, "run", lambda side, job: next(made))
    job = Job("csv", [lineitem])
    with pytest.raises(AssertionError, match="199"):
        runs.race([(DUCKDB, job), (SINGLE_NODE, job)], 1)


def test_a_race_refuses_a_side_that_fails(tmp_path: Path) -> None:
    file = tmp_path / "lineitem.csv"
    file.write_text("no_column\n1\n")
    with pytest.raises(AssertionError, match="DuckDB"):
        runs.race([(DUCKDB, Job("csv", [file]))], 1)


def test_the_fate_of_dirt_is_told_by_the_rows_that_a_side_leaves(
    lineitem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dirt, "CACHE", tmp_path)
    monkeypatch.setattr(dirt, "SIDES", (SINGLE_NODE, DUCKDB))
    kinds = ("30 February", "60 bytes in a varchar(44)")
    monkeypatch.setattr(dirt, "KINDS", {kind: dirt.KINDS[kind] for kind in kinds})
    monkeypatch.setattr(dirt, "RECORDS", 200)
    monkeypatch.setattr(dirt, "lineitem", lambda kind, scale: lineitem)
    (finding,) = dirt.of_dirt()
    assert finding.rows == [
        ("30 February", "10 kept aside", "the job fails"),
        ("60 bytes in a varchar(44)", "10 kept aside", "10 let through"),
    ]


def side(name: str, size_bytes: int, *seconds: float) -> Runs:
    made = tuple(Run(s + 1, 5_000_000, s, s / 2) for s in seconds)
    return Runs(name, size_bytes, made)


def test_sides_are_compared_by_their_best_run_and_the_bytes_it_took() -> None:
    ours = side("single_node", 10_000_000, 3.0, 2.0, 9.0)
    slow = side("slow", 5_000_000, 4.0)
    finding = of_race("A race", [slow, ours])
    assert [row[0] for row in finding.rows] == ["single_node", "slow"]
    assert finding.rows[0][1:5] == ("10", "2.00", "3.00", "1.00")
    assert finding.rows[1][-1] == "4.00 x"


@pytest.mark.parametrize(
    ("is_least", "measured", "is_met"),
    [(True, 2.0, True), (True, 1.9, False), (False, 2.0, True), (False, 2.1, False)],
)
def test_a_target_is_met_at_its_limit(is_least: bool, measured: float, is_met: bool) -> None:
    target = Target("a ratio", measured, 2, is_least)
    assert target.is_met is is_met
    assert ("missed" in target.as_markdown()) is not is_met


def test_figures_replace_those_of_an_earlier_run(tmp_path: Path) -> None:
    paper = tmp_path / "benchmarks.md"
    paper.write_text(f"Words.\n\n{BEGIN}\n\nold\n")
    figures = Finding("New", ("a", "b"), [("1", "2")]).as_markdown()
    write_docs(paper, figures)
    assert paper.read_text() == (
        f"Words.\n\n{BEGIN}\n\n### New\n\n| a | b |\n| --- | ---: |\n| 1 | 2 |\n"
    )


def test_the_paper_names_every_benchmark() -> None:
    told, mark, _ = PAPER.read_text().partition(BEGIN)
    assert mark
    assert [name for name in benchmarks("full") if f"`{name}`" not in told] == []
