"""The statements of a comparison: rows as they should be against rows as they are.

Both are counted, so that a row that is there twice differs from one that is there once. Redshift
has no EXCEPT ALL, so the rows of both sides are added up, with opposite signs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from etl_platform.contract.types import DELETED_COLUMN, LOADED_COLUMN
from etl_platform.load import ledger_sql, sql
from etl_platform.load.journal_sql import MANIFEST_AT, MANIFESTS, TOUCHED
from etl_platform.load.key_range import KeyRange, within
from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql, compose, joined
from etl_platform.load.sql import BATCH, HOUR, STAGING, WINNERS
from etl_platform.load.target import TableColumn, Target

SAMPLES: Final = 3
_MOST_ROWS: Final = 50

_ALIAS: Final = Identifier("t")
_SIDE: Final = Identifier("_side")
_BALANCE: Final = Identifier("_balance")
_MISSING: Final = Identifier("_missing")
_EXTRA: Final = Identifier("_extra_rows")
_KIND: Final = Identifier("_kind")
_PLACE: Final = Identifier("_place")
_ROWS: Final = Identifier("_rows")

_COMPARABLE: Final[dict[str, LiteralString]] = {
    "super": "JSON_SERIALIZE({value}) AS {name}",
    "varbyte": "TO_HEX({value}) AS {name}",
}
"""What Redshift neither groups nor orders, as texts."""


@dataclass(frozen=True)
class Scope:
    """Which rows of the warehouse are compared."""

    own: Sql
    """Whether a row says that it is of the hour, or of one of its batches."""
    ranges: tuple[KeyRange, ...]
    """Around the keys of the files."""

    @classmethod
    def of(cls, hour: datetime, batch_ids: Iterable[str], ranges: tuple[KeyRange, ...]) -> "Scope":
        """The rows of an hour, and those of the keys of its files."""
        own = compose(
            "(t.{hour} = {start} OR t.{batch} IN ({batches}))",
            hour=HOUR,
            start=Literal(hour),
            batch=BATCH,
            batches=joined(Literal(batch_id) for batch_id in batch_ids),
        )
        return cls(own, ranges)


def compared(target: Target) -> tuple[TableColumn, ...]:
    """The columns of the table that files decide."""
    return tuple(c for c in target.columns if c.name.name != LOADED_COLUMN)


def drop_replaced(target: Target, table: QualifiedName, scope: Scope) -> Sql:
    """Take out the newest staged rows that a row of a later hour has replaced, in the table or
    among the tombstones. Only rows of batches that the ledger knows count."""
    return compose(
        "{drop} AND t.{batch} IN (SELECT batch_id FROM {ledger} WHERE {settled})",
        drop=sql.drop_losers_to_later_hours(target, table, scope.ranges),
        batch=BATCH,
        ledger=target.ledger,
        settled=ledger_sql.SETTLED,
    )


def prepared(target: Target, *, dead: bool | None = None) -> Sql:
    """The rows that the table should have, or its tombstones, of those that are prepared."""
    columns = target.tombstone_columns if dead else compared(target)
    values = [
        compose("{dead} AS {name}", dead=sql.is_dead(target, _ALIAS), name=c.name)
        if c.name.name == DELETED_COLUMN
        else _value(c)
        for c in columns
    ]
    rows = compose("SELECT {values} FROM {winners} AS t", values=joined(values), winners=WINNERS)
    if dead is None:
        return rows
    return compose(
        "{rows} WHERE {dead} = {expected}",
        rows=rows,
        dead=sql.is_dead(target, _ALIAS),
        expected=Literal(dead),
    )


def staged_for_journal(target: Target) -> Sql:
    """The rows that the journal should have of the staged batches."""
    return compose(
        "SELECT {values}, m.{at} FROM {staging} AS t"
        " JOIN {manifests} AS m ON m.{batch} = t.{batch}",
        values=joined(compose("t.{name}", name=c.name) for c in target.staged_columns),
        at=MANIFEST_AT,
        staging=STAGING,
        manifests=MANIFESTS,
        batch=BATCH,
    )


def all_rows(table: QualifiedName, columns: Iterable[TableColumn]) -> Sql:
    """Every row of a table."""
    return compose(
        "SELECT {values} FROM {table} AS t", values=joined(map(_value, columns)), table=table
    )


def own_rows(table: QualifiedName, columns: Iterable[TableColumn], scope: Scope) -> Sql:
    """The rows of an hour."""
    return compose("{rows} WHERE {own}", rows=all_rows(table, columns), own=scope.own)


def own_rows_of_journal(target: Target, journal: QualifiedName, scope: Scope) -> Sql:
    """The rows of an hour in the journal, which has them as they were staged."""
    return compose(
        "SELECT {values} FROM {journal} AS t WHERE {own}",
        values=joined(compose("t.{name}", name=c.name) for c in target.journal_columns),
        journal=journal,
        own=scope.own,
    )


def other_rows_of_keys(
    target: Target, table: QualifiedName, columns: Iterable[TableColumn], scope: Scope
) -> Sql:
    """The rows of other hours whose keys are compared."""
    return compose(
        "{rows} JOIN {keys} AS k ON {same_key}{within} WHERE NOT {own}",
        rows=all_rows(table, columns),
        keys=TOUCHED if target.journal else WINNERS,
        same_key=sql.same_key(target, Sql("t"), Sql("k")),
        within=within(scope.ranges, Sql("t")),
        own=scope.own,
    )


def strangers(target: Target) -> Sql:
    """How many rows of the table are of batches that the ledger has not, by hour and batch."""
    return compose(
        "SELECT t.{hour}, t.{batch}, count(*) FROM {table} AS t LEFT JOIN"
        " (SELECT batch_id FROM {ledger} WHERE {settled}) AS l ON l.batch_id = t.{batch}"
        " WHERE l.batch_id IS NULL"
        " GROUP BY t.{hour}, t.{batch} ORDER BY t.{hour}, t.{batch}",
        hour=HOUR,
        batch=BATCH,
        table=target.table,
        ledger=target.ledger,
        settled=ledger_sql.SETTLED,
    )


def differences(
    columns: Sequence[Identifier],
    key: Sequence[Identifier],
    expected: Sql,
    found: Iterable[Sql],
) -> Sql:
    """The rows of which one side has more than the other: of some keys, with counts of all.

    A row of the answer has the kind of difference, how many keys and rows are of that kind, the
    place of the key among them, by how much it is there too seldom, and the columns.
    """
    return compose(
        "WITH sides AS ({expected}{found}), differing AS ("
        "SELECT {columns}, SUM({side}) AS {balance} FROM sides"
        " GROUP BY {columns} HAVING SUM({side}) <> 0), sided AS ("
        "SELECT differing.*,"
        " SUM(CASE WHEN {balance} > 0 THEN 1 ELSE 0 END) OVER (PARTITION BY {key}) AS {missing},"
        " SUM(CASE WHEN {balance} < 0 THEN 1 ELSE 0 END) OVER (PARTITION BY {key}) AS {extra}"
        " FROM differing), named AS ("
        "SELECT sided.*, CASE WHEN {extra} = 0 THEN 'missing' WHEN {missing} = 0 THEN 'extra'"
        " ELSE 'changed' END AS {kind} FROM sided), placed AS ("
        "SELECT named.*, DENSE_RANK() OVER (PARTITION BY {kind} ORDER BY {key}) AS {place},"
        " SUM(ABS({balance})) OVER (PARTITION BY {kind}) AS {rows} FROM named), counted AS ("
        "SELECT placed.*, MAX({place}) OVER (PARTITION BY {kind}) AS _keys FROM placed)"
        " SELECT {kind}, _keys, {rows}, {place}, {balance}, {columns} FROM counted"
        " WHERE {place} <= {samples} ORDER BY {kind}, {place}, {balance} DESC LIMIT {most}",
        expected=_with_side(expected, 1),
        found=joined((_with_side(rows, -1, " UNION ALL ") for rows in found), ""),
        columns=joined(columns),
        key=joined(key),
        side=_SIDE,
        balance=_BALANCE,
        missing=_MISSING,
        extra=_EXTRA,
        kind=_KIND,
        place=_PLACE,
        rows=_ROWS,
        samples=Literal(SAMPLES),
        most=Literal(_MOST_ROWS),
    )


def _with_side(rows: Sql, side: int, before: LiteralString = "") -> Sql:
    return compose(
        "{before}SELECT rows_of_a_side.*, {value} AS {side} FROM ({rows}) AS rows_of_a_side",
        before=Sql(before),
        value=Literal(side),
        side=_SIDE,
        rows=rows,
    )


def _value(column: TableColumn) -> Sql:
    value = compose("t.{name}", name=column.name)
    template = _COMPARABLE.get(column.type.family)
    return compose(template, value=value, name=column.name) if template else value
