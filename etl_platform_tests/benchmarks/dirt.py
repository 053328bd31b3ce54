"""What becomes of broken records: kept aside, lost, changed, let through, or the end of the job."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import duckdb

from etl_platform_tests.benchmarks.comparisons import (
    DLT_MERGE,
    DLT_ROWS,
    DUCKDB,
    PYSPARK,
    SINGLE_NODE,
    WRANGLER,
)
from etl_platform_tests.benchmarks.data import CACHE, COLUMNS, lineitem
from etl_platform_tests.benchmarks.runs import Job, Side, rows_in, run_in
from etl_platform_tests.benchmarks.tables import Finding

SIDES: Final = (SINGLE_NODE, DUCKDB, PYSPARK, DLT_MERGE, DLT_ROWS, WRANGLER)
RECORDS: Final = 2_000
BROKEN: Final = 10


def _with(name: str, text: str) -> Callable[[list[str]], list[str]]:
    place = list(COLUMNS).index(name)
    return lambda fields: [*fields[:place], text, *fields[place + 1 :]]


KINDS: Final[dict[str, Callable[[list[str]], list[str]]]] = {
    "a word in an integer": _with("l_partkey", "many"),
    "1.5 in an integer": _with("l_suppkey", "1.5"),
    "17.005 in a decimal(15,2)": _with("l_quantity", "17.005"),
    "30 February": _with("l_shipdate", "1996-02-30"),
    "60 bytes in a varchar(44)": _with("l_comment", '"' + "x" * 60 + '"'),
    "no value in the key": _with("l_orderkey", ""),
    "a field too few": lambda fields: fields[:-1],
    "a field too many": lambda fields: [*fields, "more"],
}
_STAYS_AS_IT_IS: Final = ("60 bytes in a varchar(44)", "no value in the key")
"""What a table without limits takes unchanged; of the others, every row that arrives is another."""


def of_dirt() -> Iterator[Finding]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="dirt-", dir=CACHE) as name:
        for number, kind in enumerate(KINDS):
            good, dirty = _write(Path(name) / str(number), kind)
            cells = [_fate(side, kind, good, dirty) for side in SIDES]
            rows.append((kind, *cells))
    title = f"{BROKEN} broken records among {RECORDS:,}"
    yield Finding(title, ("broken by", *(side.name for side in SIDES)), rows)


def _write(folder: Path, kind: str) -> tuple[Path, Path]:
    """The good records, and all of them, each in a CSV file of its own."""
    folder.mkdir()
    source = lineitem("csv", 0.005)
    good, dirty = folder / "good.csv", folder / "lineitem.csv"
    with source.open() as lines, good.open("w") as kept, dirty.open("w") as whole:
        header = next(lines)
        kept.write(header)
        whole.write(header)
        for number, line in enumerate(lines):
            if number == RECORDS:
                break
            if number % (RECORDS // BROKEN) == RECORDS // BROKEN // 2:
                fields = line.rstrip("\n").split(",", len(COLUMNS) - 1)
                whole.write(",".join(KINDS[kind](fields)) + "\n")
            else:
                kept.write(line)
                whole.write(line)
    return good, dirty


def _fate(side: Side, kind: str, good: Path, dirty: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="run-", dir=CACHE) as name:
        done = run_in(Path(name), side, Job("csv", [dirty]))
        if done.error:
            return "the job fails"
        extra, missing = _compared(Path(name), good)
    fates = Counter({"kept aside": done.kept_aside})
    fates["let through" if kind in _STAYS_AS_IT_IS else "changed"] += extra
    fates["lost"] += BROKEN - extra - done.kept_aside
    fates["good ones lost"] += missing
    return ", ".join(f"{count} {fate}" for fate, count in fates.items() if count)


def _compared(folder: Path, good: Path) -> tuple[int, int]:
    """The rows of a side that are no good record, and the good records that are no row."""
    values = ", ".join(f'"{name}"::{kind}' for name, kind in COLUMNS.items())
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW made AS SELECT {values} FROM {rows_in(folder)}")
        connection.execute(
            f"CREATE VIEW good AS SELECT {values} FROM"
            f" read_csv('{good}', header = true, columns = {COLUMNS})"
        )
        found = connection.execute(
            "SELECT (SELECT count(*) FROM (FROM made EXCEPT ALL FROM good)),"
            " (SELECT count(*) FROM (FROM good EXCEPT ALL FROM made))"
        ).fetchone()
    assert found is not None
    return found
