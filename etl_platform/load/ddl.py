"""Every statement of bootstrap and apply: schemas, the service user, grants, and the tables."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, LiteralString

from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql, compose, joined
from etl_platform.load.sql import definition, distribution, null
from etl_platform.load.target import TableColumn, Target

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


def create_target(target: Target, name: QualifiedName | None = None) -> Sql:
    """The table that the contract describes, under its own name or another."""
    sortkey = joined(target.sortkey)
    return compose(
        "CREATE TABLE {table} ({columns}){distribution}{order}",
        table=name or target.table,
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


def create_beside(name: QualifiedName, columns: Sequence[TableColumn], target: Target) -> Sql:
    """A table of rows in their staged types, that lies as the target lies and is read by key."""
    has_distkey = target.distkey in {column.name for column in columns}
    return compose(
        "CREATE TABLE IF NOT EXISTS {name} ({columns}){distribution} COMPOUND SORTKEY ({key})",
        name=name,
        columns=joined(definition(column) for column in columns),
        distribution=distribution(target) if has_distkey else Sql(""),
        key=joined(target.key),
    )


def add_column(table: QualifiedName, column: TableColumn, *, staged: bool) -> Sql:
    """A new last column. Redshift adds none that is NOT NULL without a default."""
    return compose(
        "ALTER TABLE {table} ADD COLUMN {column}",
        table=table,
        column=definition(column) if staged else _stored(column),
    )


def widen(table: QualifiedName, column: Identifier, kind: str) -> Sql:
    """A longer VARCHAR, the one type that Redshift changes in place, and outside of transactions
    only (https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html)."""
    return compose(
        "ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind}",
        table=table,
        column=column,
        kind=Sql(kind),
    )


def drop_column(table: QualifiedName, column: Identifier) -> Sql:
    """For people: the platform drops no column."""
    return compose("ALTER TABLE {table} DROP COLUMN {column}", table=table, column=column)


def copy_rows(
    source: QualifiedName, copy: QualifiedName, columns: Sequence[tuple[Identifier, str]]
) -> Sql:
    """Every row, its columns made into types."""
    return compose(
        "INSERT INTO {copy} ({columns}) SELECT {values} FROM {source}",
        copy=copy,
        columns=joined(name for name, _ in columns),
        values=joined(
            compose("CAST({name} AS {kind})", name=name, kind=Sql(kind)) for name, kind in columns
        ),
        source=source,
    )


def drop_table(table: QualifiedName) -> Sql:
    """Refused by Redshift while a view that is not late-binding stands on the table."""
    return compose("DROP TABLE {table}", table=table)


def rename_table(table: QualifiedName, name: Identifier) -> Sql:
    """The new name is in the same schema."""
    return compose("ALTER TABLE {table} RENAME TO {name}", table=table, name=name)


def grants_on(table: QualifiedName) -> Sql:
    """Who was given what on a table: privilege, grantee, its kind, and whether it may give on."""
    return compose(
        "SELECT privilege_type, identity_name, identity_type, admin_option"
        " FROM svv_relation_privileges WHERE namespace_name = {schema}"
        " AND relation_name = {table} AND identity_name <> current_user"
        " ORDER BY identity_type, identity_name, privilege_type",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )


_GRANTEES: Final[dict[str, LiteralString]] = {
    "user": "{identity}",
    "role": "ROLE {identity}",
    "group": "GROUP {identity}",
    "public": "PUBLIC",
}


def grant(table: QualifiedName, privilege: str, identity: str, kind: str, *, may_give: bool) -> Sql:
    """Give again what a row of `grants_on` says."""
    return compose(
        "GRANT {privilege} ON TABLE {table} TO {to}{option}",
        privilege=_privilege(privilege),
        table=table,
        to=compose(_GRANTEES[kind], identity=Identifier(identity)),
        option=Sql(" WITH GRANT OPTION" if may_give else ""),
    )


def _privilege(name: str) -> Sql:
    if not re.fullmatch(r"[A-Z]+", name, re.ASCII):
        raise ValueError(f"{name!r} is no privilege on a table")
    return Sql(name)


def column_grants_on(table: QualifiedName) -> Sql:
    """Who was given what on single columns: column, privilege, grantee, and its kind.

    https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMN_PRIVILEGES.html
    """
    return compose(
        "SELECT column_name, privilege_type, identity_name, identity_type"
        " FROM svv_column_privileges WHERE namespace_name = {schema}"
        " AND relation_name = {table} AND identity_name <> current_user"
        " ORDER BY identity_type, identity_name, column_name, privilege_type",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )


def grant_on_column(
    table: QualifiedName, column: str, privilege: str, identity: str, kind: str
) -> Sql:
    """Give again what a row of `column_grants_on` says. Nobody may give such a right on.

    https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
    """
    return compose(
        "GRANT {privilege} ({column}) ON TABLE {table} TO {to}",
        privilege=_privilege(privilege),
        column=Identifier(column),
        table=table,
        to=compose(_GRANTEES[kind], identity=Identifier(identity)),
    )


def comments_on(table: QualifiedName) -> Sql:
    """The comments on a table, with a null for its name, and on its columns."""
    return compose(
        "SELECT a.attname, d.description FROM pg_description AS d"
        " JOIN pg_class AS c ON c.oid = d.objoid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid"
        " WHERE n.nspname = {schema} AND c.relname = {table} ORDER BY d.objsubid",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )


def comment(table: QualifiedName, column: Identifier | None, text: Literal) -> Sql:
    """Write a comment again."""
    if column is None:
        return compose("COMMENT ON TABLE {table} IS {text}", table=table, text=text)
    return compose(
        "COMMENT ON COLUMN {table}.{column} IS {text}", table=table, column=column, text=text
    )


def other_owner_of(table: QualifiedName) -> Sql:
    """Who owns a table; no row if it is the user who asks."""
    return compose(
        "SELECT tableowner FROM pg_tables WHERE schemaname = {schema} AND tablename = {table}"
        " AND tableowner <> current_user",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )


def give_to(table: QualifiedName, owner: Identifier) -> Sql:
    """Make a user the owner, which takes a superuser."""
    return compose("ALTER TABLE {table} OWNER TO {owner}", table=table, owner=owner)


def views_on(table: QualifiedName) -> Sql:
    """Schema and name of the views that stand on a table."""
    return compose(
        "SELECT DISTINCT vn.nspname, v.relname FROM pg_depend AS d"
        " JOIN pg_class AS t ON t.oid = d.refobjid JOIN pg_namespace AS tn"
        " ON tn.oid = t.relnamespace JOIN pg_rewrite AS r ON r.oid = d.objid"
        " JOIN pg_class AS v ON v.oid = r.ev_class JOIN pg_namespace AS vn"
        " ON vn.oid = v.relnamespace WHERE tn.nspname = {schema} AND t.relname = {table}"
        " AND v.oid <> t.oid ORDER BY 1, 2",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )


def create_schema_changes(changes: QualifiedName) -> Sql:
    """The record of what `warehouse apply` did."""
    return compose(
        "CREATE TABLE IF NOT EXISTS {changes} (changed_at timestamp NOT NULL DEFAULT GETDATE(),"
        " changed_by varchar(128) NOT NULL, source varchar(31) NOT NULL,"
        " contract_digest varchar(16) NOT NULL, reason varchar(65535) NOT NULL,"
        " statement varchar(65535) NOT NULL)",
        changes=changes,
    )


def record_schema_change(changes: QualifiedName) -> Sql:
    """One statement that was carried out; four values are bound."""
    return compose(
        "INSERT INTO {changes} (changed_by, source, contract_digest, reason, statement)"
        " VALUES (current_user, %s, %s, %s, %s)",
        changes=changes,
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
            compose("{name} {kind}", name=name, kind=Sql(kind)) for name, kind in columns
        ),
        hour=Identifier("hour"),
    )


def add_column_to(ledger: QualifiedName, column: Identifier, definition: str) -> Sql:
    """A column that a ledger of an older release lacks."""
    return compose(
        "ALTER TABLE {ledger} ADD COLUMN {column} {definition}",
        ledger=ledger,
        column=column,
        definition=Sql(definition),
    )


def drop_view(view: QualifiedName) -> Sql:
    """Refused by Redshift while another view stands on it."""
    return compose("DROP VIEW IF EXISTS {view}", view=view)


def forget(companion: QualifiedName) -> Sql:
    """Empty a table that belongs to a target."""
    return compose("DELETE FROM {companion}", companion=companion)


def create_view_over(
    view: QualifiedName, tables: Iterable[QualifiedName], columns: Sequence[Identifier]
) -> Sql:
    """Tables of the same columns as one: all ledgers, say."""
    return compose(
        "CREATE OR REPLACE VIEW {view} AS {selects}",
        view=view,
        selects=joined(
            (
                compose("SELECT {columns} FROM {table}", columns=joined(columns), table=table)
                for table in tables
            ),
            " UNION ALL ",
        ),
    )


def columns_in(schema: Identifier, prefix: str) -> Sql:
    """Table and column of all tables with a prefix, those of other contracts too."""
    return compose(
        "SELECT c.relname, a.attname FROM pg_attribute AS a JOIN pg_class AS c"
        " ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = {schema} AND left(c.relname, {length}) = {prefix}"
        " AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum",
        schema=Literal(schema.name),
        length=Literal(len(prefix)),
        prefix=Literal(prefix),
    )


def tables_in(schema: Identifier, prefix: str) -> Sql:
    """The names of all tables with a prefix, those of other contracts too."""
    return compose(
        "SELECT tablename FROM pg_tables WHERE schemaname = {schema}"
        " AND left(tablename, {length}) = {prefix} ORDER BY tablename",
        schema=Literal(schema.name),
        length=Literal(len(prefix)),
        prefix=Literal(prefix),
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
