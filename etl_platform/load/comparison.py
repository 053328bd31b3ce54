"""Every row of an hour, as its files have it, against the rows of the warehouse.

What should be there is made by the statements of the load, from the files of the same batches, in
temporary tables; nothing else is written. Of a table that is made of a journal the journal is
compared with the files, and the table with the journal.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.storage import Storage
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import comparison_sql, journal_sql, ledger, sql
from etl_platform.load.comparison_sql import Scope
from etl_platform.load.converted import read_commit
from etl_platform.load.ledger import Entry
from etl_platform.load.quoting import Identifier, QualifiedName, RoleArn, Sql
from etl_platform.load.staging import stage
from etl_platform.load.strategies import FromJournal, Upsert, strategy_of
from etl_platform.load.target import TableColumn, Target
from etl_platform.load.versions import Version, places

_LONGEST_SAMPLE: Final = 120


@dataclass(frozen=True)
class Difference:
    """Rows of one table that are not as they should be."""

    kind: str
    """`missing`, `extra`, or `changed` where a key has rows, but not the right ones."""
    table: QualifiedName
    rows: int
    keys: int
    samples: tuple[str, ...]
    """Some of the keys, with the columns that differ."""

    @property
    def text(self) -> str:
        """What it means."""
        what = {
            "missing": f"{self.rows} row(s) are missing from {self.table}",
            "extra": f"{self.table} has {self.rows} row(s) too many",
            "changed": f"{self.table} has other rows of {self.keys} key(s)",
        }[self.kind]
        more = " and others" if self.keys > len(self.samples) else ""
        return f"{what}: {', '.join(self.samples)}{more}"


@dataclass(frozen=True)
class Comparison:
    """Compares the hours of one table with their files, each in the transaction that it is in."""

    warehouse: Warehouse
    storage: Storage
    names: Names
    target: Target
    role: RoleArn

    def of(self, hour: Hour) -> list[Difference]:
        """Every difference of the batches that the table is made of in this hour.

        Raises a Terminal where their files cannot be read.
        """
        entries = ledger.between(self.warehouse, self.target, hour, hour)
        versions = self._applied(entries)
        if not versions:
            return []
        contract = self.target.contract
        commits = [
            read_commit(self.names, contract, hour, version.batch_id, self.storage)
            for version in versions
        ]
        staged = stage(self.warehouse, self.storage, self.names, self.target, self.role, commits)
        ids = [entry.batch_id for entry in entries]
        scope = Scope.of(hour.start, ids, staged.ranges)
        strategy = strategy_of(contract.load)
        if isinstance(strategy, FromJournal) and self.target.journal:
            return [*self._of_journal(self.target.journal, scope, versions), *self._of_keys(scope)]
        if isinstance(strategy, Upsert):
            self._keep_newest(scope, versions)
            return self._of_keys(scope)
        return self._of_hour(scope)

    def _applied(self, entries: Sequence[Entry]) -> list[Version]:
        """Of the batches of an hour those that the table, or its journal, is made of."""
        newest = ledger.newest(self.warehouse, self.target)
        if newest is None or ledger.begun(self.warehouse, self.target):
            return []
        strategy = strategy_of(self.target.contract.load)
        return sorted(strategy.applied([entry.version for entry in entries], [newest.version]))

    def _of_hour(self, scope: Scope) -> list[Difference]:
        target, columns = self.target, comparison_sql.compared(self.target)
        self._execute(sql.create_restored(target))
        found = (
            comparison_sql.all_rows(target.table, columns)
            if target.contract.load.strategy == "refresh"
            else comparison_sql.own_rows(target.table, columns, scope)
        )
        key = target.key or [column.name for column in columns]
        return self._ask(target.table, columns, key, comparison_sql.prepared(target), [found])

    def _keep_newest(self, scope: Scope, versions: Sequence[Version]) -> None:
        self._execute(sql.create_versions())
        self._execute(sql.insert_versions(places(versions)))
        self._execute(sql.create_winners(self.target))
        for table in filter(None, (self.target.table, self.target.tombstones)):
            self._execute(comparison_sql.drop_replaced(self.target, table, scope))

    def _of_journal(
        self, journal: QualifiedName, scope: Scope, versions: Sequence[Version]
    ) -> list[Difference]:
        target = self.target
        make = journal_sql.create_periods if target.is_history else journal_sql.create_newest
        self._execute(journal_sql.create_manifests())
        self._execute(journal_sql.insert_manifests(versions))
        self._execute(journal_sql.create_touched(target, journal, []))
        self._execute(make(target, journal, scope.ranges))
        found = comparison_sql.own_rows_of_journal(target, journal, scope)
        expected = comparison_sql.staged_for_journal(target)
        return self._ask(journal, target.journal_columns, target.key, expected, [found])

    def _of_keys(self, scope: Scope) -> list[Difference]:
        target, removed = self.target, self.target.tombstones
        columns = comparison_sql.compared(target)
        if removed is None:
            return self._of_table(target.table, columns, comparison_sql.prepared(target), scope)
        living = comparison_sql.prepared(target, dead=False)
        dead = comparison_sql.prepared(target, dead=True)
        return [
            *self._of_table(target.table, columns, living, scope),
            *self._of_table(removed, target.tombstone_columns, dead, scope),
        ]

    def _of_table(
        self, table: QualifiedName, columns: Sequence[TableColumn], expected: Sql, scope: Scope
    ) -> list[Difference]:
        found = [
            comparison_sql.own_rows(table, columns, scope),
            comparison_sql.other_rows_of_keys(self.target, table, columns, scope),
        ]
        return self._ask(table, columns, self.target.key, expected, found)

    def _ask(
        self,
        table: QualifiedName,
        columns: Sequence[TableColumn],
        key: Sequence[Identifier],
        expected: Sql,
        found: Iterable[Sql],
    ) -> list[Difference]:
        names = [column.name for column in columns]
        statement = comparison_sql.differences(names, key, expected, found)
        rows = self.warehouse.fetch(statement, name=f"the comparison with {table}")
        return read_differences(rows, table, names, key)

    def _execute(self, statement: Sql) -> None:
        self.warehouse.execute(statement, name="the rows as they should be")


def read_differences(
    rows: Iterable[Sequence[Any]],
    table: QualifiedName,
    columns: Sequence[Identifier],
    key: Sequence[Identifier],
) -> list[Difference]:
    """The answer of `comparison_sql.differences`, whose rows are ordered by kind and key."""
    found = []
    for kind, of_kind in groupby(rows, key=lambda row: str(row[0])):
        listed = list(of_kind)
        keys, differing_rows = int(listed[0][1]), int(listed[0][2])
        samples = tuple(
            _sample(list(of_key), columns, key) for _, of_key in groupby(listed, lambda row: row[3])
        )
        found.append(Difference(kind, table, differing_rows, keys, samples))
    return found


def _sample(
    rows: Sequence[Sequence[Any]], columns: Sequence[Identifier], key: Sequence[Identifier]
) -> str:
    names = [column.name for column in columns]
    values = dict(zip(names, rows[0][5:], strict=True))
    shown = " ".join(f"{column.name}={values[column.name]}" for column in key)
    if len(shown) > _LONGEST_SAMPLE:
        shown = shown[:_LONGEST_SAMPLE] + "…"
    expected = [row[5:] for row in rows if row[4] > 0]
    there = [row[5:] for row in rows if row[4] < 0]
    differing = [
        name
        for place, name in enumerate(names)
        if expected and there and {r[place] for r in expected} != {r[place] for r in there}
    ]
    return f"{shown} ({', '.join(differing)})" if differing else shown
