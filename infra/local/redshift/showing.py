"""SHOW SCHEMAS, SHOW TABLES and SHOW COLUMNS, which are queries of the catalog.

- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_SCHEMAS.html
- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_TABLES.html
- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_COLUMNS.html
"""

from infra.local.redshift.errors import RedshiftError, syntax_error
from infra.local.redshift.quoting import Sql, compose, identifier, literal
from infra.local.redshift.statements import Words

_PLACES = ("database_name", "schema_name", "table_name")
_SHOWN = {
    ("SCHEMAS", "DATABASE"): ("svv_all_schemas", 1, "schema_name", "schema_name"),
    ("TABLES", "SCHEMA"): ("svv_all_tables", 2, "table_name", "table_name"),
    ("COLUMNS", "TABLE"): ("svv_all_columns", 3, "column_name", "ordinal_position"),
}
_QUERY = (
    "SELECT * FROM pg_catalog.{view} WHERE {places} AND {name} LIKE {pattern}"
    " ORDER BY {order} LIMIT {limit}"
)
_MOST_ROWS = 10_000


def read_show(words: Words) -> Sql | None:
    """The query in the place of a SHOW of schemas, tables or columns; None for any other."""
    words.expect("SHOW")
    for (what, container), (view, depth, name, order) in _SHOWN.items():
        if words.take(what, "FROM", container):
            where = _where(words.dotted_name(), depth)
            pattern = words.string() if words.take("LIKE") else "%"
            limit = words.number() if words.take("LIMIT") else _MOST_ROWS
            if words.left:
                raise syntax_error(f'syntax error at or near "{words.current}"')
            return compose(
                _QUERY,
                view=identifier(view),
                places=where,
                name=identifier(name),
                pattern=literal(pattern),
                order=identifier(order),
                limit=literal(_checked(limit)),
            )
    return None


def _where(names: tuple[str, ...], depth: int) -> Sql:
    """The names from the right; the database may be left out where there is a schema."""
    least = 1 if depth == 1 else depth - 1
    if not least <= len(names) <= depth:
        raise syntax_error(f'syntax error at or near "{names[-1]}"')
    pairs = zip(_PLACES[depth - len(names) : depth], names, strict=True)
    return Sql(
        " AND ".join(
            compose("{column} = {value}", column=identifier(column), value=literal(value))
            for column, value in pairs
        )
    )


def _checked(limit: int) -> int:
    if limit > _MOST_ROWS:
        raise RedshiftError("22023", f"LIMIT must be between 0 and {_MOST_ROWS}")
    return limit
