"""Every statement of a load, each a function that returns its text. `ddl.py` has bootstrap's."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from etl_platform.contract.types import BATCH_COLUMN, DELETED_COLUMN, HOUR_COLUMN, LOADED_COLUMN
from etl_platform.load.key_range import KeyRange, within
from etl_platform.load.quoting import (
    Identifier,
    Literal,
    Part,
    QualifiedName,
    RoleArn,
    Sql,
    compose,
    joined,
)
from etl_platform.load.target import TableColumn, Target

HOUR: Final = Identifier(HOUR_COLUMN)
BATCH: Final = Identifier(BATCH_COLUMN)
LOADED: Final = Identifier(LOADED_COLUMN)
DELETED: Final = Identifier(DELETED_COLUMN)

# A name in a contract never begins with an underscore, so these hide no table and no column.
STAGING: Final = Identifier("_etl_staging")
WINNERS: Final = Identifier("_etl_winners")
VERSIONS: Final = Identifier("_etl_versions")
_PLACE: Final = Identifier("_place")
_RANK: Final = Identifier("_rank")

LAST_COPY: Final = Sql("SELECT pg_last_copy_count(), pg_last_copy_id()")
"""How many rows the last COPY of the session has loaded, and the number of its query."""

LAST_LOAD_ERRORS: Final = Sql(
    "SELECT column_name, error_code FROM sys_load_error_detail"
    " WHERE query_id = pg_last_query_id() LIMIT 5"
)


def create_staging(target: Target) -> Sql:
    """A temporary table with the columns of the Parquet files, in the types that COPY makes."""
    return compose(
        "CREATE TEMP TABLE {staging} ({columns}){distribution}",
        staging=STAGING,
        columns=joined(definition(c) for c in target.staged_columns),
        distribution=distribution(target),
    )


def copy(target: Target, manifest_url: str, role: RoleArn) -> Sql:
    """Read the files that a manifest lists. Columns are named: they go by position."""
    return compose(
        "COPY {staging} ({columns}) FROM {manifest} IAM_ROLE {role} FORMAT AS PARQUET MANIFEST",
        staging=STAGING,
        columns=joined(c.name for c in target.staged_columns),
        manifest=Literal(manifest_url),
        role=role,
    )


def rows_by_batch(table: Identifier, ranged: Iterable[Identifier] = ()) -> Sql:
    """How many rows of a temporary table each batch has, and the least and the greatest value of
    some columns."""
    return compose(
        "SELECT {batch}, {hour}, count(*){ranges} FROM {table} GROUP BY {batch}, {hour}",
        batch=BATCH,
        hour=HOUR,
        ranges=Sql("".join(compose(", min({c}), max({c})", c=column) for column in ranged)),
        table=table,
    )


def create_versions() -> Sql:
    """A temporary table for the places of batches among the versions of their hour."""
    return compose(
        "CREATE TEMP TABLE {versions} ({batch} varchar(32) NOT NULL, {place} integer NOT NULL)",
        versions=VERSIONS,
        batch=BATCH,
        place=_PLACE,
    )


def insert_versions(places: Iterable[tuple[str, int]]) -> Sql:
    """Number the versions of each hour, the oldest manifest first."""
    return compose(
        "INSERT INTO {versions} ({batch}, {place}) VALUES {rows}",
        versions=VERSIONS,
        batch=BATCH,
        place=_PLACE,
        rows=joined(_row([Literal(batch_id), Literal(place)]) for batch_id, place in places),
    )


def create_winners(target: Target) -> Sql:
    """Keep the newest staged row of each key, in the types of the table."""
    newest = [target.version] if target.version else []
    return compose(
        "CREATE TEMP TABLE {winners} AS SELECT {restored}, {place} FROM ("
        "SELECT {staged}, v.{place}, ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY {order})"
        " AS {rank} FROM {staging} AS s JOIN {versions} AS v ON v.{batch} = s.{batch}"
        ") AS ranked WHERE {rank} = 1",
        winners=WINNERS,
        restored=joined(restored(c) for c in target.staged_columns),
        place=_PLACE,
        staged=joined(_of("s", c.name) for c in target.staged_columns),
        key=joined(_of("s", name) for name in target.key),
        order=joined(
            [
                *(compose("{column} DESC", column=_of("s", name)) for name in (*newest, HOUR)),
                compose("{column} DESC", column=_of("v", _PLACE)),
            ]
        ),
        rank=_RANK,
        staging=STAGING,
        versions=VERSIONS,
        batch=BATCH,
    )


def drop_losers_to_later_hours(
    target: Target, table: QualifiedName, ranges: Sequence[KeyRange] = ()
) -> Sql:
    """Take out the staged rows for which a table of rows or of tombstones has a newer version, or
    one of a later hour."""
    later_hour = compose("t.{hour} > {winners}.{hour}", hour=HOUR, winners=WINNERS)
    if target.version:
        later_hour = compose(
            "(t.{version} > {winners}.{version}"
            " OR (t.{version} = {winners}.{version} AND {later_hour}))",
            version=target.version,
            winners=WINNERS,
            later_hour=later_hour,
        )
    return compose(
        "DELETE FROM {winners} USING {table} AS t WHERE {same_key}{within} AND {newer}",
        winners=WINNERS,
        table=table,
        same_key=same_key(target, Sql("t"), WINNERS.sql),
        within=within(ranges, Sql("t")),
        newer=later_hour,
    )


def drop_losers_to_later_manifests(
    target: Target, table: QualifiedName, ranges: Sequence[KeyRange] = ()
) -> Sql:
    """Take out the staged rows for which a table of rows or of tombstones has the row of a later
    manifest of the hour."""
    return compose(
        "DELETE FROM {winners} USING {table} AS t, {versions} AS v WHERE {same_key}{within}"
        " AND {equal} AND v.{batch} = t.{batch} AND v.{place} > {winners}.{place}",
        winners=WINNERS,
        table=table,
        versions=VERSIONS,
        same_key=same_key(target, Sql("t"), WINNERS.sql),
        within=within(ranges, Sql("t")),
        equal=_all_equal(
            [HOUR, *([target.version] if target.version else [])], Sql("t"), WINNERS.sql
        ),
        batch=BATCH,
        place=_PLACE,
    )


def delete_replaced(
    target: Target, table: QualifiedName, keys: Identifier, ranges: Sequence[KeyRange] = ()
) -> Sql:
    """Delete the rows, or the tombstones, whose keys a temporary table has."""
    return compose(
        "DELETE FROM {table} USING {keys} WHERE {same_key}{within}",
        table=table,
        keys=keys,
        same_key=same_key(target, table.table.sql, keys.sql),
        within=within(ranges, table.table.sql),
    )


def delete_hours(table: QualifiedName, hours: Iterable[Literal]) -> Sql:
    """Delete the rows of some hours."""
    return compose(
        "DELETE FROM {table} WHERE {hour} IN ({hours})",
        table=table,
        hour=HOUR,
        hours=joined(hours),
    )


def delete_all(target: Target) -> Sql:
    """Delete every row. TRUNCATE would commit the transaction that it stands in."""
    return compose("DELETE FROM {table}", table=target.table)


def truncate(target: Target) -> Sql:
    """Empty the table at once. Redshift commits the transaction with it:
    https://docs.aws.amazon.com/redshift/latest/dg/r_TRUNCATE.html"""
    return compose("TRUNCATE TABLE {table}", table=target.table)


