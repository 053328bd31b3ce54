"""One refresh of an aggregate: what changed since the last one is made anew, in one transaction.

The table and the list of batches that it is made of change together, and both are read in the
snapshot in which the ledgers are. So after a refresh the table is what its query gives for the
tables of that snapshot, whatever came before: late hours, corrections, deletions, a lost refresh.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from etl_platform.contract.checkpoints import checkpoint
from etl_platform.contract.errors import (
    AggregateAstray,
    CommitUnknown,
    CountsDisagree,
    PlatformError,
    TableLocked,
    Transient,
)
from etl_platform.contract.warehouse import Connect, Warehouse
from etl_platform.load import locking
from etl_platform.load import sql as load_sql
from etl_platform.load.quoting import Identifier
from etl_platform.load.quoting import Literal as Value
from etl_platform.load.transaction import RetryPolicy
from etl_platform.publish import sql
from etl_platform.publish.changes import Standing, State, Stretch, stretches_of, whole_because
from etl_platform.publish.tables import AggregateTable

# (column, type) of the table of refreshes; `refreshed_at` is the warehouse's own clock.
_COLUMNS: Final = (
    ("aggregate", "varchar(31) NOT NULL"),
    ("number", "bigint NOT NULL"),
    ("made_anew", "varchar(8) NOT NULL"),
    ("cause", "varchar(1024) NOT NULL"),
    ("digest", "varchar(16) NOT NULL"),
    ("batches", "bigint NOT NULL"),
    ("hours", "bigint"),
    ("first_hour", "timestamp"),
    ("last_hour", "timestamp"),
    ("rows_deleted", "bigint NOT NULL"),
    ("rows_inserted", "bigint NOT NULL"),
    ("run_id", "varchar(255) NOT NULL"),
)
_CLOCK: Final = ("refreshed_at", "timestamp DEFAULT GETDATE() NOT NULL")
REFRESH_COLUMNS: Final = tuple((Identifier(name), kind) for name, kind in (*_COLUMNS, _CLOCK))


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did. One that found nothing new has the number of the one before it."""

    number: int
    made_anew: Literal["nothing", "hours", "whole"]
    cause: str
    batches: int
    hours: tuple[datetime, ...] = ()
    """The hours that were made anew, if not all were."""
    rows_deleted: int = 0
    rows_inserted: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """For people and for Dagster's metadata."""
        return {
            "made_anew": self.made_anew,
            "cause": self.cause,
            "new_batches": self.batches,
            **(
                {
                    "hours": len(self.hours),
                    "first_hour": f"{self.hours[0]:%Y-%m-%d-%H}",
                    "last_hour": f"{self.hours[-1]:%Y-%m-%d-%H}",
                }
                if self.hours
                else {}
            ),
            "rows_deleted": self.rows_deleted,
            "rows_inserted": self.rows_inserted,
            "refresh": self.number,
        }


def behind(warehouse: Warehouse, table: AggregateTable) -> int:
    """How many batches were loaded that the aggregate does not have yet."""
    return int(warehouse.fetch(sql.count_new(table), name="the count of new batches")[0][0])


