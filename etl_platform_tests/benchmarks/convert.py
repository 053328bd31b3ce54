"""How much the checks of a conversion cost: the single-node engine against plain DuckDB.

    python -m etl_platform_tests.benchmarks.convert [megabytes]

Both read the same generated flights and write Parquet; DuckDB alone casts as it likes, keeps no
rejects, looks for no second row of a key and does not sort. Lower is better; 1 would be free.
"""

import csv
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from etl_platform.contract.order import Report
from etl_platform.contract.reading import find_contract
from etl_platform.contract.source import SourceContract
from etl_platform.convert.sql import Literal, compose
from etl_platform_tests.convert.samples import HOUR, World
from etl_platform_tests.fakes.storage import DirectoryStorage

ROUNDS = 3
ROW_BYTES = 75


def main(megabytes: int = 100) -> None:
    contract = find_contract("flights")
    with tempfile.TemporaryDirectory() as name:
        raw = Path(name) / "flights.csv"
        write_flights(raw, contract, megabytes * 1_000_000 // ROW_BYTES)
        body = raw.read_bytes()
        plain: list[float] = []
        ours: list[float] = []
        # In turns, so that what else the machine does meets both.
        for number in range(ROUNDS):
            plain.append(seconds(lambda: with_duckdb(raw, contract)))
            storage = Path(name) / str(number)
            storage.mkdir()
            world = World(DirectoryStorage(storage))
            batch = world.land(contract, HOUR, body)
            ours.append(seconds(lambda: done(world.convert(contract, batch))))  # noqa: B023
    sys.stdout.write(
        f"{len(body) / 1e6:.0f} MB: duckdb {min(plain):.2f} s, single_node {min(ours):.2f} s,"
        f" ratio {min(ours) / min(plain):.1f}, {len(body) / 1e6 / min(ours):.0f} MB/s\n"
    )


def write_flights(file: Path, contract: SourceContract, rows: int) -> None:
    """Flights as they come, by the hour, each of them once."""
    start = datetime(2013, 1, 1, tzinfo=UTC)
    with file.open("w", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(column.name for column in contract.columns)
        for n in range(rows):
            hour = (start + timedelta(hours=n // 40)).strftime("%Y-%m-%dT%H:%M:%SZ")
            late = "NA" if n % 50 == 0 else n % 90 - 10
            times = (n % 2400, n % 2359, late, n % 2300, n % 2200, late, n % 400)
            place = ("EWR", "JFK", "LGA")[n % 3]
            airline = ("AA", "B6", "DL", "UA")[n % 4]
            writer.writerow(
                (hour, airline, n % 5000, place, "IAH", f"N{n % 9999}", *times, n % 2500)
            )


def with_duckdb(raw: Path, contract: SourceContract) -> None:
    columns = {column.name: column.type.duckdb for column in contract.columns}
    with duckdb.connect() as connection:
        connection.execute(
            compose(
                "COPY (SELECT * FROM read_csv({raw}, columns = $columns, nullstr = ['', 'NA']))"
                " TO {parquet} (FORMAT parquet, COMPRESSION zstd)",
                raw=Literal(str(raw)),
                parquet=Literal(str(raw.with_suffix(".parquet"))),
            ),
            {"columns": columns},
        )


def done(reports: list[Report]) -> None:
    assert [report.outcome for report in reports] == ["done"], reports


def seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
