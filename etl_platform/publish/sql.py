"""Every statement of a refresh, each a function that returns its text."""

from collections.abc import Sequence
from typing import Final

from etl_platform.contract.aggregate import placeholders
from etl_platform.contract.types import BATCH_COLUMN
from etl_platform.load.ledger import Outcome
from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql, compose, joined
from etl_platform.publish.changes import Stretch
from etl_platform.publish.tables import AggregateTable, InputTable

BATCH: Final = Identifier(BATCH_COLUMN)

# A name in a contract never begins with an underscore, so these hide no table and no column.
NEW: Final = Identifier("_etl_new_batches")
ROWS: Final = Identifier("_etl_rows")

_SEEN_COLUMNS: Final = Sql("source, batch_id, loaded_at")

NEW_BATCHES: Final = compose("SELECT source, count(*) FROM {new} GROUP BY source", new=NEW)


def state(refreshes: QualifiedName) -> Sql:
    """Number and digest of the latest refresh."""
    return compose(
        "SELECT number, digest FROM {refreshes}"
        " WHERE number = (SELECT max(number) FROM {refreshes})",
        refreshes=refreshes,
    )


def create_new(table: AggregateTable) -> Sql:
    """A temporary table of the batches that were applied and that the aggregate has not seen.

    A batch is told by when it was loaded as well: a table that was dropped takes it a second time.
    """
    return compose(
        "CREATE TEMP TABLE {new} AS SELECT l.source, l.batch_id, l.hour, l.loaded_at FROM {unseen}",
        new=NEW,
        unseen=_unseen(table),
    )


def count_new(table: AggregateTable) -> Sql:
    """How many batches that were applied the aggregate has not seen."""
    return compose("SELECT count(*) FROM {unseen}", unseen=_unseen(table))


def _unseen(table: AggregateTable) -> Sql:
    return compose(
        "({ledgers}) AS l LEFT JOIN {seen} AS s ON {same} WHERE s.batch_id IS NULL",
        ledgers=_ledgers(table.inputs),
        seen=table.seen,
        same=_SAME,
    )


def count_gone(table: AggregateTable) -> Sql:
    """How many batches the aggregate has seen that no ledger has any more."""
    return compose(
        "SELECT count(*) FROM {seen} AS s LEFT JOIN ({ledgers}) AS l ON {same}"
        " WHERE l.batch_id IS NULL",
        seen=table.seen,
        ledgers=_ledgers(table.inputs),
        same=_SAME,
    )


_SAME: Final = Sql("s.source = l.source AND s.batch_id = l.batch_id AND s.loaded_at = l.loaded_at")


def _ledgers(inputs: Sequence[InputTable]) -> Sql:
    return joined(
        (
            compose(
                "SELECT CAST({source} AS varchar(31)) AS source, batch_id, hour, loaded_at"
                " FROM {ledger} WHERE outcome = {loaded}",
                source=Literal(read.source),
                ledger=read.target.ledger,
                loaded=Literal(Outcome.LOADED),
            )
            for read in inputs
        ),
        " UNION ALL ",
    )


def changed_hours(inputs: Sequence[InputTable]) -> Sql:
    """The hours of the aggregate that the new batches touch."""
    return joined((_hours_of(read) for read in inputs if read.hour), " UNION ")


def _hours_of(read: InputTable) -> Sql:
    if read.is_by_batch_hour:
        return compose(
            "SELECT hour FROM {new} WHERE source = {source}", new=NEW, source=Literal(read.source)
        )
    return joined(
        (
            compose(
                "SELECT date_trunc('hour', t.{hour}) FROM {table} AS t"
                " JOIN {new} AS n ON n.batch_id = t.{batch} WHERE n.source = {source}",
                hour=read.hour or Sql(""),
                table=table,
                new=NEW,
                batch=BATCH,
                source=Literal(read.source),
            )
            for table in read.row_tables
        ),
        " UNION ",
    )


def create_rows(table: AggregateTable) -> Sql:
    """A temporary table for what the query gives."""
    return compose("CREATE TEMP TABLE {rows} ({columns})", rows=ROWS, columns=_definitions(table))


def create_table(table: AggregateTable) -> Sql:
    """The table that the contract describes."""
    contract = table.aggregate.contract
    sortkey = joined(Identifier(name) for name in contract.sortkey)
    distkey = Identifier(contract.distkey) if contract.distkey else None
    return compose(
        "CREATE TABLE {table} ({columns}){distribution}{order}",
        table=table.table,
        columns=_definitions(table),
        distribution=compose(" DISTSTYLE KEY DISTKEY ({column})", column=distkey)
        if distkey
        else Sql(""),
        order=compose(" COMPOUND SORTKEY ({columns})", columns=sortkey) if sortkey else Sql(""),
    )


