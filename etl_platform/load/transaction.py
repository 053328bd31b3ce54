"""The load of many hours: one transaction, tried again as a whole, remembered by the ledger."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from etl_platform.contract.checkpoints import checkpoint
from etl_platform.contract.commit import Commit
from etl_platform.contract.errors import (
    CommitUnknown,
    ContractChanged,
    CountsDisagree,
    NotConverted,
    ObjectMissing,
    PlatformError,
    TableEmptied,
    TableLocked,
    Terminal,
    Transient,
    WarehouseConflict,
    WarehouseRefused,
)
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.order import Report
from etl_platform.contract.storage import Storage
from etl_platform.contract.warehouse import Connect, Warehouse
from etl_platform.load import belongings, evolution, ledger, locking, replacement, sql
from etl_platform.load.converted import blocked, read_commit
from etl_platform.load.ledger import Entry, Outcome, Run, Work
from etl_platform.load.quoting import RoleArn, Sql
from etl_platform.load.staging import COPY, Staged, stage
from etl_platform.load.strategies import RESTORING, Change, Step, strategy_of
from etl_platform.load.target import Target
from etl_platform.load.versions import Version

_GONE: Final = (NotConverted, ObjectMissing, ContractChanged)
"""What is said of a batch that no load can take any more."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often a transaction is tried, with waits that double."""

    attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0

    def wait_s(self, attempt: int) -> float:
        """The wait after the attempt of this number, from 1."""
        return min(self.first_wait_s * 2.0 ** (attempt - 1), self.longest_wait_s)


@dataclass(frozen=True)
class _Standing:
    """What the ledger knew when the table was locked."""

    entries: dict[str, Entry]
    versions: tuple[Version, ...]
    begun: tuple[Entry, ...]
    """What a load that broke off between its two transactions has left to be done."""


@dataclass(frozen=True)
class _Left:
    """Batches that other loads have begun, and what can be done for them."""

    commits: Mapping[Version, Commit]
    """Of those whose files are there."""
    lost: Sequence[Entry]
    """The others."""


