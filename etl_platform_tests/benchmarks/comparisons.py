"""The platform beside what a user could pick instead, each doing the same job on the same file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from etl_platform_tests.benchmarks.data import Kind, lineitem
from etl_platform_tests.benchmarks.runs import Job, Runs, Side, race
from etl_platform_tests.benchmarks.tables import (
    Finding,
    Target,
    named,
    of_race,
    times_as_fast,
    times_the_work,
)

SINGLE_NODE: Final = Side("single_node", "converting", {"engine": "single_node"})
SPARK: Final = Side("spark", "converting", {"engine": "spark"})
DUCKDB: Final = Side("DuckDB, no checks", "rivals.duckdb_plain")
ELEMENTTREE: Final = Side("ElementTree script", "rivals.elementtree")
PYSPARK: Final = Side("PySpark job", "rivals.pyspark_job")
WRANGLER: Final = Side("aws-sdk-pandas", "rivals.wrangler", is_rival=True)


def dlt(name: str, *variant: str) -> Side:
    return Side(name, "rivals.dlt_load", {"variant": variant}, is_rival=True)


DLT_FILES: Final = dlt("dlt, Arrow to Parquet, no key", "arrow", "files")
DLT_MERGE: Final = dlt("dlt, Arrow to DuckDB, merged", "arrow", "duckdb")
DLT_ROWS: Final = dlt("dlt, default path to DuckDB, merged", "rows", "duckdb")


@dataclass(frozen=True)
class Scales:
    """How much of lineitem each race is about; 1 is 762 MB of CSV."""

    csv: float
    json: float
    xml: float
    slow: float
    """For a side that takes minutes for what the others do in seconds."""
    rounds: int = 3

    def job(self, kind: Kind) -> Job:
        return Job(kind, [lineitem(kind, {"csv": self.csv, "json": self.json}.get(kind, self.xml))])


def against_no_checks(scales: Scales) -> Iterator[Finding]:
    """What the checks cost."""
    plain: dict[Kind, Side] = {"csv": DUCKDB, "json": DUCKDB, "xml": ELEMENTTREE}
    for kind, rival in plain.items():
        job = scales.job(kind)
        runs = race([(rival, job), (SINGLE_NODE, job)], scales.rounds)
        theirs, ours = named(runs, rival.name), named(runs, SINGLE_NODE.name)
        target = Target(
            f"time of single_node over that of {rival.name}",
            times_as_fast(theirs, ours),
            1.5,
            is_least=False,
            by_cpu=times_the_work(theirs, ours),
        )
        yield of_race(f"{kind.upper()} without checks", runs, [target])


def against_pyspark(scales: Scales) -> Iterator[Finding]:
    job = scales.job("csv")
    runs = race([(PYSPARK, job), (SPARK, job), (SINGLE_NODE, job)], scales.rounds)
    plain, spark, ours = (named(runs, side.name) for side in (PYSPARK, SPARK, SINGLE_NODE))
    with_start = plain.process_seconds / spark.process_seconds
    targets = [
        _times("single_node, times as fast as PySpark", ours, plain, 10),
        _times("spark, times as fast as PySpark", spark, plain, 2.5),
        Target("spark, the same with both start-ups", with_start, 1, is_least=True),
    ]
    yield of_race("CSV on Spark, `local[2]`", runs, targets)


def against_libraries(scales: Scales) -> Iterator[Finding]:
    job = scales.job("csv")
    slow = Job("csv", [lineitem("csv", scales.slow)])
    quick = [WRANGLER, DLT_FILES, DLT_MERGE]
    sides = [*((side, job) for side in quick), (DLT_ROWS, slow), (SINGLE_NODE, job)]
    runs = race(sides, scales.rounds)
    ours = named(runs, SINGLE_NODE.name)
    best = max((r for r in runs if r is not ours), key=lambda r: r.megabytes_a_second)
    target = _times(f"single_node, times as fast as the best ({best.side})", ours, best, 2)
    yield of_race("CSV with dlt and aws-sdk-pandas", runs, [target])


def _times(text: str, one: Runs, other: Runs, least: float) -> Target:
    fast, work = times_as_fast(one, other), times_the_work(one, other)
    return Target(text, fast, least, is_least=True, by_cpu=work)
