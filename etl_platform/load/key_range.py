"""The range of the keys of a change, so that a scan passes over the blocks that cannot have them.

Redshift keeps the least and the greatest value of each block and passes over a block in which a
condition with constants cannot hold. A join names no constants, so the range is said beside it:
https://docs.aws.amazon.com/redshift/latest/dg/c_designing-queries-best-practices.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from etl_platform.load.quoting import Identifier, Literal, Sql, compose


@dataclass(frozen=True)
class KeyRange:
    """The least and the greatest value of a key column in the rows of a change."""

    column: Identifier
    least: Literal
    greatest: Literal


def around(columns: Iterable[Identifier], batches: Sequence[Sequence[Any]]) -> tuple[KeyRange, ...]:
    """The ranges around all batches, each of which tells the least and the greatest value of the
    first column, of the second, and so on."""
    if not batches:
        return ()
    ends = iter(zip(*batches, strict=True))
    return tuple(
        KeyRange(column, _literal(min(leasts)), _literal(max(greatests)))
        for column, leasts, greatests in zip(columns, ends, ends, strict=True)
    )


def within(ranges: Sequence[KeyRange], alias: Sql) -> Sql:
    """The ranges as further conditions on the rows of an alias."""
    return Sql(
        "".join(
            compose(
                " AND {alias}.{column} BETWEEN {least} AND {greatest}",
                alias=alias,
                column=found.column,
                least=found.least,
                greatest=found.greatest,
            )
            for found in ranges
        )
    )


def _literal(value: int | date | datetime) -> Literal:
    """Timestamps in the warehouse are in UTC and do not say so."""
    return Literal(value.replace(tzinfo=UTC) if isinstance(value, datetime) else value)
