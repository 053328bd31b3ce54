"""GROUP BY ALL: every selected value without an aggregate in it is grouped by.

https://docs.aws.amazon.com/redshift/latest/dg/r_GROUP_BY_clause.html
"""

from sqlglot import exp

_AGGREGATES = frozenset(
    {
        "any_value",
        "avg",
        "bit_and",
        "bit_or",
        "bool_and",
        "bool_or",
        "count",
        "listagg",
        "max",
        "median",
        "min",
        "percentile_cont",
        "percentile_disc",
        "stddev",
        "stddev_pop",
        "stddev_samp",
        "sum",
        "var_pop",
        "var_samp",
        "variance",
    }
)


def translate_group_by_all(tree: exp.Expr) -> None:
    """Name the groups by their places in the SELECT, in place."""
    for group in tree.find_all(exp.Group):
        select = group.parent
        if group.args.get("all") and isinstance(select, exp.Select):
            places = [
                exp.Literal.number(place)
                for place, value in enumerate(select.expressions, start=1)
                if not _aggregates(value)
            ]
            select.set("group", exp.Group(expressions=places) if places else None)


def _aggregates(value: exp.Expr) -> bool:
    return any(
        call.name.lower() in _AGGREGATES
        and not isinstance(call.parent, exp.Window)
        and call.find_ancestor(exp.Subquery, exp.Select) is value.find_ancestor(exp.Select)
        for call in value.find_all(exp.Anonymous)
    )
