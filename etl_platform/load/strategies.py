"""The three ways in which batches change a table.

Each makes the table a function of the set of batches: loading them in another order, in other
groups or again ends in the same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from etl_platform.load import sql
from etl_platform.load.quoting import Identifier, Literal, Sql
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

    After `prepare` the temporary table `source` holds exactly the rows that `insert` adds.
    """

    prepare: tuple[Step, ...]
    source: Identifier
    delete: Step
    insert: Step


class Strategy(Protocol):
    """Pure: what it needs to know of the table is in the ledger, which is handed in."""

    def applied(self, arrivals: Sequence[Version], loaded: Sequence[Version]) -> set[Version]:
        """The arrivals that can change the table; the others are only recorded, as outdated."""

    def change(
        self, target: Target, applied: Sequence[Version], loaded: Sequence[Version]
    ) -> Change:
        """The statements that apply staged batches."""


class Upsert:
    """The newest row of each key stays: by version column, then hour, then manifest."""

    def applied(self, arrivals: Sequence[Version], loaded: Sequence[Version]) -> set[Version]:
        # Even the oldest version of an hour may hold a key that no newer one has.
        return set(arrivals)

    def change(
        self, target: Target, applied: Sequence[Version], loaded: Sequence[Version]
    ) -> Change:
        known = [*applied, *loaded]
        prepare = [
            Step("the table of versions", sql.create_versions()),
            Step("the numbers of versions", sql.insert_versions(places(known))),
            Step(_NEWEST, sql.create_winners(target)),
            Step("the check for newer rows", sql.drop_losers_to_later_hours(target)),
        ]
        if _is_corrected(applied, loaded):
            prepare.append(
                Step("the check for later manifests", sql.drop_losers_to_later_manifests(target))
            )
        return Change(
            tuple(prepare),
            sql.WINNERS,
            Step("the delete of replaced rows", sql.delete_replaced(target)),
            Step(_INSERT, sql.insert_winners(target)),
        )


def _is_corrected(applied: Sequence[Version], loaded: Sequence[Version]) -> bool:
    """Whether the table may have rows of a later manifest of an hour that is being loaded."""
    return any(a.hour == b.hour and b > a for a in applied for b in loaded)


class Append:
    """The rows of an hour are those of its latest manifest."""

    def applied(self, arrivals: Sequence[Version], loaded: Sequence[Version]) -> set[Version]:
        latest = {version.hour: version for version in sorted({*arrivals, *loaded})}
        return set(arrivals) & set(latest.values())

    def change(
        self, target: Target, applied: Sequence[Version], loaded: Sequence[Version]
    ) -> Change:
        hours = [Literal(version.hour.start) for version in applied]
        return Change(
            (),
            sql.STAGING,
            Step("the delete of the hours", sql.delete_hours(target, hours)),
            Step(_INSERT, sql.insert_staged(target)),
        )


class Refresh:
    """The table is the latest manifest of the latest hour."""

    def applied(self, arrivals: Sequence[Version], loaded: Sequence[Version]) -> set[Version]:
        return {max([*arrivals, *loaded])} & set(arrivals)

    def change(
        self, target: Target, applied: Sequence[Version], loaded: Sequence[Version]
    ) -> Change:
        return Change(
            (),
            sql.STAGING,
            Step("the delete of the table", sql.delete_all(target)),
            Step(_INSERT, sql.insert_staged(target)),
        )


STRATEGIES: dict[str, Strategy] = {"upsert": Upsert(), "append": Append(), "refresh": Refresh()}
