"""Queries of the catalog alone, which Redshift runs on its leader node.

There PostgreSQL's own functions and arrays work, which they do not with the tables of users:
https://docs.aws.amazon.com/redshift/latest/dg/c_sql-functions-leader-node-only.html
The catalog has columns of Redshift's own: https://docs.aws.amazon.com/redshift/latest/dg/c_intro_catalog_views.html
"""

from sqlglot import exp

_OWN_COLUMNS = frozenset(
    {"attencodingtype", "attisdistkey", "attsortkeyord", "adsrc", "reldiststyle"}
)
_WITH_OWN_COLUMNS = {
    "pg_attribute": "catalog_attribute",
    "pg_attrdef": "catalog_attrdef",
    "pg_class": "catalog_class",
}
_WITH_OTHER_ROWS = {
    "pg_constraint": "catalog_constraint",
    "pg_depend": "catalog_depend",
    "pg_namespace": "catalog_namespace",
}


def is_of_catalog(tree: exp.Expr) -> bool:
    """Whether a statement reads tables of the catalog and no others."""
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = [
        table
        for table in tree.find_all(exp.Table)
        if isinstance(table.this, exp.Identifier) and table.name not in own
    ]
    return bool(tables) and all(is_catalog(table) for table in tables)


def is_catalog(table: exp.Table) -> bool:
    """Whether a table is one that Redshift has itself."""
    if table.db:
        return table.db in ("pg_catalog", "information_schema")
    return table.name.startswith(("pg_", "svv_"))


def translate_catalog(tree: exp.Expr) -> None:
    """Read the catalog as Redshift has it, in place."""
    of_catalog = is_of_catalog(tree)
    exchanged = dict(_WITH_OTHER_ROWS)
    if any(column.name in _OWN_COLUMNS for column in tree.find_all(exp.Column)):
        exchanged |= _WITH_OWN_COLUMNS
    for table in list(tree.find_all(exp.Table)):
        if is_catalog(table) and table.name in exchanged:
            alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name))
            table.replace(
                exp.Table(
                    this=exp.to_identifier(exchanged[table.name]),
                    db=exp.to_identifier("redshift_local"),
                    alias=alias.copy(),
                )
            )
    for column in tree.find_all(exp.Column):
        if column.db == "pg_catalog" and column.table in exchanged:
            column.set("db", None)
    if of_catalog:
        for select in tree.find_all(exp.Select):
            _read_aliases(select)


def _read_aliases(select: exp.Select) -> None:
    """A name of the SELECT list may stand in WHERE, and a number for a truth."""
    where = select.args.get("where")
    if where is None:
        return
    named = {value.alias: value.this for value in select.expressions if value.alias}
    for column in list(where.find_all(exp.Column)):
        if not column.table and column.name in named:
            column.replace(named[column.name].copy())
    for literal in list(where.find_all(exp.Literal)):
        if isinstance(literal.parent, exp.Where | exp.And) and not literal.is_string:
            literal.replace(exp.Boolean(this=literal.name != "0"))
