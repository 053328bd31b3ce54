"""A column alias that a later value of the same SELECT uses again.

A column in FROM comes before an alias of its name, and which columns there are only the catalog
knows. So a statement that may do so is read twice: to find the tables in question, and with the
names of their columns. https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_list.html
"""

from collections.abc import Collection, Iterator, Sequence

from sqlglot import exp

from infra.local.redshift.backend import Backend
from infra.local.redshift.quoting import array, compose

_COLUMNS = (
    "SELECT DISTINCT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
    " AND attrelid IN (SELECT to_regclass(name) FROM unnest({relations}) AS name)"
)


def are_reused(tree: exp.Expr) -> bool:
    """Whether a value of a SELECT names what an earlier one is called."""
    return any(True for select in tree.find_all(exp.Select) for _ in _uses(select, ()))


async def columns_of(backend: Backend, relations: Sequence[str]) -> frozenset[str]:
    """The names of all columns of tables and views, whose own names are quoted."""
    if not relations or backend.status == "E":
        return frozenset()
    answer = await backend.query(compose(_COLUMNS, relations=array(relations)))
    return frozenset(name for (name,) in answer.rows if name is not None)


def expand_aliases(tree: exp.Expr, columns: Collection[str]) -> None:
    """Put what an alias stands for in the place of each use, in place."""
    taken = {*columns, *_derived(tree)}
    for select in tree.find_all(exp.Select):
        for column, meant in _uses(select, taken):
            value: exp.Expr = exp.Paren(this=meant.copy())
            if column.parent is select:
                value = exp.alias_(value, column.this.copy())
            column.replace(value)


def _uses(select: exp.Select, taken: Collection[str]) -> Iterator[tuple[exp.Column, exp.Expr]]:
    """Each use of an alias, and the value that it stands for, with those before it replaced."""
    meant: dict[str, exp.Expr] = {}
    for place in range(len(select.expressions)):
        for column in list(select.expressions[place].find_all(exp.Column)):
            is_own = not column.table and column.find_ancestor(exp.Select) is select
            if is_own and column.name in meant:
                yield column, meant[column.name]
        value = select.expressions[place]
        if isinstance(value, exp.Alias) and value.alias not in taken:
            meant[value.alias] = value.this


def _derived(tree: exp.Expr) -> Iterator[str]:
    """The columns of the queries in FROM and WITH."""
    for select in tree.find_all(exp.Select):
        if select.find_ancestor(exp.From, exp.Join, exp.CTE):
            yield from select.named_selects