def _definitions(table: AggregateTable) -> Sql:
    return joined(
        compose(
            "{name} {type}{null}",
            name=column.name,
            type=Sql(column.type.redshift),
            null=Sql(" NOT NULL" if column.required else ""),
        )
        for column in table.columns
    )


def insert_rows(table: AggregateTable, stretches: Sequence[Stretch] | None) -> Sql:
    """Ask the query, over the rows of some hours or of all."""
    return compose(
        # The line break ends a comment in which a query may end.
        "INSERT INTO {rows} ({columns}) SELECT {columns} FROM ({query}\n) AS _etl_query",
        rows=ROWS,
        columns=_names(table),
        query=_query(table, stretches),
    )


def _query(table: AggregateTable, stretches: Sequence[Stretch] | None) -> Sql:
    """The query of the aggregate with its tables in the places of its sources."""
    shown = {read.source: _shown(read, stretches) for read in table.inputs}
    text, pieces, end = table.aggregate.query.rstrip().rstrip(";"), [], 0
    for found in placeholders(text):
        pieces += [text[end : found.start()], shown[found[1]]]
        end = found.end()
    return Sql("".join([*pieces, text[end:]]))


def _shown(read: InputTable, stretches: Sequence[Stretch] | None) -> Sql:
    if stretches is None or read.hour is None:
        return read.target.table.sql
    return compose(
        "(SELECT * FROM {table} WHERE {within})",
        table=read.target.table,
        within=_within(read.hour, stretches),
    )


def astray(hour: Identifier, stretches: Sequence[Stretch] | None) -> Sql:
    """How many rows the query gave of hours that were not asked for, and the first such hour."""
    within = compose("date_trunc('hour', {hour}) = {hour}", hour=hour)
    if stretches is not None:
        within = compose("{full} AND ({within})", full=within, within=_within(hour, stretches))
    return compose(
        "SELECT count(*), min({hour}) FROM {rows} WHERE NOT ({within})",
        hour=hour,
        rows=ROWS,
        within=within,
    )


def delete_rows(table: AggregateTable, stretches: Sequence[Stretch] | None) -> Sql:
    """Delete the rows of some hours or all. TRUNCATE would commit the transaction."""
    delete = compose("DELETE FROM {table}", table=table.table)
    if stretches is None or table.hour is None:
        return delete
    return compose("{delete} WHERE {within}", delete=delete, within=_within(table.hour, stretches))


def move_rows(table: AggregateTable) -> Sql:
    """Add what the query gave."""
    return compose(
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM {rows}",
        table=table.table,
        columns=_names(table),
        rows=ROWS,
    )


def forget_seen(table: AggregateTable) -> Sql:
    """Forget which batches the rows are made of."""
    return compose("DELETE FROM {seen}", seen=table.seen)


def insert_all_seen(table: AggregateTable) -> Sql:
    """Remember every batch of the ledgers."""
    return compose(
        "INSERT INTO {seen} ({columns}) SELECT {columns} FROM ({ledgers}) AS l",
        seen=table.seen,
        columns=_SEEN_COLUMNS,
        ledgers=_ledgers(table.inputs),
    )


def insert_new_seen(table: AggregateTable) -> Sql:
    """Remember the new batches."""
    return compose(
        "INSERT INTO {seen} ({columns}) SELECT {columns} FROM {new}",
        seen=table.seen,
        columns=_SEEN_COLUMNS,
        new=NEW,
    )


def _within(column: Identifier, stretches: Sequence[Stretch]) -> Sql:
    # Ranges of the bare column: its sort key then finds the blocks.
    return joined(
        (
            compose(
                "({column} >= {first} AND {column} < {last} + INTERVAL '1 hour')",
                column=column,
                first=Literal(first),
                last=Literal(last),
            )
            for first, last in stretches
        ),
        " OR ",
    )


def _names(table: AggregateTable) -> Sql:
    return joined(column.name for column in table.columns)


def create_seen(seen: QualifiedName) -> Sql:
    """The list of batches that an aggregate is made of."""
    return compose(
        "CREATE TABLE IF NOT EXISTS {seen} (source varchar(31) NOT NULL,"
        " batch_id varchar(32) NOT NULL, loaded_at timestamp NOT NULL)",
        seen=seen,
    )


def create_refreshes(refreshes: QualifiedName, columns: Sequence[tuple[Identifier, str]]) -> Sql:
    """The history of an aggregate."""
    return compose(
        "CREATE TABLE IF NOT EXISTS {refreshes} ({columns})",
        refreshes=refreshes,
        columns=joined(
            compose("{name} {type}", name=name, type=Sql(kind)) for name, kind in columns
        ),
    )
