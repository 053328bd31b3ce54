"""Every statement of bootstrap: schemas, the service user, its grants, and the tables."""

from collections.abc import Iterable, Sequence
from typing import Final

from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql, compose, joined
from etl_platform.load.sql import definition, distribution, null
from etl_platform.load.target import LEDGER_PREFIX, TableColumn, Target

USER_EXISTS: Final = Sql("SELECT 1 FROM pg_user WHERE usename = %s")
CLOSE_PUBLIC: Final = Sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")


def create_schema(schema: Identifier) -> Sql:
    return compose("CREATE SCHEMA IF NOT EXISTS {schema}", schema=schema)


def create_user(user: Identifier, password: Literal) -> Sql:
    """A user without any right of an administrator, which is what a user is by default."""
    return compose("CREATE USER {user} WITH PASSWORD {password}", user=user, password=password)


def alter_user(user: Identifier, password: Literal) -> Sql:
    """Give an existing user the password of the secret."""
    return compose("ALTER USER {user} WITH PASSWORD {password}", user=user, password=password)


def grant_schema(schema: Identifier, user: Identifier) -> Sql:
    """Let the user make tables in a schema."""
    return compose("GRANT CREATE, USAGE ON SCHEMA {schema} TO {user}", schema=schema, user=user)


def grant_temporary(database: Identifier, user: Identifier) -> Sql:
    """Let the user make temporary tables, which PUBLIC may do unless someone took it away."""
    return compose("GRANT TEMP ON DATABASE {database} TO {user}", database=database, user=user)


def create_target(target: Target) -> Sql:
    """The table that the contract describes."""
    sortkey = joined(target.sortkey)
    return compose(
        "CREATE TABLE {table} ({columns}){distribution}{order}",
        table=target.table,
        columns=joined(_stored(c) for c in target.columns),
        distribution=distribution(target),
        order=compose(" COMPOUND SORTKEY ({columns})", columns=sortkey) if sortkey else Sql(""),
    )


def _stored(column: TableColumn) -> Sql:
    return compose(
        "{name} {type}{encoding}{null}",
        name=column.name,
        type=Sql(column.type.redshift),
        encoding=Sql(f" ENCODE {column.encoding}" if column.encoding else ""),
        null=null(column),
    )


def create_beside(name: QualifiedName, columns: Iterable[TableColumn], target: Target) -> Sql:
    """A table of rows in their staged types, that lies as the target lies and is read by key."""
    return compose(
        "CREATE TABLE IF NOT EXISTS {name} ({columns}){distribution} COMPOUND SORTKEY ({key})",
        name=name,
        columns=joined(definition(column) for column in columns),
        distribution=distribution(target),
        key=joined(target.key),
    )


def create_guard(guard: QualifiedName) -> Sql:
    """The empty table that loads lock."""
    return compose("CREATE TABLE IF NOT EXISTS {guard} (nothing smallint)", guard=guard)


def create_ledger(ledger: QualifiedName, columns: Sequence[tuple[Identifier, str]]) -> Sql:
    """The ledger of one table. It is read by ranges of hours."""
    return compose(
        "CREATE TABLE IF NOT EXISTS {ledger} ({columns}) COMPOUND SORTKEY ({hour})",
        ledger=ledger,
        columns=joined(
            compose("{name} {type} NOT NULL", name=name, type=Sql(kind)) for name, kind in columns
        ),
        hour=Identifier("hour"),
    )


def forget(companion: QualifiedName) -> Sql:
    """Empty a table that belongs to a target."""
    return compose("DELETE FROM {companion}", companion=companion)


def create_ledger_view(
    view: QualifiedName, ledgers: Iterable[QualifiedName], columns: Sequence[Identifier]
) -> Sql:
    """All ledgers as one."""
    return compose(
        "CREATE OR REPLACE VIEW {view} AS {selects}",
        view=view,
        selects=joined(
            (
                compose("SELECT {columns} FROM {ledger}", columns=joined(columns), ledger=ledger)
                for ledger in ledgers
            ),
            " UNION ALL ",
        ),
    )


def ledgers_in(schema: Identifier) -> Sql:
    """The names of all ledger tables, those of other contracts too."""
    return compose(
        "SELECT tablename FROM pg_tables WHERE schemaname = {schema}"
        " AND left(tablename, {length}) = {prefix} ORDER BY tablename",
        schema=Literal(schema.name),
        length=Literal(len(LEDGER_PREFIX)),
        prefix=Literal(LEDGER_PREFIX),
    )


def columns_of(table: QualifiedName) -> Sql:
    """Name, type and NOT NULL of each column of a table; no row if there is no such table."""
    return compose(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull"
        " FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = {schema} AND c.relname = {table} AND a.attnum > 0"
        " AND NOT a.attisdropped ORDER BY a.attnum",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )
