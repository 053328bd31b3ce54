"""Views WITH NO SCHEMA BINDING, and the statements that change what such views may stand on.

What they mean is carried out by late_views.sql.
https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
"""

import json
from collections.abc import Callable, Sequence

from sqlglot import exp

from infra.local.redshift.errors import not_supported
from infra.local.redshift.quoting import array, compose, identifier, literal
from infra.local.redshift.statements import CreateLateView, Words

_CREATE = (
    "SELECT redshift_local.create_late_view({name}, {replaces}, {columns}, {definition}, {written},"
    " {schemas}, {tables})"
)
_ON_ONE_RELATION = (
    ("ALTER", "TABLE"),
    ("ALTER", "VIEW"),
    ("CREATE", "VIEW"),
    ("CREATE", "OR", "REPLACE", "VIEW"),
)
_CATALOG = frozenset({"pg_catalog", "information_schema", "redshift_local"})


def create(tree: exp.Create, written: str, write: Callable[[exp.Expr], str]) -> CreateLateView:
    """The statement, whose query `write` puts into PostgreSQL's words."""
    target, query = tree.this, tree.expression
    given = [column.name for column in target.expressions]
    view = target.this if isinstance(target, exp.Schema) else target
    # Taken before `write`, which changes the tree: the names of the columns, not always all.
    named = given or [name for name in query.named_selects if name not in ("", "*")]
    _require_schemas(query)
    columns = f" ({', '.join(identifier(name) for name in given)})" if given else ""
    definition = f"{columns} AS {write(query)}"
    tables = [table for table in query.find_all(exp.Table) if table.db and table.db not in _CATALOG]
    return CreateLateView(
        compose(
            _CREATE,
            name=array([part.name for part in view.parts]),
            replaces=literal("true" if tree.args.get("replace") else "false"),
            columns=array(named),
            definition=literal(definition),
            written=literal(written.strip().rstrip(";")),
            schemas=array([table.db for table in tables]),
            tables=array([table.name for table in tables]),
        )
    )


def _require_schemas(query: exp.Expr) -> None:
    own = {cte.alias for cte in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier) and not table.db and table.name not in own:
            raise not_supported(
                "All the relation names inside should be qualified when creating VIEW WITH NO"
                " SCHEMA BINDING."
            )


def touches(words: Words) -> str:
    """A comment that names what a statement drops, alters or replaces, or nothing."""
    relations: list[tuple[str, ...]] = []
    schemas: list[tuple[str, ...]] = []
    if words.take("DROP", "TABLE") or words.take("DROP", "VIEW"):
        relations = _dropped(words)
    elif words.take("DROP", "SCHEMA"):
        schemas = _dropped(words)
    elif words.take("ALTER", "SCHEMA"):
        schemas = [words.dotted_name()]
    elif any(words.take(*verb) for verb in _ON_ONE_RELATION):
        relations = [words.dotted_name()]
    else:
        return ""
    named = {"relations": _quoted(relations), "schemas": _quoted(schemas)}
    # A name must not be able to end the comment: JSON reads \/ as /.
    return "/*touches:" + json.dumps(named).replace("/", "\\/") + "*/ "


def _dropped(words: Words) -> list[tuple[str, ...]]:
    words.take("IF", "EXISTS")
    names = [words.dotted_name()]
    while words.take(","):
        names.append(words.dotted_name())
    return names


def _quoted(names: Sequence[tuple[str, ...]]) -> list[str]:
    return [identifier(*name) for name in names]
