"""The statements of tables that are made of a journal: every row of a key, not its newest one.

The journal is a function of the set of batches. The rows of a key in the table are a query over the
rows of that key in the journal, made again whenever one of them changes; so the table is a function
of the set of batches too, whatever the query.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from etl_platform.contract.types import CURRENT_COLUMN, VALID_FROM_COLUMN, VALID_TO_COLUMN
from etl_platform.load.key_range import KeyRange, within
from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql, compose, joined
from etl_platform.load.sql import BATCH, HOUR, LOADED, STAGING, WINNERS, is_dead, restored, same_key
from etl_platform.load.target import MANIFEST_AT_COLUMN, TableColumn, Target
from etl_platform.load.versions import Version

TOUCHED: Final = Identifier("_etl_touched")
MANIFESTS: Final = Identifier("_etl_manifests")
MANIFEST_AT: Final = Identifier(MANIFEST_AT_COLUMN)
_RANK: Final = Identifier("_rank")
_DEAD: Final = Identifier("_dead")
_PERIOD: Final = (
    Identifier(VALID_FROM_COLUMN),
    Identifier(VALID_TO_COLUMN),
    Identifier(CURRENT_COLUMN),
)


def create_touched(target: Target, journal: QualifiedName, hours: Iterable[Literal]) -> Sql:
    """The keys of staged rows, and of the rows of some hours that leave the journal."""
    listed = joined(hours)
    leaving = compose(
        " UNION SELECT {key} FROM {journal} WHERE {hour} IN ({hours})",
        key=joined(target.key),
        journal=journal,
        hour=HOUR,
        hours=listed,
    )
    return compose(
        "CREATE TEMP TABLE {touched} AS SELECT DISTINCT {key} FROM {staging}{leaving}",
        touched=TOUCHED,
        key=joined(target.key),
        staging=STAGING,
        leaving=leaving if listed else Sql(""),
    )


def create_manifests() -> Sql:
    """A temporary table for the moments of manifests."""
    return compose(
        "CREATE TEMP TABLE {manifests} ({batch} varchar(32) NOT NULL, {at} timestamp NOT NULL)",
        manifests=MANIFESTS,
        batch=BATCH,
        at=MANIFEST_AT,
    )


def insert_manifests(versions: Iterable[Version]) -> Sql:
    """When the manifest of each batch was written."""
    return compose(
        "INSERT INTO {manifests} ({batch}, {at}) VALUES {rows}",
        manifests=MANIFESTS,
        batch=BATCH,
        at=MANIFEST_AT,
        rows=joined(
            compose("({batch}, {at})", batch=Literal(v.batch_id), at=Literal(v.manifest_at))
            for v in versions
        ),
    )


def insert_journal(target: Target, journal: QualifiedName) -> Sql:
    """Add the staged rows to the journal."""
    return compose(
        "INSERT INTO {journal} ({columns}, {at}) SELECT {staged}, m.{at}"
        " FROM {staging} AS s JOIN {manifests} AS m ON m.{batch} = s.{batch}",
        journal=journal,
        columns=joined(c.name for c in target.staged_columns),
        at=MANIFEST_AT,
        staged=_all_of(target.staged_columns, "s"),
        staging=STAGING,
        manifests=MANIFESTS,
        batch=BATCH,
    )


def create_newest(target: Target, journal: QualifiedName, ranges: Sequence[KeyRange] = ()) -> Sql:
    """The row of each touched key: the newest one, or one that keeps older values for its nulls.

    What a key was before it was deleted is not kept for the rows after.
    """
    keeps = target.contract.load.null_means == "keep"
    return compose(
        "CREATE TEMP TABLE {winners} AS WITH numbered AS ({numbered}), bounds AS ("
        "SELECT {key}, MAX({rank}) AS _newest, MAX(CASE WHEN {dead} THEN {rank} ELSE 0 END)"
        " AS _buried FROM numbered GROUP BY {key}), living AS ("
        "SELECT n.*, b._newest FROM numbered AS n JOIN bounds AS b ON {same_key}"
        " WHERE n.{rank} > b._buried OR n.{rank} = b._newest){merged}"
        " SELECT {restored} FROM {rows}",
        winners=WINNERS,
        numbered=_numbered(target, journal, ranges),
        key=joined(target.key),
        rank=_RANK,
        dead=_DEAD,
        same_key=same_key(target, Sql("n"), Sql("b")),
        merged=_merged(target) if keeps else Sql(""),
        restored=joined(restored(c) for c in target.staged_columns),
        rows=Sql("merged") if keeps else compose("living WHERE {rank} = _newest", rank=_RANK),
    )


def _merged(target: Target) -> Sql:
    """Of each column the last value that is not null."""
    columns = [c for c in target.staged_columns if c.name not in target.key]
    places = [Identifier(f"_place_{number}") for number, _ in enumerate(columns)]
    return compose(
        ", placed AS (SELECT living.*, {places} FROM living), merged AS ("
        "SELECT {key}, {values} FROM placed GROUP BY {key})",
        places=joined(
            compose(
                "MAX(CASE WHEN {column} IS NOT NULL THEN {rank} END)"
                " OVER (PARTITION BY {key}) AS {place}",
                column=column.name,
                rank=_RANK,
                key=joined(target.key),
                place=place,
            )
            for column, place in zip(columns, places, strict=True)
        ),
        key=joined(target.key),
        values=joined(_value_at(c, place) for c, place in zip(columns, places, strict=True)),
    )


def _value_at(column: TableColumn, place: Identifier) -> Sql:
    if column.type.family == "boolean":  # which MAX does not take
        return compose(
            "MAX(CASE WHEN {rank} = {place} THEN CASE WHEN {column} THEN 1 ELSE 0 END END) = 1"
            " AS {column}",
            rank=_RANK,
            place=place,
            column=column.name,
        )
    return compose(
        "MAX(CASE WHEN {rank} = {place} THEN {column} END) AS {column}",
        rank=_RANK,
        place=place,
        column=column.name,
    )


def create_periods(target: Target, journal: QualifiedName, ranges: Sequence[KeyRange] = ()) -> Sql:
    """The history of each touched key: one row for each state that differs from the one before.

    A period begins at the version, or the hour, of its first row; of two rows of one moment the
    later batch counts. A row that says that its key is deleted ends the period before it.
    """
    moment = (*_version(target), HOUR)[0]
    since, until, current = _PERIOD
    return compose(
        "CREATE TEMP TABLE {winners} AS WITH latest AS ({latest}), numbered AS ("
        "SELECT latest.*, ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY {moment}) AS {rank}"
        " FROM latest WHERE _turn = 1), changed AS ("
        "SELECT n.* FROM numbered AS n LEFT JOIN numbered AS p ON {same_key}"
        " AND p.{rank} = n.{rank} - 1 WHERE NOT {same_state}), periods AS ("
        "SELECT changed.*, {moment} AS {since},"
        " LEAD({moment}) OVER (PARTITION BY {key} ORDER BY {moment}) AS {until} FROM changed)"
        " SELECT {restored}, {since}, {until}, {until} IS NULL AS {current} FROM periods"
        " WHERE NOT {dead}",
        winners=WINNERS,
        latest=_turns(target, journal, moment, ranges),
        key=joined(target.key),
        moment=moment,
        rank=_RANK,
        same_key=same_key(target, Sql("p"), Sql("n")),
        same_state=_same_state(target),
        since=since,
        until=until,
        current=current,
        restored=joined(restored(c) for c in target.staged_columns),
        dead=_DEAD,
    )


def _same_state(target: Target) -> Sql:
    apart = {*target.key, *_version(target), HOUR, BATCH}
    compared = [c.name for c in target.staged_columns if c.name not in apart]
    equal = joined(
        [
            compose("n.{dead} = p.{dead}", dead=_DEAD),
            *(
                compose("(n.{c} = p.{c} OR (n.{c} IS NULL AND p.{c} IS NULL))", c=column)
                for column in compared
            ),
        ],
        " AND ",
    )
    # A value beside a null makes the comparison null, of which NOT is null too.
    return compose("CASE WHEN {equal} THEN TRUE ELSE FALSE END", equal=equal)


def insert_periods(target: Target) -> Sql:
    """Add the histories of the touched keys."""
    columns = [*(c.name for c in target.staged_columns), *_PERIOD]
    return compose(
        "INSERT INTO {table} ({columns}, {loaded}) SELECT {columns}, GETDATE() FROM {winners}",
        table=target.table,
        columns=joined(columns),
        loaded=LOADED,
        winners=WINNERS,
    )


def _numbered(target: Target, journal: QualifiedName, ranges: Sequence[KeyRange]) -> Sql:
    order = joined(_of_journal([*_version(target), HOUR, MANIFEST_AT, BATCH]))
    return _ranked(target, journal, target.key, order, _RANK, ranges)


def _turns(
    target: Target, journal: QualifiedName, moment: Identifier, ranges: Sequence[KeyRange]
) -> Sql:
    later_first = joined(
        compose("{column} DESC", column=column)
        for column in _of_journal([HOUR, MANIFEST_AT, BATCH])
    )
    turn = Identifier("_turn")
    return _ranked(target, journal, (*target.key, moment), later_first, turn, ranges)


def _ranked(
    target: Target,
    journal: QualifiedName,
    group: Iterable[Identifier],
    order: Sql,
    number: Identifier,
    ranges: Sequence[KeyRange],
) -> Sql:
    """The journal's rows of the touched keys, each with its number in its group."""
    return compose(
        "SELECT {columns}, ROW_NUMBER() OVER (PARTITION BY {group} ORDER BY {order}) AS {number},"
        " {is_dead} AS {dead} FROM {journal} AS j JOIN {touched} AS k ON {same_key}{within}",
        columns=_all_of(target.staged_columns, "j"),
        group=joined(_of_journal(group)),
        order=order,
        number=number,
        is_dead=is_dead(target),
        dead=_DEAD,
        journal=journal,
        touched=TOUCHED,
        same_key=same_key(target, Sql("j"), Sql("k")),
        within=within(ranges, Sql("j")),
    )


def _version(target: Target) -> tuple[Identifier, ...]:
    return (target.version,) if target.version else ()


def _of_journal(columns: Iterable[Identifier]) -> list[Sql]:
    return [compose("j.{column}", column=column) for column in columns]


def _all_of(columns: Iterable[TableColumn], alias: str) -> Sql:
    return joined(compose("{alias}.{name}", alias=Sql(alias), name=c.name) for c in columns)
