"""The ways in which batches change a table.

Each makes the table a function of the set of batches: loading them in another order, in other
groups or again ends in the same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from etl_platform.contract.loading import METHODS, Load, Method
from etl_platform.load import ddl, journal_sql, replacement, sql
from etl_platform.load.key_range import KeyRange
from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql
from etl_platform.load.target import Target
from etl_platform.load.versions import Version, places

_NEWEST: Final = "the newest staged rows"
_INSERT: Final = "the insert"

RESTORING: Final = (_NEWEST, _INSERT)
"""The statements that make values of staged texts, and fail if one of them is none."""


@dataclass(frozen=True)
class Step:
    """A statement, and what errors call it."""

    name: str
    statement: Sql


@dataclass(frozen=True)
class Change:
    """How staged rows become rows of the table.

    After `prepare` the temporary table `source` holds exactly the rows that `inserts` add: to the
    table, or to its tombstones.
    """

    prepare: tuple[Step, ...]
    source: Identifier
    deletes: tuple[Step, ...]
    inserts: tuple[Step, ...]
    ends: tuple[Step, ...] = ()
    truncate: Step | None = None
    """In the place of `deletes`, what commits."""
    count: Step | None = None
    """The query for the number of rows inserted, where the inserts do not tell it."""


class Strategy(Protocol):
    """Pure: what it needs to know of the table is in the ledger, which is handed in."""

    def applied(self, arrivals: Sequence[Version], loaded: Sequence[Version]) -> set[Version]:
        """The arrivals that can change the table; the others are only recorded, as outdated."""

    def change(
        self,
        target: Target,
        applied: Sequence[Version],
        loaded: Sequence[Version],
        ranges: Sequence[KeyRange] = (),
    ) -> Change:
        """The statements that apply staged batches, whose keys lie within the ranges."""


class Upsert:
    """The newest row of each key stays: by version column, then hour, then manifest."""

    def __init__(self, method: Method = "delete_insert") -> None:
        self.method = method

    def applied(self, arrivals: Sequence[Version], loaded: Sequence[Version]) -> set[Version]:
        # Even the oldest version of an hour may hold a key that no newer one has.
        return set(arrivals)

    def change(
        self,
        target: Target,
        applied: Sequence[Version],
        loaded: Sequence[Version],
        ranges: Sequence[KeyRange] = (),
    ) -> Change:
        known = [*applied, *loaded]
        prepare = [
            Step("the table of versions", sql.create_versions()),
            Step("the numbers of versions", sql.insert_versions(places(known))),
            Step(_NEWEST, sql.create_winners(target)),
        ]
        may_be_newer = _may_be_newer(target, applied, loaded)
        is_corrected = _is_corrected(applied, loaded)
        for table in _tables(target):
            if may_be_newer:
                newer = sql.drop_losers_to_later_hours(target, table, ranges)
                prepare.append(Step("the check for newer rows", newer))
            if is_corrected:
                later = sql.drop_losers_to_later_manifests(target, table, ranges)
                prepare.append(Step("the check for later manifests", later))
        if self.method == "merge":
            return Change(
                tuple(prepare),
                sql.WINNERS,
                (),
                (Step("the merge", sql.merge_winners(target)),),
                count=Step("the count of merged rows", sql.count_merged(target, ranges)),
            )
        return Change(
            tuple(prepare),
            sql.WINNERS,
            tuple(
                Step(
                    "the delete of replaced rows",
                    sql.delete_replaced(target, table, sql.WINNERS, ranges),
                )
                for table in _tables(target)
            ),
            _inserts(target),
        )


def _tables(target: Target) -> tuple[QualifiedName, ...]:
    """Where the newest row of a key may stand."""
    return (target.table, *([target.tombstones] if target.tombstones else []))


def _inserts(target: Target) -> tuple[Step, ...]:
    steps = [Step(_INSERT, sql.insert_winners(target))]
    if target.tombstones:
        dead = sql.insert_tombstones(target, target.tombstones)
        steps.append(Step("the insert of tombstones", dead))
    return tuple(steps)


def _may_be_newer(target: Target, applied: Sequence[Version], loaded: Sequence[Version]) -> bool:
    """Whether the table may have rows that are newer than those of some hour that is being loaded.

    Where rows go by their hours alone the ledger knows, so that the usual load, which is of the
    newest hours, does not look through the table for them.
    """
    first = min(version.hour for version in applied)
    return target.version is not None or any(version.hour > first for version in loaded)


def _is_corrected(applied: Sequence[Version], loaded: Sequence[Version]) -> bool:
    """Whether the table may have rows of a later manifest of an hour that is being loaded."""
    return any(a.hour == b.hour and b > a for a in applied for b in loaded)


class FromJournal:
    """The rows of a key are made of all rows of that key: merged into one, or as its history.

    The journal takes every batch, or, where corrections retract, the latest manifest of each hour
    as `append` does. Either way it is a function of the set of batches, and the rows of each key in
    the table are a function of its rows there.
    """

    def __init__(self, *, retracts: bool) -> None:
        self.retracts = retracts

    def applied(self, arrivals: Sequence[Version], loaded: Sequence[Version]) -> set[Version]:
        every: Strategy = Append() if self.retracts else Upsert()
        return every.applied(arrivals, loaded)

    def change(
        self,
        target: Target,
        applied: Sequence[Version],
        loaded: Sequence[Version],
        ranges: Sequence[KeyRange] = (),
    ) -> Change:
        journal = target.journal
        if journal is None:
            raise ValueError(f"{target.table} has no journal")
        hours = [Literal(v.hour.start) for v in applied if self.retracts]
        # What leaves the journal with its hour may have keys that no staged row has.
        known = () if hours else ranges
        touched = journal_sql.create_touched(target, journal, hours)
        make = journal_sql.create_periods if target.is_history else journal_sql.create_newest
        prepare = [
            Step("the keys of the change", touched),
            Step("the table of manifests", journal_sql.create_manifests()),
            Step("the moments of manifests", journal_sql.insert_manifests(applied)),
        ]
        if hours:
            leaving = sql.delete_hours(journal, hours)
            prepare.append(Step("the delete of corrected hours", leaving))
        prepare += [
            Step("the insert into the journal", journal_sql.insert_journal(target, journal)),
            Step(_NEWEST, make(target, journal, known)),
        ]
        replaced = sql.delete_replaced(target, target.table, journal_sql.TOUCHED, known)
        add = journal_sql.insert_periods if target.is_history else sql.insert_winners
        return Change(
            tuple(prepare),
            sql.WINNERS,
            (Step("the delete of replaced rows", replaced),),
            (Step(_INSERT, add(target)),),
        )


class Append:
    """The rows of an hour are those of its latest manifest."""

    def applied(self, arrivals: Sequence[Version], loaded: Sequence[Version]) -> set[Version]:
        latest = {version.hour: version for version in sorted({*arrivals, *loaded})}
        return set(arrivals) & set(latest.values())

    def change(
        self,
        target: Target,
        applied: Sequence[Version],
        loaded: Sequence[Version],
        ranges: Sequence[KeyRange] = (),
    ) -> Change:
        hours = [Literal(version.hour.start) for version in applied]
        return Change(
            (),
            sql.STAGING,
            (Step("the delete of the hours", sql.delete_hours(target.table, hours)),),
            (Step(_INSERT, sql.insert_staged(target)),),
        )


class Refresh:
    """The table is the latest manifest of the latest hour."""

    def __init__(self, method: Method = "delete") -> None:
        self.method = method

    def applied(self, arrivals: Sequence[Version], loaded: Sequence[Version]) -> set[Version]:
        return {max([*arrivals, *loaded])} & set(arrivals)

    def change(
        self,
        target: Target,
        applied: Sequence[Version],
        loaded: Sequence[Version],
        ranges: Sequence[KeyRange] = (),
    ) -> Change:
        if self.method == "swap":
            return _swap(target)
        if self.method == "truncate":
            return _truncate(target)
        return Change(
            (),
            sql.STAGING,
            (Step("the delete of the table", sql.delete_all(target)),),
            (Step(_INSERT, sql.insert_staged(target)),),
        )


def _swap(target: Target) -> Change:
    # The old table goes last: from then on readers wait for COMMIT.
    new = replacement.name_beside(target.table)
    return Change(
        (Step("the new table", ddl.create_target(target, new)),),
        sql.STAGING,
        (),
        (Step(_INSERT, sql.insert_staged(target, new)),),
        (
            Step("the drop of the old table", ddl.drop_table(target.table)),
            Step("the new name", ddl.rename_table(new, target.table.table)),
        ),
    )


def _truncate(target: Target) -> Change:
    # A value that cannot be made of its text has to fail before the table is empty.
    return Change(
        (Step(_NEWEST, sql.create_restored(target)),),
        sql.WINNERS,
        (),
        (Step(_INSERT, sql.insert_winners(target)),),
        truncate=Step("the truncate", sql.truncate(target)),
    )


def strategy_of(load: Load) -> Strategy:
    """The way that a contract asks for."""
    if load.keeps_journal:
        return FromJournal(retracts=load.corrected == "retract")
    if load.strategy == "append":
        return Append()
    method = load.method or METHODS[load.strategy][0]
    return Upsert(method) if load.strategy == "upsert" else Refresh(method)