@dataclass(frozen=True)
class Loader:
    """Loads batches of one source."""

    target: Target
    names: Names
    role: RoleArn
    run: Run
    connect: Connect
    storage: Storage
    retry: RetryPolicy = RetryPolicy()
    sleep: Callable[[float], None] = time.sleep
    patience: locking.Patience = locking.USUAL

    def load(self, commits: Sequence[Commit]) -> Iterator[Report]:
        """Load all batches together. If the data of one is refused, halve them until it is alone:
        loads commute, so the others are loaded as if it had not been there.

        Raises a Transient or a CommitUnknown that outlasts the retries.
        """
        if not commits:
            return
        try:
            reports = self._retried(commits)
        except Terminal as error:
            if len(commits) == 1 or not self._is_of_the_data(error):
                yield from (blocked(commit.batch, error) for commit in commits)
                return
        else:
            yield from reports
            return
        middle = len(commits) // 2
        yield from self.load(commits[:middle])
        yield from self.load(commits[middle:])

    def _is_of_the_data(self, error: Terminal) -> bool:
        """Whether other batches may load where these did not."""
        reading = (COPY, *(RESTORING if self.target.is_restored else ()))
        return isinstance(error, CountsDisagree) or (
            isinstance(error, WarehouseRefused) and error.statement in reading
        )

    def _retried(self, commits: Sequence[Commit]) -> list[Report]:
        unknown: CommitUnknown | None = None
        attempt = 1
        while True:
            fault: PlatformError
            try:
                with self.connect() as warehouse:
                    standing = self._look(warehouse, commits)
                    # The lock waited for the lost transaction to end, so the ledger is its answer.
                    unknown = None
                    return self._apply(warehouse, commits, standing)
            except CommitUnknown as error:
                fault = unknown = error
            except (Terminal, TableLocked):
                # Of these the second has waited for as long as a load may.
                if unknown is None:
                    raise
                fault = unknown
            except Transient as error:
                fault = error
            if attempt == self.retry.attempts or _has_had_its_time(fault):
                raise unknown or fault
            self.sleep(self.retry.wait_s(attempt))
            attempt += 1

    def _look(self, warehouse: Warehouse, commits: Sequence[Commit]) -> _Standing:
        """Lock the table against other loads, then see what it has."""
        checkpoint("load.before_lock")
        locking.take(warehouse, self.target.guard, self._label(commits), self.patience)
        checkpoint("load.after_lock")
        evolution.check(warehouse, self.target)
        if self.target.contract.load.method == "swap":
            replacement.refuse_views(warehouse, self.target.table)
            belongings.refuse_losses(warehouse, self.target.table)
        hours = [commit.batch.hour for commit in commits]
        entries = ledger.between(warehouse, self.target, min(hours), max(hours))
        newest = ledger.newest(warehouse, self.target)
        versions = {entry.version for entry in (*entries, *([newest] if newest else []))}
        is_refresh = self.target.contract.load.strategy == "refresh"
        begun = ledger.begun(warehouse, self.target) if is_refresh else []
        return _Standing({e.batch_id: e for e in entries}, tuple(sorted(versions)), tuple(begun))

    def _label(self, commits: Sequence[Commit]) -> str:
        """What the history of queries says of each statement of this load."""
        hours = sorted(commit.batch.hour for commit in commits)
        source, order = self.target.contract.source, self.run.order_id
        batch = f"batch {commits[0].batch.batch_id}" if len(commits) == 1 else f"{len(hours)} hours"
        return f"{locking.LOAD} {source} {hours[0]} to {hours[-1]}, {batch}, order {order}"

    def _apply(
        self, warehouse: Warehouse, commits: Sequence[Commit], standing: _Standing
    ) -> list[Report]:
        known = standing.entries
        fresh = [commit for commit in commits if commit.batch.batch_id not in known]
        reports = [self._seen(known[c.batch.batch_id]) for c in commits if c not in fresh]
        is_due = bool(fresh or standing.begun)
        return [*reports, *(self._write(warehouse, fresh, standing) if is_due else [])]

    def _write(
        self, warehouse: Warehouse, commits: Sequence[Commit], standing: _Standing
    ) -> list[Report]:
        started = time.monotonic()
        strategy = strategy_of(self.target.contract.load)
        arrivals = {Version.of(commit.batch): commit for commit in commits}
        left = self._left(standing, arrivals)
        due = {**arrivals, **left.commits}
        applied = sorted(strategy.applied(list(due), standing.versions))
        if left.lost and not applied:
            applied = [max(standing.versions)]
            due[applied[0]] = self._again(applied[0], left.lost)
        staged = Staged(None, 0.0)
        rows: Mapping[str, int] = {}
        if applied:
            taken = [due[version] for version in applied]
            staged = stage(warehouse, self.storage, self.names, self.target, self.role, taken)
            change = strategy.change(self.target, applied, standing.versions, staged.ranges)
            rows = self._carry_out(warehouse, change, staged, taken, standing)
        work = Work(staged.query_id, round(time.monotonic() - started, 3))

        def what_became_of(version: Version) -> tuple[Outcome, int]:
            outcome = Outcome.LOADED if version in applied else Outcome.OUTDATED
            return outcome, rows.get(version.batch_id, 0)

        entries = [
            Entry.new(self.target, commit, *what_became_of(version), self.run, work)
            for version, commit in arrivals.items()
        ]
        ended = [
            entry.ended(*what_became_of(entry.version), self.run, work)
            for entry in standing.begun
            if entry.version in left.commits
        ]
        if standing.begun or (applied and change.truncate):
            ledger.forget_begun(warehouse, self.target)
        if entries or ended:
            ledger.write(warehouse, self.target, [*entries, *ended])
        counted = warehouse.fetch(sql.count_rows(self.target.table), name="the count of the table")
        checkpoint("load.before_commit")
        warehouse.commit()
        checkpoint("load.after_commit")
        facts: dict[str, object] = {
            "rows_in_table": int(counted[0][0]),
            "copy_seconds": round(staged.copy_s, 3),
            "transaction_seconds": round(time.monotonic() - started, 3),
            "copy_manifest": staged.manifest_url,
            "copy_query_id": staged.query_id,
        }
        if left.lost:
            facts["batches_given_up"] = [_named(entry) for entry in left.lost]
        return [_report(entry, "done", facts) for entry in entries]

    def _left(self, standing: _Standing, arrivals: Mapping[Version, Commit]) -> _Left:
        """What of the batches that other loads have begun can be loaded here."""
        entries = [entry for entry in standing.begun if entry.version not in arrivals]
        commits: dict[Version, Commit] = {}
        for entry in entries:
            with suppress(*_GONE):
                commits[entry.version] = self._commit_of(entry.version)
        return _Left(commits, [entry for entry in entries if entry.version not in commits])

    def _again(self, version: Version, lost: Sequence[Entry]) -> Commit:
        """The batch that was in the table before it was emptied for one that is lost."""
        try:
            return self._commit_of(version)
        except _GONE:
            names = [_named(entry) for entry in lost]
            source, table = self.target.contract.source, str(self.target.table)
            raise TableEmptied(source, table, names, str(version.hour)) from None

    def _commit_of(self, version: Version) -> Commit:
        """The commit of a batch of which all files are there."""
        contract = self.target.contract
        commit = read_commit(self.names, contract, version.hour, version.batch_id, self.storage)
        for file in commit.files:
            if self.storage.find(Location(file.bucket, file.key)) is None:
                raise ObjectMissing(file.url)
        return commit

    def _carry_out(
        self,
        warehouse: Warehouse,
        change: Change,
        staged: Staged,
        commits: Sequence[Commit],
        standing: _Standing,
    ) -> Mapping[str, int]:
        """Apply staged rows; how many of each batch went into the table."""
        kept: list[Sql] = []
        if change.ends:
            kept = replacement.restored(warehouse, self.target.table)
        _run(warehouse, change.prepare)
        rows = _counted(warehouse, change, staged)
        if change.truncate:
            self._empty(warehouse, change.truncate, staged, commits, standing)
        _run(warehouse, change.deletes)
        checkpoint("load.after_deletes")
        inserted = _run(warehouse, change.inserts)
        checkpoint("load.after_inserts")
        if change.count:
            inserted = int(warehouse.fetch(change.count.statement, name=change.count.name)[0][0])
        if inserted != sum(rows.values()):
            raise CountsDisagree(
                change.inserts[0].name, f"{inserted} rows inserted", f"{sum(rows.values())} rows"
            )
        _run(warehouse, change.ends)
        _run(warehouse, [Step("what people put on the table", statement) for statement in kept])
        return rows

    def _empty(
        self,
        warehouse: Warehouse,
        step: Step,
        staged: Staged,
        commits: Sequence[Commit],
        standing: _Standing,
    ) -> None:
        """The first of two transactions: say in the ledger what is begun, and empty the table.

        The lock goes with it. Another load that comes between finds what is begun and ends it, so
        that nothing is left to do here: the whole load is tried again, and sees that.
        """
        known = {entry.batch_id for entry in standing.begun}
        begun = [
            Entry.new(self.target, commit, Outcome.BEGUN, 0, self.run, Work(staged.query_id))
            for commit in commits
            if commit.batch.batch_id not in known
            and Version.of(commit.batch) not in standing.versions
        ]
        if begun:
            ledger.write(warehouse, self.target, begun)
        warehouse.execute(step.statement, name=step.name)
        # Nothing is left to commit, but the driver may think so, and LOCK has to come first.
        warehouse.commit()
        checkpoint("load.after_truncate")
        now = self._look(warehouse, commits)
        if {e.batch_id for e in now.begun} != known | {e.batch_id for e in begun}:
            raise WarehouseConflict(step.name, "another load of the table came between")

    def _seen(self, entry: Entry) -> Report:
        """The report of a batch that the ledger has: of another run, or of this run's COMMIT of
        which the answer was lost."""
        return _report(entry, "done" if entry.run_id == self.run.run_id else "already", {})


