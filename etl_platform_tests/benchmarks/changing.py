"""How the cost of a load grows: with the table and the change, and with the batches of an order."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import duckdb

from etl_platform.contract.order import Order
from etl_platform.load.job import load_order
from etl_platform.load.quoting import RoleArn
from etl_platform.load.target import Target as LoadTarget
from etl_platform_tests.benchmarks.clock import cpu_seconds
from etl_platform_tests.benchmarks.data import COLUMNS, contract, lineitem, pieces
from etl_platform_tests.benchmarks.local_warehouse import (
    ROLE,
    LocalWarehouse,
    as_csv,
    local_warehouse,
)
from etl_platform_tests.benchmarks.tables import Finding, Target

ROWS_OF_SCALE_ONE: Final = 6_000_000
_SHARE: Final = 0.01


@dataclass(frozen=True)
class Changes:
    """The sizes of what is loaded."""

    scales: tuple[float, float]
    """Of lineitem: the smaller and the larger table that changes are merged into."""
    hours: int
    """Small ones, loaded together and one by one."""
    rounds: int = 3


@dataclass(frozen=True)
class _Cost:
    seconds: float
    cpu_seconds: float


def of_upsert(changes: Changes) -> Iterator[Finding]:
    """A hundredth of a table changes; beside it, the same change of a larger table."""
    few, many = (round(scale * ROWS_OF_SCALE_ONE * _SHARE) for scale in changes.scales)
    with local_warehouse() as warehouse:
        small, large = (
            _Table.filled(warehouse, scale, name)
            for scale, name in zip(
                changes.scales, ("lineitem_small", "lineitem_large"), strict=True
            )
        )
        cases = [(small, few), (large, few), (large, many)]
        costs = [table.merged(count, changes.rounds) for table, count in cases]
    rows = [
        (
            f"{table.rows:,}",
            f"{count:,}",
            f"{min(c.seconds for c in found):.2f}",
            f"{median(c.seconds for c in found):.2f}",
            f"{min(c.cpu_seconds for c in found):.2f}",
            f"{min(c.seconds for c in found) / count * 1e6:.0f}",
        )
        for (table, count), found in zip(cases, costs, strict=True)
    ]
    first, same, more = (min(c.seconds for c in found) for found in costs)
    growth = round(large.rows / small.rows)
    yield Finding(
        "A change of keys that the table has",
        ("rows in the table", "rows changed", "best s", "median s", "CPU s", "µs a row"),
        rows,
        [
            Target(f"1 % of {growth} times the table, times the time", more / first, growth, False),
            Target(f"the same change of {growth} times the table", same / first, 2, False),
        ],
    )


@dataclass(frozen=True)
class _Table:
    """Lineitems in the warehouse, that changes of them are merged into."""

    warehouse: LocalWarehouse
    source: Path
    name: str
    rows: int

    @classmethod
    def filled(cls, warehouse: LocalWarehouse, scale: float, name: str) -> "_Table":
        of = contract("csv", name)
        table, source = warehouse.table(of), lineitem("csv", scale)
        columns = [column.name.name for column in LoadTarget(of).columns]
        dump = warehouse.folder / f"{name}.csv"
        as_csv(source, dump, columns)
        warehouse.below(f"\\copy {table} ({', '.join(columns)}) FROM '{dump}' (FORMAT csv)")
        dump.unlink()
        warehouse.below(f"VACUUM ANALYZE {table}")
        return cls(warehouse, source, name, int(warehouse.below(f"SELECT count(*) FROM {table}")))

    def merged(self, count: int, rounds: int) -> list[_Cost]:
        """Change so many rows, others in each round."""
        files = [self._changed(count, seed) for seed in range(rounds)]
        order = self.warehouse.landed(contract("csv", self.name), [[file] for file in files])
        costs = [_cost(self.warehouse, [alone]) for alone in _one_by_one(order)]
        assert self.rows == self.warehouse.rows(LoadTarget(order.contract).table.sql)[0]
        self.warehouse.below(f"DELETE FROM {LoadTarget(order.contract).ledger.sql}")
        return costs

    def _changed(self, count: int, seed: int) -> Path:
        file = self.warehouse.folder / f"{self.name}-{count}-{seed}.csv"
        with duckdb.connect() as connection:
            connection.execute(
                "COPY (SELECT * REPLACE (l_quantity + 1 AS l_quantity) FROM"
                f" read_csv('{self.source}', header = true, columns = {COLUMNS})"
                f" USING SAMPLE reservoir({count} ROWS) REPEATABLE ({seed}))"
                f" TO '{file}' (HEADER)"
            )
        return file


def of_month(changes: Changes) -> Iterator[Finding]:
    """Small hours in one transaction, and in a transaction each."""
    of = contract("csv", "month")
    with local_warehouse() as warehouse:
        warehouse.table(of)
        files = pieces(0.01, changes.hours)
        order = warehouse.landed(of, [[file] for file in files])
        together = _cost(warehouse, [order])
        rows = warehouse.rows(LoadTarget(of).table.sql)
        warehouse.empty(of)
        apart = _cost(warehouse, _one_by_one(order))
        assert rows == warehouse.rows(LoadTarget(of).table.sql)
    hours = len(order.batches)
    yield Finding(
        f"{hours} hours of {rows[0] // hours} rows",
        ("transactions", "s", "CPU s", "ms an hour"),
        [
            (
                str(transactions),
                f"{cost.seconds:.1f}",
                f"{cost.cpu_seconds:.1f}",
                f"{cost.seconds / hours * 1000:.1f}",
            )
            for transactions, cost in ((1, together), (hours, apart))
        ],
        [
            Target(
                "one transaction, times as fast",
                apart.seconds / together.seconds,
                10,
                is_least=True,
                by_cpu=apart.cpu_seconds / together.cpu_seconds,
            )
        ],
    )


def _one_by_one(order: Order) -> list[Order]:
    return [order.model_copy(update={"batches": (batch,)}) for batch in order.batches]


def _cost(warehouse: LocalWarehouse, orders: Sequence[Order]) -> _Cost:
    """What the loads take, from the commits in S3 to the commit in the warehouse."""
    started, spent = time.perf_counter(), cpu_seconds(warehouse.servers)
    for order in orders:
        outcomes = {report.outcome for report in load_order(order, RoleArn(ROLE), "by-hand")}
        assert outcomes == {"done"}, outcomes
    return _Cost(time.perf_counter() - started, cpu_seconds(warehouse.servers) - spent)
