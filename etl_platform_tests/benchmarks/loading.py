"""Loads into the local warehouse: beside what else could fill it."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from etl_platform.load.target import Target as LoadTarget
from etl_platform_tests.benchmarks.data import CACHE, COLUMNS, contract, lineitem
from etl_platform_tests.benchmarks.local_warehouse import LocalWarehouse, as_csv, local_warehouse
from etl_platform_tests.benchmarks.runs import Run, Runs, Side, carry_out, in_turns
from etl_platform_tests.benchmarks.tables import Finding, Target, named
from infra.local.redshift.postgres import SUPERUSER
from infra.local.servers import DATABASE

LOAD: Final = Side("the load", "loading_side")
PSQL: Final = Side("psql, \\copy of CSV", "rivals.psql_copy")
DLT_COPY: Final = Side(
    "dlt, Arrow by COPY of CSV", "rivals.dlt_postgres", {"file_format": "csv"}, is_rival=True
)
DLT_INSERT: Final = Side(
    "dlt, Arrow by INSERT, its default",
    "rivals.dlt_postgres",
    {"file_format": "insert_values"},
    is_rival=True,
)
WRANGLER: Final = Side("aws-sdk-pandas, to_sql", "rivals.wrangler_postgres", is_rival=True)
LIBRARIES: Final = (DLT_COPY, DLT_INSERT, WRANGLER)
_TICK_S: Final = 0.01
"""What the system counts processor time in: less of it shows as none."""

_DLT_SCHEMA: Final = "dlt"


@dataclass(frozen=True)
class Loads:
    """How much of lineitem is loaded; 1 is 6 million rows."""

    copied: float
    slow: float
    """For a side that takes minutes for what the others do in seconds."""
    rounds: int = 3
    libraries: tuple[Side, ...] = LIBRARIES


@dataclass(frozen=True)
class Filling:
    """Rows of one size, ready for every side, and the table that they go into."""

    warehouse: LocalWarehouse
    name: str
    order: dict[str, Any]

    @classmethod
    def of(cls, warehouse: LocalWarehouse, scale: float, size: str) -> "Filling":
        name = f"lineitem_{size}"
        of = contract("csv", name, "append")
        table = warehouse.table(of)
        columns = [column.name.name for column in LoadTarget(of).columns]
        source = lineitem("csv", scale)
        csv = warehouse.folder / f"{name}.csv"
        as_csv(source, csv, columns)
        landed = warehouse.landed(of, [[source]])
        told = warehouse.folder / f"{name}.json"
        told.write_bytes(landed.to_json())
        order = {
            "order": str(told),
            "parquet": [str(file) for file in warehouse.parquet(landed)],
            "csv": str(csv),
            "table": table,
            "table_columns": columns,
            "columns": COLUMNS,
            "psql": warehouse.psql,
            "socket_dir": str(warehouse.socket_dir),
            "user": SUPERUSER,
            "database": DATABASE,
            "dlt_schema": _DLT_SCHEMA,
            "dlt_table": name,
            "servers": warehouse.servers,
        }
        return cls(warehouse, name, order)

    def run(self, side: Side) -> Run:
        """Fill the empty table once; what it then holds."""
        self.warehouse.empty(contract("csv", self.name, "append"))
        self.warehouse.below(f"DROP SCHEMA IF EXISTS {_DLT_SCHEMA} CASCADE")
        with tempfile.TemporaryDirectory(prefix="run-", dir=CACHE) as folder:
            order = self.order | {"out": folder} | dict(side.options)
            done = carry_out(Path(folder), side, order)
        if done.error:
            return done
        # dlt makes a table of its own.
        own = f"{_DLT_SCHEMA}.{self.name}"
        is_dlt = side.module == DLT_COPY.module
        rows, digest = self.warehouse.rows(own if is_dlt else self.order["table"])
        return replace(done, rows=rows, digest=digest)


def of_copy(loads: Loads) -> Iterator[Finding]:
    """Parquet to rows by the whole load, beside a client that copies the same rows."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with local_warehouse() as warehouse:
        whole = Filling.of(warehouse, loads.copied, "whole")
        part = Filling.of(warehouse, loads.slow, "part")
        libraries = [(side, whole if side is DLT_COPY else part) for side in loads.libraries]
        runs = _race([(PSQL, whole), (LOAD, whole), *libraries], loads.rounds)
    ours, psql = named(runs, LOAD.name), named(runs, PSQL.name)
    targets = [
        Target(
            "time of the load over that of psql",
            ours.best.seconds / psql.best.seconds,
            1.3,
            is_least=False,
            by_cpu=_rows_a_cpu_second(psql) / _rows_a_cpu_second(ours),
        )
    ]
    if loads.libraries:
        best = max((named(runs, side.name) for side in loads.libraries), key=_rows_a_second)
        targets.append(
            Target(
                f"the load, times as fast as the best library ({best.side})",
                _rows_a_second(ours) / _rows_a_second(best),
                3,
                is_least=True,
                by_cpu=_rows_a_cpu_second(ours) / _rows_a_cpu_second(best),
            )
        )
    yield _of_fillings("Parquet to rows in the local warehouse", runs, targets)


def _race(sides: Sequence[tuple[Side, Filling]], rounds: int) -> list[Runs]:
    found = in_turns([(side.name, partial(filling.run, side)) for side, filling in sides], rounds)
    made: dict[str, tuple[int, str]] = {}
    for (side, filling), runs in zip(sides, found, strict=True):
        for done in runs:
            first = made.setdefault(filling.name, (done.rows, done.digest))
            assert first == (done.rows, done.digest), (side.name, done, first)
    return [Runs(side.name, 0, tuple(r)) for (side, _), r in zip(sides, found, strict=True)]


def _of_fillings(title: str, runs: Sequence[Runs], targets: Sequence[Target]) -> Finding:
    ours = _rows_a_second(named(runs, LOAD.name))
    header = (
        "side",
        "rows",
        "best s",
        "median s",
        "CPU s",
        "with start-up s",
        "rows/s",
        "beside the load",
    )
    rows = [
        (
            side.side,
            f"{side.best.rows:,}",
            f"{side.best.seconds:.2f}",
            f"{side.median_seconds:.2f}",
            f"{side.cpu_seconds:.2f}",
            f"{side.process_seconds:.2f}",
            f"{_rows_a_second(side):,.0f}",
            f"{ours / _rows_a_second(side):.2f} x",
        )
        for side in sorted(runs, key=_rows_a_second, reverse=True)
    ]
    return Finding(title, header, rows, targets, runs)


def _rows_a_second(runs: Runs) -> float:
    return runs.best.rows / runs.best.seconds


def _rows_a_cpu_second(runs: Runs) -> float:
    return runs.best.rows / max(runs.cpu_seconds, _TICK_S)