def _has_had_its_time(fault: PlatformError) -> bool:
    """Whether a statement ran into its time limit, an hour, or somebody has cancelled it."""
    return isinstance(fault, WarehouseConflict) and fault.timed_out


def _counted(warehouse: Warehouse, change: Change, staged: Staged) -> Mapping[str, int]:
    """How many rows of each batch are to be inserted."""
    if change.source == sql.STAGING:
        return staged.rows
    counted = warehouse.fetch(sql.rows_by_batch(change.source), name="the count of new rows")
    return {str(batch_id): int(count) for batch_id, _, count in counted}


def _run(warehouse: Warehouse, steps: Iterable[Step]) -> int:
    """Carry out statements; how many rows they changed."""
    return sum([warehouse.execute(step.statement, name=step.name) for step in steps])


def _named(entry: Entry) -> str:
    return f"batch {entry.batch_id[:8]} of {entry.hour}"


def _report(entry: Entry, outcome: str, facts: Mapping[str, object]) -> Report:
    return Report.model_validate(
        {
            "hour": entry.hour,
            "batch_id": entry.batch_id,
            "outcome": "outdated" if entry.outcome is Outcome.OUTDATED else outcome,
            "facts": {
                "table": entry.target,
                "rows_read": entry.rows_read,
                "rows_written": entry.rows_written,
                "rows_rejected": entry.rows_rejected,
                "rows_superseded": entry.rows_superseded,
                "rows_applied": entry.rows_applied,
                "rows_outdated": entry.rows_outdated,
                "files": entry.files,
                "size_bytes": entry.size_bytes,
                "loaded_by": entry.run_id,
                **facts,
            },
        }
    )
