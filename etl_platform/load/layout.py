"""How the rows of a table are spread and sorted: as the warehouse has it, and what brings it to its
contract.

Where a contract names no distribution key, DISTSTYLE AUTO is asked for, and what Redshift chooses
by itself is no difference. Where it names no sort key, none is: whether Redshift chose one itself
is told by SVV_TABLE_INFO alone, which only superusers may read.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NamedTuple

from etl_platform.contract.warehouse import Warehouse
from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql, compose, joined

_KEY: Final = 1
_AUTO: Final = 9
_STYLES: Final = {0: "EVEN", _KEY: "KEY", 8: "ALL", _AUTO: "AUTO"}
"""pg_class.reldiststyle: https://docs.aws.amazon.com/redshift/latest/dg/r_PG_CLASS_INFO.html"""


@dataclass(frozen=True)
class Layout:
    """What a contract asks for. What it does not name is Redshift's to choose."""

    distkey: Identifier | None
    sortkey: tuple[Identifier, ...]


@dataclass(frozen=True)
class Found:
    """What a table has."""

    style: int
    distkey: str | None
    sortkey: tuple[str, ...]
    is_interleaved: bool

    @property
    def distribution(self) -> str:
        """For messages."""
        return f"KEY ({self.distkey})" if self.style == _KEY else _STYLES[self.style]


@dataclass(frozen=True)
class Difference:
    """A statement, or None where only another table can have the layout, and why it is sent."""

    why: str
    statement: Sql | None


class _Clause(NamedTuple):
    why: str
    sql: Sql


def found(warehouse: Warehouse, table: QualifiedName) -> Found:
    """The layout of a table, which may be empty: SVV_TABLE_INFO lacks such tables."""
    rows = warehouse.fetch(_of(table), name=f"the layout of {table}")
    places = sorted((abs(int(place)), str(name)) for _, name, _, place in rows if place)
    return Found(
        style=int(rows[0][0]),
        distkey=next((str(name) for _, name, is_key, _ in rows if is_key), None),
        sortkey=tuple(name for _, name in places),
        is_interleaved=any(place < 0 for *_, place in rows),
    )


def differences(table: QualifiedName, wanted: Layout, has: Found) -> list[Difference]:
    """What brings a table to its layout, in this order: the distribution cannot change while the
    sort key is interleaved (https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html)."""
    order, distribution = _order(wanted, has), _distribution(wanted, has)
    if order and distribution and wanted.distkey and not has.is_interleaved:
        # The rows move once for both.
        return [_altering(table, order, distribution)]
    needed = [_altering(table, order)] if order else []
    if distribution and has.is_interleaved and not order:
        needed.append(Difference(distribution.why, None))
    elif distribution:
        needed.append(_altering(table, distribution))
    return needed


def freeing(table: QualifiedName, has: Found, columns: Collection[str]) -> list[Sql]:
    """For people, who drop columns: Redshift drops none by which rows are spread or sorted."""
    statements = []
    if not set(columns).isdisjoint(has.sortkey):
        statements.append(_alter(table, Sql("ALTER SORTKEY NONE")))
    if has.distkey in columns:
        statements.append(_alter(table, Sql("ALTER DISTSTYLE EVEN")))
    return statements


def _order(wanted: Layout, has: Found) -> _Clause | None:
    names = tuple(column.name for column in wanted.sortkey)
    if not names or (names == has.sortkey and not has.is_interleaved):
        return None
    kind = "interleaved sort key" if has.is_interleaved else "sort key"
    return _Clause(
        f"its {kind} ({', '.join(has.sortkey)}) becomes ({', '.join(names)})",
        compose("ALTER SORTKEY ({columns})", columns=joined(wanted.sortkey)),
    )


def _distribution(wanted: Layout, has: Found) -> _Clause | None:
    why = f"its distribution {has.distribution} becomes"
    if wanted.distkey is None:
        clause = _Clause(f"{why} AUTO", Sql("ALTER DISTSTYLE AUTO"))
        return None if has.style == _AUTO else clause
    if has.style == _KEY and has.distkey == wanted.distkey.name:
        return None
    return _Clause(
        f"{why} KEY ({wanted.distkey.name})",
        compose("ALTER DISTKEY {column}", column=wanted.distkey),
    )


def _altering(table: QualifiedName, *clauses: _Clause) -> Difference:
    statement = _alter(table, *(clause.sql for clause in clauses))
    return Difference("; ".join(clause.why for clause in clauses), statement)


def _alter(table: QualifiedName, *clauses: Sql) -> Sql:
    return compose("ALTER TABLE {table} {clauses}", table=table, clauses=joined(clauses))


def _of(table: QualifiedName) -> Sql:
    return compose(
        "SELECT c.reldiststyle, a.attname, a.attisdistkey, a.attsortkeyord FROM pg_attribute AS a"
        " JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = {schema} AND c.relname = {table} AND a.attnum > 0"
        " AND NOT a.attisdropped ORDER BY a.attnum",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )
