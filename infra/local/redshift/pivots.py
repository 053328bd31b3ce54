"""PIVOT and UNPIVOT in FROM, as the aggregates and unions that PostgreSQL has for them.

https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-pivot-unpivot-examples.html

The columns of the input have to be known: it is a subquery, or a WITH, that names them.
"""

from sqlglot import exp

from infra.local.redshift.errors import not_supported, syntax_error

_INPUT = "_pivoted"


def translate_pivots(tree: exp.Expr) -> None:
    """Put a subquery into the place of each input with its PIVOT or UNPIVOT, in place."""
    for pivot in list(tree.find_all(exp.Pivot)):
        source = pivot.parent
        if not isinstance(source, exp.Subquery | exp.Table):
            continue
        if len(source.args["pivots"]) != 1 or len(pivot.args["fields"]) != 1:
            raise not_supported("only one PIVOT or UNPIVOT of an input is supported")
        if isinstance(source.find_ancestor(exp.From, exp.Join), exp.Join):
            raise not_supported("PIVOT and UNPIVOT of a joined input are not supported")
        columns = _columns(source, tree)
        make = _unpivoted if pivot.args.get("unpivot") else _pivoted
        alias = pivot.args.get("alias") or source.args.get("alias")
        inner = source.copy()
        inner.set("pivots", None)
        inner.set("alias", exp.TableAlias(this=exp.to_identifier(_INPUT)))
        name = alias.copy() if alias else exp.TableAlias(this=exp.to_identifier("pivoted"))
        source.replace(exp.Subquery(this=make(pivot, columns).from_(inner), alias=name))


def _columns(source: exp.Expr, tree: exp.Expr) -> list[str]:
    query: exp.Expr | None = source.this
    if isinstance(source, exp.Table):
        ctes = {cte.alias: cte.this for cte in tree.find_all(exp.CTE)}
        query = ctes.get(source.name) if not source.db else None
    names = query.named_selects if isinstance(query, exp.Query) else ["*"]
    if "*" in names or "" in names:
        raise not_supported("PIVOT on the laptop needs an input that names its columns")
    return list(names)


def _pivoted(pivot: exp.Pivot, columns: list[str]) -> exp.Select:
    (field,) = pivot.args["fields"]
    aggregates = [a if isinstance(a, exp.Alias) else exp.alias_(a, "") for a in pivot.expressions]
    if len(aggregates) > 1 and not all(a.alias for a in aggregates):
        raise syntax_error("PIVOT with more than one aggregate needs an alias for each")
    used = {column.name for column in pivot.find_all(exp.Column)}
    kept = [name for name in columns if name not in used]
    values = [
        exp.alias_(_where(aggregate.this, field.this, value), name, quoted=True)
        for value, title in map(_titled, field.expressions)
        for aggregate in aggregates
        for name in ["_".join(filter(None, (title.lower(), aggregate.alias)))]
    ]
    groups = [exp.column(name) for name in kept]
    select = exp.select(*(group.copy() for group in groups), *values)
    return select.group_by(*groups) if groups else select


def _titled(value: exp.Expr) -> tuple[exp.Expr, str]:
    if isinstance(value, exp.PivotAlias):
        return value.this, value.args["alias"].name
    return value, value.name or value.sql()


def _where(aggregate: exp.Expr, column: exp.Expr, value: exp.Expr) -> exp.Filter:
    same = exp.Is if isinstance(value, exp.Null) else exp.EQ
    condition = same(this=column.copy(), expression=value.copy())
    return exp.Filter(this=aggregate.copy(), expression=exp.Where(this=condition))


def _unpivoted(pivot: exp.Pivot, columns: list[str]) -> exp.Select:
    (field,) = pivot.args["fields"]
    titled = [_titled(value) for value in field.expressions]
    used = {column.name for column, _ in titled}
    kept = [exp.column(name) for name in columns if name not in used]
    rows = [
        exp.Tuple(expressions=[exp.cast(exp.Literal.string(title), "text"), column.copy()])
        for column, title in titled
    ]
    name, value = field.this, pivot.expressions[0]
    made = exp.TableAlias(this=exp.to_identifier("_unpivoted"), columns=[name.copy(), value.copy()])
    select = exp.select(*kept, exp.column(name.copy()), exp.column(value.copy()))
    rows_of = exp.Lateral(this=exp.Subquery(this=exp.Values(expressions=rows)), alias=made)
    select = select.join(rows_of, join_type="cross")
    if not pivot.args.get("include_nulls"):
        select = select.where(exp.column(value.copy()).is_(exp.null()).not_())
    return select
