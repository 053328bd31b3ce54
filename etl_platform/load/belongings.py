"""What people put on a table that a new one in its place would lack, as far as its owner can see.

An ordinary user sees row-level security of its tables. Masking policies are shown to superusers and
to `sys:secadmin` only, and a grant to others, on a table or a column, need not be shown either.
"""

import re
from collections import defaultdict
from typing import Final

from etl_platform.contract.errors import ReplacementRefused
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load.quoting import Literal, QualifiedName, Sql, compose

_DATASHARE: Final = "ds:"
"""Begins the name of the role that a datashare reads a table as."""
_GRANTEE: Final = re.compile(r'(?:group )?(?:"(?:[^"]|"")*"|[^=]*)')
"""In `group readers=r/owner`; PUBLIC has no name."""


def refuse_losses(warehouse: Warehouse, table: QualifiedName) -> None:
    """Raise ReplacementRefused where a table has what cannot be given to another."""
    identities = {
        (str(kind), str(name))
        for kind, name in warehouse.fetch(_identities(table), name=f"the grantees of {table}")
    }
    readers = {(kind, name) for kind, name in identities if name.startswith(_DATASHARE)}
    shares = {name.removeprefix(_DATASHARE) for _, name in readers}
    shares |= _names(warehouse, _shares(table), f"the datashares of {table}")
    policies = _names(warehouse, _masking(table), f"the masking policies of {table}")
    losses = []
    if warehouse.fetch(_row_security(table), name=f"the row-level security of {table}"):
        losses.append("its row-level security")
    losses += [f"its masking policy {name}" for name in sorted(policies)]
    losses += [f"its place in the datashare {name}" for name in sorted(shares)]
    if hidden := _hidden_of_table(warehouse, table, identities - readers):
        losses.append(f"the grants to {hidden} others, who are not shown to this user")
    losses += [
        f"the grants on its column {column} to {hidden} others, who are not shown to this user"
        for column, hidden in _hidden_of_columns(warehouse, table)
    ]
    if losses:
        raise ReplacementRefused(str(table), losses)


def _hidden_of_table(
    warehouse: Warehouse, table: QualifiedName, shown: set[tuple[str, str]]
) -> int:
    rows = warehouse.fetch(_access_list(table), name=f"the access list of {table}")
    return _hidden(str(rows[0][0]), str(rows[0][1] or ""), shown) if rows else 0


def _hidden_of_columns(warehouse: Warehouse, table: QualifiedName) -> list[tuple[str, int]]:
    """Columns with grants that SVV_COLUMN_PRIVILEGES does not show, and to how many."""
    shown = defaultdict(set)
    what = f"the grantees of columns of {table}"
    for column, kind, name in warehouse.fetch(_column_identities(table), name=what):
        shown[str(column)].add((str(kind), str(name)))
    lists = warehouse.fetch(
        _column_access_lists(table), name=f"the access lists of columns of {table}"
    )
    counts = [(str(c), _hidden(str(owner), str(items), shown[c])) for c, owner, items in lists]
    return [(column, hidden) for column, hidden in sorted(counts) if hidden]


def _hidden(owner: str, items: str, shown: set[tuple[str, str]]) -> int:
    """How many hold grants that the views of privileges do not show. They show a user some
    identities only; the access list of the catalog has them all."""
    entries = [_GRANTEE.match(item) for item in items.split("\n") if item]
    grantees = {found[0] for found in entries if found}
    others = [name for name in grantees if name.strip('"').replace('""', '"') != owner]
    return max(0, len(others) - len(shown - {("user", owner)}))


def _names(warehouse: Warehouse, query: Sql, what: str) -> set[str]:
    return {str(name) for (name,) in warehouse.fetch(query, name=what)}


def _identities(table: QualifiedName) -> Sql:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_RELATION_PRIVILEGES.html"""
    return compose(
        "SELECT DISTINCT identity_type, identity_name FROM svv_relation_privileges"
        " WHERE namespace_name = {schema} AND relation_name = {table}",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )


def _access_list(table: QualifiedName) -> Sql:
    """Owner and grants, one a line, as no name has a line break."""
    return compose(
        "SELECT pg_get_userbyid(c.relowner), array_to_string(c.relacl, chr(10)) FROM pg_class AS c"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = {schema} AND c.relname = {table}",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )


def _column_identities(table: QualifiedName) -> Sql:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMN_PRIVILEGES.html"""
    return compose(
        "SELECT DISTINCT column_name, identity_type, identity_name FROM svv_column_privileges"
        " WHERE namespace_name = {schema} AND relation_name = {table}",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )


def _column_access_lists(table: QualifiedName) -> Sql:
    """Of the columns with grants: the name, the owner of the table, and grants, one a line.

    https://docs.aws.amazon.com/redshift/latest/dg/r_PG_ATTRIBUTE_INFO.html
    """
    return compose(
        "SELECT a.attname, pg_get_userbyid(c.relowner), array_to_string(a.attacl, chr(10))"
        " FROM pg_attribute_info AS a JOIN pg_class AS c ON c.oid = a.attrelid"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = {schema}"
        " AND c.relname = {table} AND a.attnum > 0 AND array_upper(a.attacl, 1) > 0",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )


def _row_security(table: QualifiedName) -> Sql:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_RLS_RELATION.html"""
    return compose(
        "SELECT relname FROM svv_rls_relation WHERE relschema = {schema} AND relname = {table}"
        " AND (is_rls_on OR is_rls_datashare_on)",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )


def _masking(table: QualifiedName) -> Sql:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ATTACHED_MASKING_POLICY.html"""
    return compose(
        "SELECT DISTINCT policy_name FROM svv_attached_masking_policy"
        " WHERE schema_name = {schema} AND table_name = {table}",
        schema=Literal(table.schema.name),
        table=Literal(table.table.name),
    )


def _shares(table: QualifiedName) -> Sql:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_DATASHARE_OBJECTS.html"""
    return compose(
        "SELECT DISTINCT share_name FROM svv_datashare_objects"
        " WHERE share_type = 'OUTBOUND' AND object_name = {table}",
        table=Literal(str(table)),
    )