def create_restored(target: Target) -> Sql:
    """Every staged row in the types of the table."""
    return compose(
        "CREATE TEMP TABLE {winners} AS SELECT {restored} FROM {staging}",
        winners=WINNERS,
        restored=joined(restored(c) for c in target.staged_columns),
        staging=STAGING,
    )


def merge_winners(target: Target) -> Sql:
    """Let the newest rows take the places of those with their keys, and add the others.

    MERGE takes no alias of its target and no condition behind WHEN, and fails on two source rows
    of one key: https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html
    """
    new = {c.name: _of_winners(c.name) for c in target.staged_columns}
    new[LOADED] = Sql("GETDATE()")
    if target.marks_deleted:
        new[DELETED] = is_dead(target, of=WINNERS)
    return compose(
        "MERGE INTO {table} USING {winners} ON {same_key} WHEN MATCHED THEN UPDATE SET {changes}"
        " WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})",
        table=target.table,
        winners=WINNERS,
        same_key=same_key(target, target.table.sql, WINNERS.sql),
        changes=joined(
            compose("{column} = {value}", column=column, value=value)
            for column, value in new.items()
            if column not in target.key
        ),
        columns=joined(new),
        values=joined(new.values()),
    )


def count_merged(target: Target, ranges: Sequence[KeyRange] = ()) -> Sql:
    """How many rows of the newest ones stand in the table. Redshift's manual does not say what
    count MERGE answers with."""
    return compose(
        "SELECT count(*) FROM {table} AS t JOIN {winners} AS w ON {same_row}{within}",
        table=target.table,
        winners=WINNERS,
        same_row=_all_equal([*target.key, BATCH], Sql("t"), Sql("w")),
        within=within(ranges, Sql("t")),
    )


