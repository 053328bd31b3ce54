"""The statements that read and end what a ledger says."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql, compose, joined

SETTLED: Final = Sql("outcome <> 'begun'")
"""What a look at a ledger has to ask for, if an emptied table is not to count as loaded."""


HOUR_COLUMNS: Final = tuple(
    Identifier(name)
    for name in (
        *("source", "target", "hour", "outcome", "manifests", "is_corrected", "missing_before"),
        *("manifest_at", "batch_id", "rows_applied", "loaded_at"),
    )
)
"""What the view of the hours says."""


def create_hours(hours: QualifiedName, ledgers: QualifiedName) -> Sql:
    """The view of the hours: of each the entry of its latest manifest, how many manifests the
    ledger has of it, and how many hours it lacks between this one and the one before."""
    return compose(
        "CREATE OR REPLACE VIEW {hours} AS SELECT source, target, hour, outcome, manifests,"
        " manifests > 1 AS is_corrected,"
        " datediff(hour, lag(hour) OVER (PARTITION BY target ORDER BY hour), hour) - 1"
        " AS missing_before, manifest_at, batch_id, rows_applied, loaded_at FROM ("
        "SELECT source, target, hour, outcome, manifest_at, batch_id, rows_applied, loaded_at,"
        " count(*) OVER (PARTITION BY target, hour) AS manifests,"
        " ROW_NUMBER() OVER (PARTITION BY target, hour ORDER BY manifest_at DESC, batch_id DESC)"
        " AS place FROM {ledgers}) AS entries WHERE place = 1",
        hours=hours,
        ledgers=ledgers,
    )


def of_batches(
    ledger: QualifiedName, columns: Sequence[Identifier], batch_ids: Iterable[str]
) -> Sql:
    """The ledger's rows for some batches."""
    return compose(
        "SELECT {columns} FROM {ledger} WHERE batch_id IN ({batch_ids}) AND {settled}",
        columns=joined(columns),
        settled=SETTLED,
        ledger=ledger,
        batch_ids=joined(Literal(batch_id) for batch_id in batch_ids),
    )


def between(
    ledger: QualifiedName, columns: Sequence[Identifier], first: datetime, last: datetime
) -> Sql:
    """The ledger's rows for a range of hours, both ends included."""
    return compose(
        "SELECT {columns} FROM {ledger} WHERE hour BETWEEN {first} AND {last} AND {settled}",
        columns=joined(columns),
        settled=SETTLED,
        ledger=ledger,
        first=Literal(first),
        last=Literal(last),
    )


def of_newest_hour(ledger: QualifiedName, columns: Sequence[Identifier]) -> Sql:
    """The ledger's rows for its newest hour."""
    return compose(
        "SELECT {columns} FROM {ledger} WHERE {settled}"
        " AND hour = (SELECT max(hour) FROM {ledger} WHERE {settled})",
        columns=joined(columns),
        settled=SETTLED,
        ledger=ledger,
    )


def begun(ledger: QualifiedName, columns: Sequence[Identifier]) -> Sql:
    """The ledger's rows of batches that the table was emptied for."""
    return compose(
        "SELECT {columns} FROM {ledger} WHERE NOT {settled}",
        columns=joined(columns),
        ledger=ledger,
        settled=SETTLED,
    )


def delete_begun(ledger: QualifiedName) -> Sql:
    """Take out the ledger's rows of batches that the table was emptied for."""
    return compose("DELETE FROM {ledger} WHERE NOT {settled}", ledger=ledger, settled=SETTLED)


def latest(ledger: QualifiedName, columns: Sequence[Identifier], count: int) -> Sql:
    """The rows that were written last, the latest first."""
    return compose(
        "SELECT {columns} FROM {ledger} ORDER BY loaded_at DESC, hour DESC LIMIT {count}",
        columns=joined(columns),
        ledger=ledger,
        count=Literal(count),
    )


def summary(view: QualifiedName, outdated: Literal) -> Sql:
    """One row for each source and table."""
    return compose(
        "SELECT source, target, count(DISTINCT hour), count(*),"
        " sum(CASE WHEN outcome = {outdated} THEN 1 ELSE 0 END), sum(rows_applied),"
        " max(hour), max(loaded_at) FROM {view} WHERE {settled}"
        " GROUP BY source, target ORDER BY source, target",
        outdated=outdated,
        view=view,
        settled=SETTLED,
    )
