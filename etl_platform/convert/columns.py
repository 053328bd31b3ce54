"""From the text of a column to its value, as the column declares it."""

from collections.abc import Sequence
from typing import Final

from etl_platform.contract.columns import Column
from etl_platform.convert.casts import Cast, cast
from etl_platform.convert.moments import cast_moment
from etl_platform.convert.sql import Literal, Sql, compose, joined

_LONGEST_CHARACTER_BYTES: Final = 4


def cast_column(column: Column, text: Sql, known: Sql) -> Cast:
    """The typed value of a text that is not null, and why it has none; `known` is the value's name
    where the reason is looked for."""
    if column.formats or column.zone is not None:
        return cast_moment(column, text)
    if column.too_long == "truncate":
        return Cast(_truncated(column, text), cast(column.type, known).reason)
    return cast(column.type, text, known)


def truncating(columns: Sequence[Column]) -> tuple[tuple[int, Column], ...]:
    """The columns that cut what is too long, with their numbers."""
    return tuple((n, column) for n, column in enumerate(columns) if column.too_long == "truncate")


def is_too_long(column: Column, text: Sql) -> Sql:
    """Whether a text has more bytes than its column."""
    return compose("strlen({text}) > {most}", text=text, most=Literal(column.type.arguments[0]))


def _truncated(column: Column, text: Sql) -> Sql:
    """As many whole characters as fit: of the cuts around the limit, only one splits none."""
    most = column.type.arguments[0]
    cuts = joined(
        compose("TRY(decode(encode({text})[1:{bytes}]))", text=text, bytes=Literal(size_bytes))
        for size_bytes in range(most, max(most - _LONGEST_CHARACTER_BYTES, -1), -1)
    )
    return compose(
        "CASE WHEN {too_long} THEN coalesce({cuts}) ELSE {text} END",
        too_long=is_too_long(column, text),
        cuts=cuts,
        text=text,
    )
