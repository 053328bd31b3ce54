"""Derived columns: the SQL of a contract, over the values of other columns of the same record.

DuckDB's own parser takes an expression apart, and only what gives the same value for the same
values passes: no query, no table, no clock, no chance, no file, no setting.
"""

import functools
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from etl_platform.contract.columns import Column
from etl_platform.contract.source import SourceContract
from etl_platform.convert.casts import stored_as
from etl_platform.convert.session import connect
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, joined

_SHARE_OF_MEMORY: Final = 0.05

_CLASSES: Final = frozenset(
    {
        *("COLUMN_REF", "CONSTANT", "FUNCTION", "OPERATOR", "COMPARISON", "CONJUNCTION"),
        *("BETWEEN", "CASE", "CAST", "TYPE"),
    }
)
"""What an expression may be made of, in the words of DuckDB's parser."""

# DuckDB calls these constant, and they are not: the clock, and the release of DuckDB.
_NOT_CONSTANT: Final = ("age", "current_localtime", "current_localtimestamp", "version")


class Refused(ValueError):
    """What is wrong with an expression."""


@dataclass(frozen=True)
class _Parts:
    """The names that an expression uses."""

    columns: tuple[str, ...]
    functions: tuple[str, ...]


def used_columns(expression: str) -> tuple[str, ...]:
    """The names of the columns that an expression uses. Raises Refused if it is none."""
    return _parts(expression).columns


def check_derived(contract: SourceContract, column: Column) -> None:
    """Raise Refused if a column has an expression that cannot be evaluated on a record."""
    if column.expression is not None:
        scope = [(c.name, str(stored_as(c.type))) for c in contract.columns if not c.expression]
        _check(column.expression, tuple(scope))


def evaluated(expression: str, may_be: Sql) -> Sql:
    """The text of the value in a list, an empty list if it fails, null where it may not be."""
    return compose(
        "CASE WHEN {may_be} THEN coalesce(TRY([({value})::VARCHAR]), []::VARCHAR[]) END",
        may_be=may_be,
        value=_apart(expression),
    )


def _apart(expression: str) -> Sql:
    # On lines of its own, because a comment may end it.
    return Sql(f"\n{expression}\n")


# An hour may have thousands of files, and the expressions are the same for each.
@functools.cache
def _check(expression: str, scope: tuple[tuple[str, str], ...]) -> None:
    known = [name for name, _ in scope]
    parts = _parts(expression)
    for name in parts.columns:
        if name not in known:
            raise Refused(f"it uses {name}; expected columns that are read: {', '.join(known)}")
    with _database().cursor() as connection:
        for name in parts.functions:
            _check_function(connection, name, ())
        values = joined(
            compose("NULL::{kind} AS {name}", kind=Sql(kind), name=Identifier(name))
            for name, kind in scope
        )
        try:
            connection.execute(
                compose(
                    "SELECT TRY([({value})::VARCHAR]) FROM (SELECT {values}) LIMIT 0",
                    value=_apart(expression),
                    values=values,
                )
            )
        except duckdb.Error as error:
            raise Refused(str(error).splitlines()[0]) from None


def _check_function(
    connection: duckdb.DuckDBPyConnection, name: str, within: tuple[str, ...]
) -> None:
    overloads = connection.execute(
        "SELECT function_type, stability, macro_definition, parameters FROM duckdb_functions()"
        " WHERE function_name = ? AND function_type NOT LIKE 'table%'",
        [name.lower()],
    ).fetchall()
    refused = Refused(f"it calls {name}; expected functions of the values alone")
    if not overloads or name.lower() in _NOT_CONSTANT or name in within:
        raise refused
    for kind, stability, definition, parameters in overloads:
        if kind == "macro":
            parts = _parts(definition)
            if not set(parts.columns) <= set(parameters):
                raise refused
            for inner in parts.functions:
                _check_function(connection, inner, (*within, name))
        elif kind != "scalar" or stability != "CONSISTENT":
            raise refused


@functools.cache
def _parts(expression: str) -> _Parts:
    columns: dict[str, None] = {}
    functions: dict[str, None] = {}
    for node in _nodes(_select_list(expression)):
        kind = node["class"]
        if kind not in _CLASSES:
            raise Refused(f"it has a {kind.lower().replace('_', ' ')}; expected values of a record")
        if kind == "COLUMN_REF":
            columns[".".join(node["column_names"])] = None
        if kind == "FUNCTION":
            functions[node["function_name"]] = None
    return _Parts(tuple(columns), tuple(functions))


def _select_list(expression: str) -> Any:
    """What the parser makes of an expression, which has to be all that there is to select."""
    node = _parsed(expression)
    bare = _parsed("NULL")
    select, nothing = node.pop("select_list"), bare.pop("select_list")
    if node != bare or len(select) != len(nothing) or select[0]["alias"]:
        raise Refused("it is more than one expression; expected one value without a name")
    return select


def _parsed(expression: str) -> Any:
    with _database().cursor() as connection:
        query = compose("SELECT json_serialize_sql({s})", s=Literal(f"SELECT {expression}"))
        try:
            answer = json.loads(connection.execute(query).fetchall()[0][0])
        except duckdb.Error as error:
            raise Refused(str(error).splitlines()[0]) from None
    if answer["error"]:
        raise Refused(answer["error_message"].splitlines()[0])
    statements = answer["statements"]
    node = _without_places(statements[0]["node"])
    if len(statements) != 1 or "select_list" not in node:
        raise Refused("it is a query of its own; expected one expression")
    return node


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    """An empty one. To open it takes longer than to look at an expression."""
    return connect(Path(tempfile.gettempdir()), _SHARE_OF_MEMORY, 1)


def _without_places(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {k: _without_places(v) for k, v in tree.items() if not k.startswith("query_loc")}
    return [_without_places(part) for part in tree] if isinstance(tree, list) else tree


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every expression within a tree."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for part in tree.values():
            yield from _nodes(part)
    elif isinstance(tree, list):
        for part in tree:
            yield from _nodes(part)