def _of_winners(column: Identifier) -> Sql:
    return compose("{winners}.{column}", winners=WINNERS, column=column)


def insert_winners(target: Target) -> Sql:
    """Add the rows of the table of winners, without those that are tombstones of removed keys."""
    insert = _insert(target, joined(c.name for c in target.staged_columns), WINNERS)
    if not target.tombstones:
        return insert
    return compose("{insert} WHERE NOT {dead}", insert=insert, dead=is_dead(target))


def insert_tombstones(target: Target, tombstones: QualifiedName) -> Sql:
    """Remember the winners whose keys are removed."""
    return compose(
        "INSERT INTO {tombstones} ({columns}) SELECT {columns} FROM {winners} WHERE {dead}",
        tombstones=tombstones,
        columns=joined(c.name for c in target.tombstone_columns),
        winners=WINNERS,
        dead=is_dead(target),
    )


def insert_staged(target: Target, table: QualifiedName | None = None) -> Sql:
    """Add the rows of the staging table, to the target or to one that will be it."""
    return _insert(target, joined(restored(c) for c in target.staged_columns), STAGING, table)


def _insert(
    target: Target, values: Sql, source: Identifier, table: QualifiedName | None = None
) -> Sql:
    deleted = target.marks_deleted
    return compose(
        "INSERT INTO {table} ({columns}, {loaded}{mark}) SELECT {values}, GETDATE(){dead}"
        " FROM {source}",
        table=table or target.table,
        columns=joined(c.name for c in target.staged_columns),
        loaded=LOADED,
        mark=compose(", {deleted}", deleted=DELETED) if deleted else Sql(""),
        values=values,
        dead=compose(", {dead}", dead=is_dead(target)) if deleted else Sql(""),
        source=source,
    )


def is_dead(target: Target, of: Identifier | None = None) -> Sql:
    """Whether a row, of a table by name, says that its key is deleted. A null says no."""
    deleted = target.contract.load.deleted
    if deleted is None:
        return Sql("FALSE")
    return compose(
        "CASE WHEN {column} IN ({values}) THEN TRUE ELSE FALSE END",
        column=joined([*([of] if of else []), Identifier(deleted.column)], "."),
        values=joined(Literal(value) for value in deleted.values),
    )


def count_rows(table: QualifiedName) -> Sql:
    """How many rows a table has."""
    return compose("SELECT count(*) FROM {table}", table=table)


def insert_rows(
    table: QualifiedName, columns: Sequence[Identifier], rows: Iterable[Sequence[Literal]]
) -> Sql:
    """Add rows of values."""
    return compose(
        "INSERT INTO {table} ({columns}) VALUES {rows}",
        table=table,
        columns=joined(columns),
        rows=joined(_row(row) for row in rows),
    )


def rows_of_hour(table: QualifiedName, hour: datetime) -> Sql:
    """How many rows of an hour each batch has in a table."""
    return compose(
        "SELECT {batch}, count(*) FROM {table} WHERE {column} = {hour} GROUP BY {batch}",
        batch=BATCH,
        table=table,
        column=HOUR,
        hour=Literal(hour),
    )


def definition(column: TableColumn) -> Sql:
    """A column in the type that COPY makes."""
    return compose(
        "{name} {type}{null}", name=column.name, type=Sql(column.type.staged), null=null(column)
    )


def restored(column: TableColumn) -> Sql:
    """A staged value as a value of the table."""
    if column.type.staged == column.type.redshift:
        return column.name.sql
    value = compose(column.type.restored, staged=column.name)
    return compose("{value} AS {name}", value=value, name=column.name)


def null(column: TableColumn) -> Sql:
    """The constraint of a column."""
    return Sql(" NOT NULL" if column.required else "")


def distribution(target: Target) -> Sql:
    """The clause of a CREATE TABLE; without one the table is DISTSTYLE AUTO."""
    if target.distkey is None:
        return Sql("")
    return compose(" DISTSTYLE KEY DISTKEY ({column})", column=target.distkey)


def same_key(target: Target, one: Sql, other: Sql) -> Sql:
    """Whether rows of two aliases have one key."""
    return _all_equal(target.key, one, other)


def _all_equal(columns: Iterable[Identifier], one: Sql, other: Sql) -> Sql:
    # Keys and versions are required by the contract, so none is NULL, which would equal nothing.
    return Sql(
        " AND ".join(
            compose("{one}.{c} = {other}.{c}", one=one, other=other, c=column) for column in columns
        )
    )


def _of(alias: str, column: Identifier) -> Sql:
    return compose("{alias}.{column}", alias=Sql(alias), column=column)


def _row(values: Sequence[Part]) -> Sql:
    return compose("({values})", values=joined(values))
