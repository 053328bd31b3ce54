"""Arrays of a SUPER as rows: `FROM t, t.items AS i AT n` and `FROM t, UNNEST(t.items) AS i`.

https://docs.aws.amazon.com/redshift/latest/dg/query-super.html#unnest
https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-unnest-examples.html
"""

from dataclasses import dataclass

from sqlglot import exp

from infra.local.redshift.errors import RedshiftError, not_supported, syntax_error

_ELEMENTS = "redshift_elements"
_ATTRIBUTES = "redshift_attributes"


@dataclass(frozen=True)
class _Unnested:
    """The array, or with `is_object` the object, and the columns that its parts become."""

    value: exp.Expr
    part: exp.Identifier
    place: exp.Identifier | None
    is_object: bool = False


def translate_unnesting(tree: exp.Expr) -> frozenset[str]:
    """Put functions that return the elements into the place of the arrays, in place.

    Returns the names of the elements, which are columns where the statement may read as if they
    were tables.
    """
    number, elements = 0, set[str]()
    for select in list(tree.find_all(exp.Select)):
        tables, parts = _own_names(select), set[str]()
        for join in select.args.get("joins") or ():
            found = _unnested(join, tables, parts)
            if found is None:
                continue
            number += 1
            parts.add(found.part.name)
            elements.add(found.part.name)
            join.set("this", _rows(found, f"_unnested_{number}"))
    for name in tree.find_all(exp.Identifier):
        # `array` is a name in Redshift's manual, and a word of PostgreSQL's grammar.
        if name.name in elements:
            name.set("quoted", True)
    if any(call.name.lower() == "unnest" for call in tree.find_all(exp.Anonymous)):
        raise RedshiftError("42883", "function unnest does not exist")
    if tree.find(exp.Unnest, exp.AtIndex):
        raise not_supported("UNNEST and AT are served on the laptop behind a comma or JOIN only")
    return frozenset(elements)


def _own_names(select: exp.Select) -> set[str]:
    clause = select.args.get("from_")
    sources = [clause.this] if clause else []
    sources += [join.this for join in select.args.get("joins") or ()]
    return {source.alias_or_name for source in sources}


def _unnested(join: exp.Join, tables: set[str], parts: set[str]) -> _Unnested | None:
    source = join.this
    if isinstance(source, exp.Pivot) and isinstance(source.this, exp.AtIndex):
        return _at(source.this, is_object=True)
    if isinstance(source, exp.AtIndex):
        return _at(source, is_object=False)
    if isinstance(source, exp.Unnest):
        return _explicit(source)
    if not isinstance(source, exp.Table) or not source.args.get("alias"):
        return None
    steps = [part for part in source.parts if isinstance(part, exp.Identifier)]
    names = [step.name for step in steps]
    # A name alone is an array if an element before it has that name, and a table else.
    if (len(names) > 1 and names[0] in tables) or names[0] in parts:
        column = exp.column(*(step.copy() for step in reversed(steps)))
        return _Unnested(column, exp.to_identifier(source.alias), None)
    return None


def _at(source: exp.AtIndex, *, is_object: bool) -> _Unnested:
    named = source.this
    if not isinstance(named, exp.Alias):
        raise syntax_error('syntax error at or near "AT"')
    return _Unnested(named.this, named.args["alias"], source.expression, is_object)


def _explicit(source: exp.Unnest) -> _Unnested:
    alias, place = source.args.get("alias"), source.args.get("offset")
    names = [*alias.columns, alias.this] if alias else []
    named = next((name for name in names if name), None)
    if named is None or len(source.expressions) != 1:
        raise syntax_error("an array in FROM needs an alias")
    is_named = isinstance(place, exp.Identifier)
    return _Unnested(source.expressions[0], named, place if is_named else None)


def _rows(found: _Unnested, alias: str) -> exp.Lateral:
    function = _ATTRIBUTES if found.is_object else _ELEMENTS
    call = exp.Anonymous(this=function, expressions=[found.value.copy()])
    names = [found.part, *([found.place] if found.place is not None else [])]
    # The function has a column for the place too, which a * would show.
    columns = ("element", "place")[: len(names)]
    rows = exp.select(*columns).from_(exp.Table(this=call))
    return exp.Lateral(
        this=exp.Subquery(this=rows),
        alias=exp.TableAlias(
            this=exp.to_identifier(alias), columns=[name.copy() for name in names]
        ),
    )
