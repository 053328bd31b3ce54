"""Redshift's functions that PostgreSQL has under another name or in another form.

The ones that need no rewriting (GETDATE, JSON_PARSE, PG_LAST_COPY_COUNT ..) are in catalog.sql.
"""

from sqlglot import exp

from infra.local.redshift.errors import RedshiftError

_PARTS: dict[str, tuple[str, ...]] = {
    "year": ("y", "yr", "yrs", "years"),
    "quarter": ("q", "qtr", "qtrs", "quarters"),
    "month": ("mon", "mons", "months"),
    "week": ("w", "weeks"),
    "day": ("d", "days", "dayofyear", "doy", "dy"),
    "hour": ("h", "hr", "hrs", "hours"),
    "minute": ("m", "min", "mins", "minutes"),
    "second": ("s", "sec", "secs", "seconds"),
    "millisecond": ("ms", "msec", "msecs", "milliseconds", "msecond", "mseconds"),
    "microsecond": ("us", "usec", "usecs", "microseconds", "microsec", "microsecs"),
}
_EXTRACTED_ONLY = {
    "dow": "dow",
    "dayofweek": "dow",
    "dw": "dow",
    "weekday": "dow",
    "doy": "doy",
    "dayofyear": "doy",
    "dy": "doy",
    "epoch": "epoch",
    "century": "century",
    "c": "century",
    "decade": "decade",
    "millennium": "millennium",
}
_PART_NAMES = {name: part for part, names in _PARTS.items() for name in (part, *names)}
_RENAMED = {
    "isnull": "coalesce",
    "date_add": "dateadd",
    "date_diff": "datediff",
    "format_type": "redshift_format_type",
    "array": "jsonb_build_array",
    "object": "jsonb_build_object",
    "pg_get_constraintdef": "redshift_constraint_text",
    "pg_get_viewdef": "redshift_view_text",
    # A word of PostgreSQL's own grammar, which makes of the value what is no text.
    "json_serialize": "redshift_json_serialize",
}


_CLOCKS = frozenset({"getdate", "sysdate"})


def translate_functions(tree: exp.Expr) -> exp.Expr:
    """The statement with its functions in PostgreSQL's form, the arguments before their calls."""
    for select in tree.find_all(exp.Select):
        select.set("expressions", [_named(value) for value in select.expressions])
    for node in reversed(list(tree.dfs())):
        translated = _translated(node)
        if translated is not node:
            node.replace(translated)
    return tree


def _named(value: exp.Expr) -> exp.Expr:
    """A column keeps the name of its function, whatever that is called in PostgreSQL."""
    call = value.expression if isinstance(value, exp.Dot) else value
    if isinstance(call, exp.Window):
        call = call.this
    if isinstance(call, exp.Anonymous) and call.name.lower() in {*_RENAMED, "avg"}:
        return exp.alias_(value, call.name.lower(), copy=False)
    return value


def _translated(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Insert) and isinstance(node.parent, exp.When):
        return _merge_insert(node)
    if isinstance(node, exp.Window):
        return _window(node)
    if isinstance(node, exp.TryCast):
        return _try_cast(node)
    if isinstance(node, exp.Filter) and node.this.name.lower() == "avg":
        return _average(node, node.this)
    if isinstance(node, exp.WithinGroup) and not isinstance(node.parent, exp.Window):
        call = node.this
        if isinstance(call, exp.Anonymous) and call.name.lower() == "listagg":
            return _listagg(call, node.expression)
        return node
    if not isinstance(node, exp.Anonymous):
        return node
    name = node.name.lower()
    if name in _CLOCKS and node.find_ancestor(exp.Select):
        # As a query of its own it is asked once, where PostgreSQL would ask it for every row.
        return exp.Subquery(this=exp.Select(expressions=[node.copy()]))
    if name == "avg" and not isinstance(node.parent, exp.Window | exp.Filter):
        return _average(node, node)
    if name == "listagg" and not isinstance(node.parent, exp.WithinGroup | exp.Window):
        return _listagg(node, None)
    if name in _RENAMED:
        node.set("this", _RENAMED[name])
        name = _RENAMED[name]
    if name == "date_part" and len(node.expressions) == 2:
        return _date_part(node)
    if name in ("dateadd", "datediff"):
        return _date_function(node, name)
    if name == "concat" and len(node.expressions) == 2:
        return exp.Paren(this=exp.DPipe(this=node.expressions[0], expression=node.expressions[1]))
    if name == "regexp_replace" and len(node.expressions) in (2, 3):
        # Redshift replaces every match and PostgreSQL the first.
        replacement = node.expressions[2:] or [exp.Literal.string("")]
        arguments = [*node.expressions[:2], *replacement, exp.Literal.string("g")]
        return exp.Anonymous(this=name, expressions=arguments)
    return node


