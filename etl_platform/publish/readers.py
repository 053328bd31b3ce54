"""Who may read which table: the roles that contracts name, and no others of this platform's making.

What was granted is kept in a table of its own, so that a role that a contract no longer names loses
the right again, while grants that people made by hand are left alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from etl_platform.contract.aggregate import AggregateContract
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql, compose, joined
from etl_platform.load.sql import insert_rows
from etl_platform.load.target import PLATFORM_SCHEMA

READERS: Final = QualifiedName.of(PLATFORM_SCHEMA, "readers")
_COLUMNS: Final = tuple(Identifier(name) for name in ("schema_name", "table_name", "role_name"))

CREATE_READERS: Final = compose(
    "CREATE TABLE IF NOT EXISTS {readers} (schema_name varchar(127) NOT NULL,"
    " table_name varchar(127) NOT NULL, role_name varchar(127) NOT NULL)",
    readers=READERS,
)
ROLES: Final = Sql("SELECT role_name FROM svv_roles")
TABLES: Final = Sql("SELECT schemaname, tablename FROM pg_tables")
SCHEMAS: Final = Sql("SELECT nspname FROM pg_namespace")


@dataclass(frozen=True, order=True)
class Reader:
    """A role that may read a table."""

    schema: str
    table: str
    role: str

    @property
    def statements(self) -> list[Sql]:
        """What lets the role read. Granting again changes nothing, and finds a table that was
        made again."""
        parts = self._parts
        return [
            compose("GRANT USAGE ON SCHEMA {schema} TO ROLE {role}", **parts),
            compose("GRANT SELECT ON TABLE {table} TO ROLE {role}", **parts),
        ]

    @property
    def revoke(self) -> Sql:
        return compose("REVOKE SELECT ON TABLE {table} FROM ROLE {role}", **self._parts)

    @property
    def revoke_schema(self) -> Sql:
        return compose("REVOKE USAGE ON SCHEMA {schema} FROM ROLE {role}", **self._parts)

    @property
    def _parts(self) -> dict[str, Identifier | QualifiedName]:
        return {
            "schema": Identifier(self.schema),
            "table": QualifiedName.of(self.schema, self.table),
            "role": Identifier(self.role),
        }


def readers_of(
    contracts: Iterable[SourceContract], aggregates: Iterable[AggregateContract]
) -> set[Reader]:
    """Every reader that contracts name."""
    return {
        *(Reader(c.load.schema_name, c.table, role) for c in contracts for role in c.readers),
        *(Reader(a.schema_name, a.table, role) for a in aggregates for role in a.readers),
    }


def apply_as_admin(warehouse: Warehouse, wanted: set[Reader]) -> None:
    """Let exactly these read, as far as the platform gave rights: roles are made if there are none
    of the name, and are left when nobody needs them. One transaction."""
    warehouse.execute(CREATE_READERS, name="the table of readers")
    listed = compose("SELECT {columns} FROM {readers}", columns=joined(_COLUMNS), readers=READERS)
    given = {Reader(*row) for row in warehouse.fetch(listed, name="the readers up to now")}
    roles = {str(role) for (role,) in warehouse.fetch(ROLES, name="the list of roles")}
    for role in sorted({reader.role for reader in wanted} - roles):
        warehouse.execute(
            compose("CREATE ROLE {role}", role=Identifier(role)), name=f"the role {role}"
        )
    for reader in sorted(wanted):
        for statement in reader.statements:
            warehouse.execute(statement, name=f"the grant to {reader.role}")
    _revoke(warehouse, given - wanted, wanted, roles)
    warehouse.execute(compose("DELETE FROM {readers}", readers=READERS), name="the list of readers")
    if wanted:
        rows = [[Literal(r.schema), Literal(r.table), Literal(r.role)] for r in sorted(wanted)]
        warehouse.execute(insert_rows(READERS, _COLUMNS, rows), name="the list of readers")
    warehouse.commit()


def _revoke(
    warehouse: Warehouse, leaving: set[Reader], wanted: set[Reader], roles: set[str]
) -> None:
    """Take back what was given. With a table that was dropped its grants are gone already."""
    tables = {(str(s), str(t)) for s, t in warehouse.fetch(TABLES, name="the list of tables")}
    schemas = {str(name) for (name,) in warehouse.fetch(SCHEMAS, name="the list of schemas")}
    kept = {(reader.schema, reader.role) for reader in wanted}
    for reader in sorted(leaving):
        if reader.role not in roles:
            continue
        name = f"the revoke from {reader.role}"
        if (reader.schema, reader.table) in tables:
            warehouse.execute(reader.revoke, name=name)
        if reader.schema in schemas and (reader.schema, reader.role) not in kept:
            warehouse.execute(reader.revoke_schema, name=name)
