"""How the rows of a table are spread, sorted and compressed: as the warehouse has it, and what
brings it to its contract.

An encoding is a difference where the contract names one, and Redshift's to choose where not. Where
a contract names no distribution key, DISTSTYLE AUTO is asked for, and what Redshift chooses
by itself is no difference. Where it names no sort key, none is: whether Redshift chose one itself
is told by SVV_TABLE_INFO alone, which only superusers may read.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from etl_platform.contract.warehouse import Warehouse
from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql, compose, joined

_KEY: Final = 1
_AUTO: Final = 9
_STYLES: Final = {0: "EVEN", _KEY: "KEY", 8: "ALL", _AUTO: "AUTO"}
"""pg_class.reldiststyle: https://docs.aws.amazon.com/redshift/latest/dg/r_PG_CLASS_INFO.html"""

_RAW: Final = "raw"
_SHOWN: Final = {"none": _RAW}
"""What the catalog calls otherwise than CREATE TABLE."""


@dataclass(frozen=True)
class Layout:
    """What a contract asks for. What it does not name is Redshift's to choose."""

    distkey: Identifier | None
    sortkey: tuple[Identifier, ...]
    encodings: Mapping[Identifier, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What a table has."""

    style: int
    distkey: str | None
    sortkey: tuple[str, ...]
    is_interleaved: bool
    encodings: Mapping[str, str] = field(default_factory=dict)
    """Of each column, raw ones too."""

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
    places = sorted((abs(int(place)), str(name)) for _, name, _, place, _ in rows if place)
    return Found(
        style=int(rows[0][0]),
        distkey=next((str(name) for _, name, is_key, *_ in rows if is_key), None),
        sortkey=tuple(name for _, name in places),
        is_interleaved=any(place < 0 for *_, place, _ in rows),
        encodings={str(name): _SHOWN.get(code, code) for _, name, _, _, code in rows},
    )


def differences(table: QualifiedName, wanted: Layout, has: Found) -> list[Difference]:
    """What brings a table to its layout, in this order: distribution and encodings cannot change
    while the sort key is interleaved, and a new sort key is not compressed
    (https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html)."""
    order, distribution = _order(wanted, has), _distribution(wanted, has)
    is_stuck = has.is_interleaved and not order
    needed: list[Difference] = []
    if order and distribution and wanted.distkey and not has.is_interleaved:
        # The rows move once for both.
        needed.append(_altering(table, order, distribution))
    else:
        needed += [_altering(table, order)] if order else []
        needed += [_altering(table, distribution, is_stuck=is_stuck)] if distribution else []
    encodings = has.encodings
    if order:
        new = {column.name for column in wanted.sortkey} - set(has.sortkey)
        encodings = {**encodings, **dict.fromkeys(new, _RAW)}
    clauses = list(_encodings(wanted, encodings))
    return [*needed, _altering(table, *clauses, is_stuck=is_stuck)] if clauses else needed


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


def _encodings(wanted: Layout, has: Mapping[str, str]) -> Iterator[_Clause]:
    for column, encoding in wanted.encodings.items():
        # A column that is not there yet is added with its encoding.
        found = has.get(column.name, encoding)
        if found != encoding:
            yield _Clause(
                f"column {column.name} is encoded {encoding} and not {found}",
                compose(
                    "ALTER COLUMN {column} ENCODE {encoding}", column=column, encoding=Sql(encoding)
                ),
            )


def _altering(table: QualifiedName, *clauses: _Clause, is_stuck: bool = False) -> Difference:
    statement = None if is_stuck else _alter(table, *(clause.sql for clause in clauses))
    return Difference("; ".join(clause.why for clause in clauses), statement)


def _alter(table: QualifiedName, *clauses: Sql) -> Sql:
    return compose("ALTER TABLE {table} {clauses}", table=table, clauses=joined(clauses))


def _of(table: QualifiedName) -> Sql:
    return compose(
        "SELECT c.reldiststyle, a.attname, a.attisdistkey, a.attsortkeyord,"
        " format_encoding(CAST(a.attencodingtype AS integer)) FROM pg_attribute AS a"
        " JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = {schema} AND c.relname = {table} AND a.attnum > 0"
        " AND NOT a.attisdropped ORDER BY a.attnum",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )
