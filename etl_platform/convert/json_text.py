"""Whether a text is JSON to the letter, and such that a SUPER can hold it, as a function of DuckDB.

SQL cannot say so: DuckDB's own reader is wider, and passes over a name that occurs twice.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, Final

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from etl_platform.convert.readers.json_strict import Broken, Number, read_value
from etl_platform.convert.reasons import Reason

PROBLEM: Final = "json_problem"
"""The name of the function: the Reason of a text, or null."""

_MAY_BE_BEYOND: Final = re.compile(r"\\u0000|[0-9]{309}|[eE]\+?0*[0-9]{3}")


def add_function(connection: duckdb.DuckDBPyConnection) -> None:
    """Make PROBLEM known to a connection."""
    connection.create_function(
        PROBLEM,
        _problems,
        ["varchar"],
        "varchar",
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )


# DuckDB evaluates annotations, and the generic ones of pyarrow are none at run time.
def _problems(texts: Any) -> Any:
    return pa.array([None if t is None else problem(t) for t in texts.to_pylist()], pa.string())


def problem(text: str) -> Reason | None:
    """Why a text is no JSON that a SUPER can hold."""
    try:
        value = read_value(text)
    except Broken as broken:
        is_of_syntax = broken.reason is Reason.MALFORMED_RECORD
        return Reason.NOT_JSON if is_of_syntax else broken.reason
    if not _MAY_BE_BEYOND.search(text):
        return None
    return next(filter(None, map(_beyond, _leaves(value))), None)


def _beyond(leaf: Any) -> Reason | None:
    if isinstance(leaf, Number):
        # Redshift makes an integer, a decimal or a double of it.
        return Reason.OUT_OF_RANGE if math.isinf(float(leaf)) else None
    return Reason.NUL_CHARACTER if isinstance(leaf, str) and "\0" in leaf else None


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
        for member in value.values():
            yield from _leaves(member)
    elif isinstance(value, list):
        for member in value:
            yield from _leaves(member)
    else:
        yield value
