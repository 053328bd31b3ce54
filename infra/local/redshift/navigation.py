"""Paths into a SUPER, `t.j.a[0].b`, as calls that PostgreSQL has.

A name is taken for a table if the statement has such a table; otherwise it is a column, and what
follows is its path. What a path does not find is null, as in Redshift's lax mode:
https://docs.aws.amazon.com/redshift/latest/dg/query-super.html
"""

import json
from dataclasses import dataclass

from sqlglot import exp

from infra.local.redshift.errors import not_supported

_NUMBERS = frozenset(
    {
        exp.DType.BOOLEAN,
        exp.DType.SMALLINT,
        exp.DType.INT,
        exp.DType.BIGINT,
        exp.DType.FLOAT,
        exp.DType.DOUBLE,
        exp.DType.DECIMAL,
        exp.DType.JSONB,
    }
)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_EXTRACT = "jsonb_extract_path"


@dataclass(frozen=True)
class _Tables:
    names: frozenset[str]
    qualified: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, tree: exp.Expr) -> "_Tables":
        tables = list(tree.find_all(exp.Table))
        aliases = {alias.name for alias in tree.find_all(exp.TableAlias)}
        return cls(
            frozenset({table.name for table in tables} | aliases),
            frozenset((table.db, table.name) for table in tables if table.db),
        )

    def prefix(self, parts: list[str]) -> int:
        """How many leading parts name the table."""
        if len(parts) > 2 and (parts[0], parts[1]) in self.qualified:
            return 2
        return 1 if len(parts) > 1 and parts[0] in self.names else 0


def translate_navigation(tree: exp.Expr, elements: frozenset[str] = frozenset()) -> exp.Expr:
    """The statement with its paths as calls of jsonb_extract_path.

    `elements` are the columns that hold the elements of arrays.
    """
    tables = _Tables.of(tree)

    def translated(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Cast):
            return _cast(node, tables, elements)
        return _path(node, tables) or node

    tree = tree.transform(translated, copy=False)
    for comparison in tree.find_all(*_COMPARISONS):
        for one, other in (("this", "expression"), ("expression", "this")):
            if _is_super(comparison.args[one], elements):
                comparison.set(other, _as_super(comparison.args[other]))
    return tree


def _is_super(value: exp.Expr, elements: frozenset[str]) -> bool:
    if isinstance(value, exp.Column):
        return not value.table and value.name in elements
    return isinstance(value, exp.Anonymous) and value.name == _EXTRACT


def _as_super(value: exp.Expr) -> exp.Expr:
    """A number or a text as the JSON that it is compared with."""
    if not isinstance(value, exp.Literal):
        return value
    text = json.dumps(value.name) if value.is_string else value.name
    return exp.cast(exp.Literal.string(text), exp.DType.JSONB)


def _cast(cast: exp.Cast, tables: _Tables, elements: frozenset[str]) -> exp.Expr:
    call = _path(cast.this, tables)
    # As text a JSON string is without its quotes.
    as_text = cast.to.this not in _NUMBERS
    if call is not None:
        if as_text:
            call.set("this", "jsonb_extract_path_text")
        cast.set("this", call)
    elif as_text and _is_super(cast.this, elements):
        cast.set("this", exp.Anonymous(this="redshift_super_text", expressions=[cast.this]))
    return cast


def _path(node: exp.Expr, tables: _Tables) -> exp.Anonymous | None:
    steps: list[exp.Expr] = []
    while isinstance(node, exp.Dot | exp.Bracket):
        if isinstance(node, exp.Dot):
            if not isinstance(node.expression, exp.Identifier):
                return None
            steps.insert(0, exp.Literal.string(node.expression.name))
        else:
            steps.insert(0, _step(node))
        node = node.this
    if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
        return None
    identifiers = [part for part in node.parts if isinstance(part, exp.Identifier)]
    depth = tables.prefix([part.name for part in identifiers]) + 1
    steps = [exp.Literal.string(part.name) for part in identifiers[depth:]] + steps
    if not steps:
        return None
    column = exp.column(*(part.copy() for part in reversed(identifiers[:depth])))
    return exp.Anonymous(this=_EXTRACT, expressions=[column, *steps])


def _step(bracket: exp.Bracket) -> exp.Expr:
    if len(bracket.expressions) != 1 or isinstance(bracket.expressions[0], exp.Slice):
        raise not_supported("a range of a SUPER array is not supported")
    step: exp.Expr = bracket.expressions[0]
    if isinstance(step, exp.Literal):
        return exp.Literal.string(step.name)
    return exp.cast(step.copy(), "text")
