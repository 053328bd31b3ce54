"""The ledger: one row for each batch that a table has taken or passed over, written with the load.

What the ledger says is what the table holds, because both change in one transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from etl_platform.contract.commit import Commit
from etl_platform.contract.errors import TargetMissing, WarehouseRefused
from etl_platform.contract.hour import Hour
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import ledger_sql, sql, watch_sql
from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql
from etl_platform.load.target import LEDGER_VIEW, Target
from etl_platform.load.versions import Version


class Outcome(StrEnum):
    """What a load did with a batch. Only `begun` and `latest` show a BEGUN one."""

    LOADED = "loaded"  # its rows were applied, as far as the table had no newer ones
    BEGUN = "begun"  # the table was emptied for it, and its rows are not there yet
    OUTDATED = "outdated"  # a later batch stands for it: nothing was applied


# (column, definition) in the order of the fields of Entry; `loaded_at` is the warehouse's clock.
# Those that may be null came later: bootstrap adds them, and older rows know nothing of them.
_COLUMNS: Final = (
    ("target", "varchar(255) NOT NULL"),
    ("source", "varchar(31) NOT NULL"),
    ("hour", "timestamp NOT NULL"),
    ("batch_id", "varchar(32) NOT NULL"),
    ("manifest_version", "varchar(1024) NOT NULL"),
    ("manifest_at", "timestamp NOT NULL"),
    ("outcome", "varchar(8) NOT NULL"),
    ("rows_read", "bigint NOT NULL"),
    ("rows_written", "bigint NOT NULL"),
    ("rows_rejected", "bigint NOT NULL"),
    ("rows_superseded", "bigint NOT NULL"),
    ("rows_applied", "bigint NOT NULL"),
    ("rows_outdated", "bigint NOT NULL"),
    ("files", "integer NOT NULL"),
    ("size_bytes", "bigint NOT NULL"),
    ("contract_digest", "varchar(16) NOT NULL"),
    ("order_id", "varchar(32) NOT NULL"),
    ("run_id", "varchar(255) NOT NULL"),
    ("dagster_run_id", "varchar(255)"),
    ("copy_query_id", "bigint"),
    ("load_seconds", "double precision"),
)
_UNDEFINED_COLUMN: Final = "42703"
_CLOCK: Final = ("loaded_at", "timestamp DEFAULT GETDATE() NOT NULL")
COLUMNS: Final = tuple((Identifier(name), kind) for name, kind in (*_COLUMNS, _CLOCK))
COLUMN_NAMES: Final = tuple(name for name, _ in COLUMNS)
SHOWN: Final = ("loaded_at", *(name for name, _ in _COLUMNS if name not in ("target", "source")))
"""What `etl-platform ledger --all` prints of each entry."""
NARROW: Final = ("hour", "outcome", "read", "rejected", "applied", "loaded at")
"""What fits into a terminal."""


@dataclass(frozen=True)
class Run:
    """Who loads: the order of work, the run of the job that carries it out, and the run of Dagster
    that asked for it."""

    order_id: str
    run_id: str
    dagster_run_id: str | None = None
    """None if the job was started by hand."""


@dataclass(frozen=True)
class Work:
    """What a load has done when it writes its entries."""

    copy_query_id: int | None = None
    load_seconds: float | None = None

    def copy_of(self, outcome: Outcome, files: int) -> int | None:
        """The COPY that read the files of a batch; none was read of an OUTDATED one."""
        return self.copy_query_id if files and outcome is not Outcome.OUTDATED else None


@dataclass(frozen=True)
class Entry:
    """One row of the ledger."""

    target: str
    source: str
    hour: Hour
    batch_id: str
    manifest_version: str
    manifest_at: datetime
    outcome: Outcome
    rows_read: int
    rows_written: int
    rows_rejected: int
    rows_superseded: int
    rows_applied: int
    rows_outdated: int
    files: int
    size_bytes: int
    contract_digest: str
    order_id: str
    run_id: str
    dagster_run_id: str | None = None
    copy_query_id: int | None = None
    """The number of the COPY that read its files, in the history of queries."""
    load_seconds: float | None = None
    """How long the load took until it wrote the entry: from the lock on, and before COMMIT. The
    batches of a load have the same; None for a BEGUN one."""
    loaded_at: datetime | None = None
    """None in an entry that is about to be written."""

    @classmethod
    def new(
        cls,
        target: Target,
        commit: Commit,
        outcome: Outcome,
        applied: int,
        run: Run,
        work: Work = Work(),
    ) -> "Entry":
        """What the ledger will say of a batch of which `applied` rows go into the table."""
        batch, counts = commit.batch, commit.counts
        return cls(
            str(target.table),
            batch.source,
            batch.hour,
            batch.batch_id,
            batch.manifest_version,
            batch.manifest_at,
            outcome,
            counts.read,
            counts.written,
            counts.rejected,
            counts.superseded,
            applied,
            counts.written - applied,
            len(commit.files),
            sum(file.size_bytes for file in commit.files),
            commit.contract_digest,
            run.order_id,
            run.run_id,
            run.dagster_run_id,
            work.copy_of(outcome, len(commit.files)),
            work.load_seconds,
        )

    def ended(self, outcome: Outcome, applied: int, run: Run, work: Work) -> "Entry":
        """What the ledger will say of a batch that was begun."""
        return replace(
            self,
            outcome=outcome,
            rows_applied=applied,
            rows_outdated=self.rows_written - applied,
            order_id=run.order_id,
            run_id=run.run_id,
            dagster_run_id=run.dagster_run_id,
            copy_query_id=work.copy_of(outcome, self.files),
            load_seconds=work.load_seconds,
        )

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> "Entry":
        """Read a row with the columns of `COLUMNS`."""
        values = {name.name: value for name, value in zip(COLUMN_NAMES, row, strict=True)}
        values["hour"] = Hour(_utc(values["hour"]))
        values["outcome"] = Outcome(values["outcome"])
        for moment in ("manifest_at", "loaded_at"):
            values[moment] = _utc(values[moment])
        return cls(**values)

    @property
    def version(self) -> Version:
        return Version(self.hour, self.manifest_at, self.batch_id)

    @property
    def shown(self) -> list[object]:
        """The values of `SHOWN`, for people and for programs."""
        values = [getattr(self, name) for name in SHOWN]
        return [str(v) if isinstance(v, Hour | Outcome) else v for v in values]

    @property
    def narrow(self) -> list[object]:
        """The values of `NARROW`."""
        loaded_at = f"{self.loaded_at:%Y-%m-%d %H:%M}" if self.loaded_at else None
        counts = (self.rows_read, self.rows_rejected, self.rows_applied)
        return [str(self.hour), self.outcome.value, *counts, loaded_at]

    @property
    def values(self) -> list[Literal]:
        """The row without `loaded_at`, which the warehouse fills in."""
        return [
            Literal(self.hour.start if name == "hour" else getattr(self, name))
            for name, _ in _COLUMNS
        ]


@dataclass(frozen=True)
class Summary:
    """What the ledger says of one source, for `etl-platform status`."""

    source: str
    target: str
    hours: int
    batches: int
    outdated: int
    rows_applied: int
    newest_hour: Hour
    loaded_at: datetime


def loaded(warehouse: Warehouse, target: Target, batch_ids: Iterable[str]) -> dict[str, Entry]:
    """The entries of those batches that the ledger knows."""
    wanted = sorted(set(batch_ids))
    if not wanted:
        return {}
    statement = ledger_sql.of_batches(target.ledger, COLUMN_NAMES, wanted)
    return {entry.batch_id: entry for entry in _read(warehouse, target.ledger, statement)}


def between(warehouse: Warehouse, target: Target, first: Hour, last: Hour) -> list[Entry]:
    """Every entry of a range of hours."""
    statement = ledger_sql.between(target.ledger, COLUMN_NAMES, first.start, last.start)
    return _read(warehouse, target.ledger, statement)


def newest(warehouse: Warehouse, target: Target) -> Entry | None:
    """The entry of the newest hour, and there of the latest manifest."""
    statement = ledger_sql.of_newest_hour(target.ledger, COLUMN_NAMES)
    entries = _read(warehouse, target.ledger, statement)
    return max(entries, key=lambda entry: entry.version, default=None)


def latest(warehouse: Warehouse, target: Target, count: int) -> list[Entry]:
    """The entries that were written last, the latest first."""
    statement = ledger_sql.latest(target.ledger, COLUMN_NAMES, count)
    return _read(warehouse, target.ledger, statement)


def of_all_sources(
    warehouse: Warehouse, stretches: Iterable[tuple[Hour, Hour]]
) -> dict[str, list[Entry]]:
    """By source, the entries of some stretches of hours and those of its newest hour: one query."""
    moments = [(first.start, last.start) for first, last in stretches]
    statement = watch_sql.ledger_of_stretches(LEDGER_VIEW, COLUMN_NAMES, moments)
    found: dict[str, list[Entry]] = {}
    for entry in _read(warehouse, LEDGER_VIEW, statement):
        found.setdefault(entry.source, []).append(entry)
    return found


def newest_of_each_hour(entries: Iterable[Entry]) -> dict[Hour, Entry]:
    """The entry of the latest manifest of each hour."""
    ordered = sorted(entries, key=lambda entry: entry.version)
    return {entry.hour: entry for entry in ordered}


def begun(warehouse: Warehouse, target: Target) -> list[Entry]:
    """The batches that the table was emptied for, the oldest first. As long as there is one, the
    table is empty."""
    statement = ledger_sql.begun(target.ledger, COLUMN_NAMES)
    return sorted(_read(warehouse, target.ledger, statement), key=lambda entry: entry.version)


def forget_begun(warehouse: Warehouse, target: Target) -> None:
    """Take these entries out, in the transaction that writes what became of their batches."""
    warehouse.execute(ledger_sql.delete_begun(target.ledger), name="the end of what was begun")


def write(warehouse: Warehouse, target: Target, entries: Sequence[Entry]) -> None:
    """Add entries, in the transaction that changes the table."""
    names = [Identifier(name) for name, _ in _COLUMNS]
    warehouse.execute(
        sql.insert_rows(target.ledger, names, [entry.values for entry in entries]),
        name="the ledger entry",
    )


def summary(warehouse: Warehouse) -> list[Summary]:
    """What every source has loaded, from the view over all ledgers."""
    statement = ledger_sql.summary(LEDGER_VIEW, Literal(Outcome.OUTDATED))
    rows = warehouse.fetch(statement, name="the summary of the ledger")
    return [
        Summary(
            source,
            target,
            int(hours),
            int(batches),
            int(outdated),
            int(rows_applied),
            Hour(_utc(newest_hour)),
            _utc(loaded_at),
        )
        for (
            source,
            target,
            hours,
            batches,
            outdated,
            rows_applied,
            newest_hour,
            loaded_at,
        ) in rows
    ]


def _read(warehouse: Warehouse, ledger: QualifiedName, statement: Sql) -> list[Entry]:
    try:
        rows = warehouse.fetch(statement, name="the look at the ledger")
    except WarehouseRefused as error:
        if error.sqlstate != _UNDEFINED_COLUMN:
            raise
        raise TargetMissing(f"{ledger} (it lacks columns)") from error
    return [Entry.of_row(row) for row in rows]


def _utc(moment: datetime) -> datetime:
    """Timestamps in the warehouse are in UTC and do not say so."""
    return moment.replace(tzinfo=UTC)
