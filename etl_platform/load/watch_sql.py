"""The queries of the checks, which look at tables and ledgers and change nothing."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from etl_platform.contract.types import CURRENT_COLUMN
from etl_platform.load.ledger_sql import SETTLED
from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql, compose, joined
from etl_platform.load.sql import HOUR, same_key
from etl_platform.load.target import Target


def ledger_of_stretches(
    view: QualifiedName,
    columns: Sequence[Identifier],
    stretches: Iterable[tuple[datetime, datetime]],
) -> Sql:
    """The rows of every source for some stretches of hours, and for the newest hour of each."""
    return compose(
        "SELECT {columns} FROM {view} WHERE {settled} AND ({stretches} OR (source, hour) IN"
        " (SELECT source, max(hour) FROM {view} WHERE {settled} GROUP BY source))",
        columns=joined(columns),
        view=view,
        settled=SETTLED,
        stretches=joined(
            (
                compose("hour BETWEEN {first} AND {last}", first=Literal(a), last=Literal(b))
                for a, b in stretches
            ),
            " OR ",
        ),
    )


def doubled_keys(target: Target) -> Sql:
    """How many rows and how many keys a table has; of a history, those that are current.

    Reads the columns of the key and nothing else.
    """
    return compose(
        "SELECT coalesce(sum(rows_of_key), 0), count(*) FROM ("
        "SELECT count(*) AS rows_of_key FROM {table} WHERE {standing} GROUP BY {key}) AS keys",
        table=target.table,
        standing=_standing(target),
        key=joined(target.key),
    )


def hours_of_doubled_keys(target: Target, most: int) -> Sql:
    """The hours whose rows share a key with another row, with how many they are."""
    return compose(
        "SELECT t.{hour}, count(*) FROM {table} AS t JOIN ("
        "SELECT {key} FROM {table} WHERE {standing} GROUP BY {key} HAVING count(*) > 1) AS k"
        " ON {same_key} WHERE {standing} GROUP BY t.{hour} ORDER BY t.{hour} LIMIT {most}",
        hour=HOUR,
        table=target.table,
        key=joined(target.key),
        standing=_standing(target),
        same_key=same_key(target, Sql("t"), Sql("k")),
        most=Literal(most),
    )


def _standing(target: Target) -> Sql:
    return Identifier(CURRENT_COLUMN).sql if target.is_history else Sql("TRUE")