@dataclass(frozen=True)
class Refresher:
    """Refreshes one aggregate."""

    table: AggregateTable
    run_id: str
    connect: Connect
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    sleep: Callable[[float], None] = time.sleep

    def refresh(self, *, whole: bool = False) -> Refreshed:
        """Bring the aggregate up to date; with `whole`, make every row anew in any case.

        Raises AggregateAstray for a query that gives rows of other hours than it was shown, and a
        Transient or a CommitUnknown that outlasts the retries.
        """
        attempt = 1
        while True:
            fault: PlatformError
            try:
                with self.connect() as warehouse:
                    return self._refresh(warehouse, whole=whole)
            except TableLocked:
                raise
            except (Transient, CommitUnknown) as error:
                # After an unknown outcome the list of batches says whether there is work left.
                fault = error
            if attempt == self.retry.attempts:
                raise fault
            self.sleep(self.retry.wait_s(attempt))
            attempt += 1

    def _refresh(self, warehouse: Warehouse, *, whole: bool) -> Refreshed:
        standing = self._look(warehouse)
        number = standing.state.number + 1 if standing.state else 1
        batches = sum(standing.new_batches.values())
        cause = self._whole_because(standing)
        if cause is None and whole:
            cause = "it was asked for"
        if cause is not None:
            deleted, inserted = self._make(warehouse, None)
            done = Refreshed(number, "whole", cause, batches, (), deleted, inserted)
        elif not batches:
            warehouse.rollback()
            return Refreshed(number - 1, "nothing", "no batch was loaded since", 0)
        else:
            hours = self._changed_hours(warehouse)
            deleted, inserted = self._make(warehouse, stretches_of(hours))
            cause = f"{', '.join(sorted(standing.new_batches))} changed in some hours"
            done = Refreshed(number, "hours", cause, batches, hours, deleted, inserted)
        self._remember(warehouse, done)
        checkpoint("refresh.before_commit")
        warehouse.commit()
        checkpoint("refresh.after_commit")
        return done

    def _look(self, warehouse: Warehouse) -> Standing:
        """Lock out other refreshes, then compare the ledgers with what the aggregate has seen."""
        label = f"{locking.REFRESH} {self.table.name}"
        locking.take(warehouse, self.table.guard, label)
        state = warehouse.fetch(sql.state(self.table.refreshes), name="the latest refresh")
        warehouse.execute(sql.create_new(self.table), name="the look for new batches")
        new = warehouse.fetch(sql.NEW_BATCHES, name="the count of new batches")
        gone = warehouse.fetch(sql.count_gone(self.table), name="the look for lost batches")
        return Standing(
            State(int(state[0][0]), str(state[0][1])) if state else None,
            {str(source): int(count) for source, count in new},
            int(gone[0][0]),
        )

    def _whole_because(self, standing: Standing) -> str | None:
        return whole_because(
            self.table.aggregate.digest,
            standing,
            {read.source for read in self.table.inputs if read.hour is None},
            is_by_hour=self.table.hour is not None,
        )

    def _changed_hours(self, warehouse: Warehouse) -> tuple[datetime, ...]:
        statement = sql.changed_hours(self.table.inputs)
        rows = warehouse.fetch(statement, name="the look for changed hours")
        return tuple(sorted(hour.replace(tzinfo=UTC) for (hour,) in rows))

    def _make(self, warehouse: Warehouse, stretches: Sequence[Stretch] | None) -> tuple[int, int]:
        """Make the rows of some hours, or all, anew; how many left and how many came."""
        if stretches is not None and not stretches:
            # Every row of the new batches is older than what the tables have.
            return 0, 0
        warehouse.execute(sql.create_rows(self.table), name="the table of new rows")
        asked = warehouse.execute(sql.insert_rows(self.table, stretches), name="the query")
        if self.table.hour is not None:
            self._refuse_strays(warehouse, self.table.hour, stretches)
        deleted = warehouse.execute(
            sql.delete_rows(self.table, stretches), name="the delete of old rows"
        )
        inserted = warehouse.execute(sql.move_rows(self.table), name="the insert of new rows")
        if inserted != asked:
            raise CountsDisagree("the insert of new rows", f"{inserted} rows", f"{asked} rows")
        return deleted, inserted

    def _refuse_strays(
        self, warehouse: Warehouse, hour: Identifier, stretches: Sequence[Stretch] | None
    ) -> None:
        statement = sql.astray(hour, stretches)
        ((count, first),) = warehouse.fetch(statement, name="the check of the hours")
        if count:
            raise AggregateAstray(self.table.name, int(count), hour.name, str(first))

    def _remember(self, warehouse: Warehouse, done: Refreshed) -> None:
        if done.made_anew == "whole":
            warehouse.execute(sql.forget_seen(self.table), name="the list of batches")
            warehouse.execute(sql.insert_all_seen(self.table), name="the list of batches")
        else:
            warehouse.execute(sql.insert_new_seen(self.table), name="the list of batches")
        first, last = (done.hours[0], done.hours[-1]) if done.hours else (None, None)
        row = [
            Value(self.table.name),
            Value(done.number),
            Value(done.made_anew),
            Value(done.cause),
            Value(self.table.aggregate.digest),
            Value(done.batches),
            Value(len(done.hours) if done.made_anew == "hours" else None),
            Value(first),
            Value(last),
            Value(done.rows_deleted),
            Value(done.rows_inserted),
            Value(self.run_id),
        ]
        names = [Identifier(name) for name, _ in _COLUMNS]
        warehouse.execute(
            load_sql.insert_rows(self.table.refreshes, names, [row]), name="the note of the refresh"
        )
