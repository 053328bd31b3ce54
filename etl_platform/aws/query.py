"""One statement of an operator, with the names of its columns."""

from dataclasses import dataclass
from typing import Any

from etl_platform.aws.warehouse import RedshiftWarehouse


@dataclass(frozen=True)
class Answer:
    """The rows of a statement; a statement without rows has no columns and a count."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    rows_changed: int


def ask(warehouse: RedshiftWarehouse, statement: str) -> Answer:
    """Carry out one statement in a transaction of its own."""
    cursor = warehouse._run(statement, (), "the statement")
    described = cursor.description
    if described:
        rows = [tuple(row) for row in cursor.fetchall()]
        answer = Answer(tuple(str(column[0]) for column in described), rows, 0)
    else:
        answer = Answer((), [], max(cursor.rowcount, 0))
    warehouse.commit()
    return answer