def _merge_insert(insert: exp.Insert) -> exp.Expr:
    """The INSERT VALUES (..) of a MERGE, read as a call of a function when no columns are named."""
    row = insert.this.expressions if isinstance(insert.this, exp.Tuple) else []
    if insert.expression or len(row) != 1 or row[0].name.lower() != "values":
        return insert
    values = ", ".join(value.sql("postgres") for value in row[0].expressions)
    return exp.Var(this=f"INSERT VALUES ({values})")


def _date_function(node: exp.Anonymous, name: str) -> exp.Expr:
    arguments = node.expressions
    if len(arguments) != 3:
        raise RedshiftError("42883", f"function {name} takes a date part and two arguments")
    part = _PART_NAMES.get(arguments[0].name.lower())
    if part is None:
        raise RedshiftError("22023", f"date part {arguments[0].name!r} is not supported")
    second = arguments[1] if name == "dateadd" else _as_timestamp(arguments[1])
    values = [exp.Literal.string(part), second, _as_timestamp(arguments[2])]
    return exp.Anonymous(this=name, expressions=values)


def _date_part(node: exp.Anonymous) -> exp.Expr:
    name = node.expressions[0].name.lower()
    part = _EXTRACTED_ONLY.get(name) or _PART_NAMES.get(name)
    if part is None:
        raise RedshiftError("22023", f"date part {name!r} is not supported")
    values = [exp.Literal.string(part), node.expressions[1]]
    return exp.Anonymous(this="date_part", expressions=values)


def _window(window: exp.Window) -> exp.Expr:
    """Two functions over a window that PostgreSQL has in parts only."""
    call = window.this
    if isinstance(call, exp.Anonymous) and call.name.lower() == "ratio_to_report":
        value = call.expressions[0]
        window.set("this", exp.Anonymous(this="sum", expressions=[value.copy()]))
        total = exp.Anonymous(this="nullif", expressions=[window.copy(), exp.Literal.number(0)])
        share = exp.Div(this=exp.cast(value, "double precision"), expression=total)
        return exp.Paren(this=share)
    if isinstance(call, exp.Anonymous) and call.name.lower() == "avg":
        return _average(window, call)
    within = isinstance(call, exp.WithinGroup)
    listed = call.this if within else call
    if not isinstance(listed, exp.Anonymous) or listed.name.lower() != "listagg":
        return window
    window.set("this", _listagg(listed, None))
    if within:
        # The order of the window is that of its texts; the frame makes it the whole partition.
        window.set("order", exp.Order(expressions=call.expression.expressions))
        whole = {"kind": "ROWS", "start": "UNBOUNDED", "start_side": "PRECEDING"}
        window.set("spec", exp.WindowSpec(**whole, end="UNBOUNDED", end_side="FOLLOWING"))
    return window


def _average(mean: exp.Expr, call: exp.Expr) -> exp.Expr:
    """The mean, with a value beside it that tells the type of them all."""
    sample = mean.copy()
    found = sample if mean is call else sample.this
    found.set("this", "min")
    return exp.Anonymous(this="redshift_average", expressions=[mean.copy(), sample])


def _try_cast(cast: exp.TryCast) -> exp.Expr:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_TRY_CAST.html"""
    sample = exp.cast(exp.Null(), cast.to.copy())
    value = exp.cast(cast.this.copy(), "text")
    return exp.cast(
        exp.Anonymous(this="redshift_try_cast", expressions=[value, sample]), cast.to.copy()
    )


def _as_timestamp(value: exp.Expr) -> exp.Expr:
    return exp.cast(value, "timestamp")


def _listagg(call: exp.Anonymous, order: exp.Expr | None) -> exp.Expr:
    values = call.expressions
    separator = values[1] if len(values) > 1 else exp.Literal.string("")
    value, name = values[0], "string_agg"
    if isinstance(value, exp.Distinct):
        # PostgreSQL has no DISTINCT over a window, and elsewhere only in the order of the texts.
        name = "redshift_listagg_distinct"
        separator = value.expressions[1] if len(value.expressions) > 1 else separator
        value = value.expressions[0]
    if order is not None:
        separator = exp.Order(this=separator, expressions=order.expressions)
    return exp.Anonymous(this=name, expressions=[exp.cast(value, "text"), separator])
