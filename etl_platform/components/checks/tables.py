"""Whether a table is what its contract, its commits and its files say: these checks read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from etl_platform import reconcile
from etl_platform.components.checks.verdict import (
    Verdict,
    counted,
    error,
    hours_text,
    passed,
)
from etl_platform.contract.commit import Commit
from etl_platform.contract.errors import SchemaChangeRefused, TargetMissing
from etl_platform.contract.hour import Hour
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import evolution, ledger, watch_sql
from etl_platform.load.target import Target
from etl_platform.status import StatusReader

RECOUNTED_HOURS: Final = 6
"""A recount fetches the Parquet files of each hour for their footers."""
_MOST_HOURS_NAMED: Final = 24


@dataclass(frozen=True)
class Table:
    """The table of one source, and a connection to look at it."""

    reader: StatusReader
    warehouse: Warehouse

    @property
    def contract(self) -> SourceContract:
        return self.reader.contract

    @property
    def target(self) -> Target:
        return Target(self.contract)

    def recent_hours(self) -> list[Hour]:
        """The newest hours that are loaded, oldest first."""
        newest = ledger.newest(self.warehouse, self.target)
        if newest is None:
            return []
        first = newest.hour.plus(1 - RECOUNTED_HOURS)
        entries = ledger.between(self.warehouse, self.target, first, newest.hour)
        return sorted({entry.hour for entry in entries})

    def commits(self, hours: Sequence[Hour]) -> dict[Hour, Commit]:
        """The commits of the manifests of these hours, as they stand now."""
        found = self.reader.commits(self.reader.landed(hours))
        return {commit.batch.hour: commit for commit in found.values()}


def key_unique(table: Table) -> Verdict:
    """No key has two rows: of a history, two current ones."""
    target, warehouse = table.target, table.warehouse
    ((rows, keys),) = warehouse.fetch(watch_sql.doubled_keys(target), name="the count of keys")
    facts = {"rows": int(rows), "keys": int(keys)}
    if rows == keys:
        return passed(f"{keys} keys, each with one row.", **facts)
    statement = watch_sql.hours_of_doubled_keys(target, _MOST_HOURS_NAMED)
    found = warehouse.fetch(statement, name="the hours of doubled keys")
    hours = [Hour(moment.replace(tzinfo=UTC)) for moment, _ in found]
    text = (
        f"{rows} rows and {keys} keys in {target.table}: rows of {hours_text(hours)} share their"
        " key with another. No load does this: look for who else writes the table"
        " (SYS_QUERY_HISTORY names loads in query_label), remove the rows that the ledger does not"
        f" know, and `etl-platform replay {table.contract.source} HOUR`."
    )
    return error(text, **facts, hours=[str(hour) for hour in hours])


def counts_still_reconcile(table: Table) -> Verdict:
    """Manifest, commit, files, ledger and table agree on the newest loaded hours."""
    hours = table.recent_hours()
    lines, wrong = [], []
    for one in reconcile.recount(table.reader, table.warehouse, hours):
        faults = [f.text for f in reconcile.findings(table.contract, one) if not f.is_explained]
        if faults:
            wrong.append(one.hour)
            lines.append(f"- {one.hour}: {'; '.join(faults)}")
    if not wrong:
        return passed(f"{counted(hours, 'hour')} counted again: {hours_text(hours) or 'none'}.")
    source = table.contract.source
    text = (
        f"{counted(wrong, 'hour')} of {len(hours)} differ. See the row of each with"
        f" `etl-platform reconcile {source}`, and then `etl-platform replay {source} HOUR`.\n\n"
    )
    return error(text + "\n".join(lines), hours=[str(hour) for hour in wrong])


def schema_drift(table: Table) -> Verdict:
    """The table has the columns of the contract, in their types."""
    source, name = table.contract.source, str(table.target.table)
    try:
        changes = evolution.plan(table.warehouse, table.target)
    except (SchemaChangeRefused, TargetMissing) as refused:
        return error(f"{refused}\n\nNo hour of {source} is loaded until then.")
    if not changes:
        return passed(f"{name} is what the contract says.")
    whys = list(dict.fromkeys(change.why for change in changes))
    text = (
        f"{name} is not what the contract says, and no hour of {source} is loaded until it is:"
        f" `etl-platform warehouse plan {source}` shows the statements, `apply` sends them.\n\n"
    )
    return error(text + "\n".join(f"- {why}" for why in whys))


def catalog_counts(
    contract: SourceContract, commits: Mapping[Hour, Commit], rows: Mapping[Hour, int]
) -> Verdict:
    """What a query by the catalog counts of each hour is what its commit says."""
    wrong = [
        (hour, rows.get(hour, 0), commit.counts.written)
        for hour, commit in sorted(commits.items())
        if rows.get(hour, 0) != commit.counts.written
    ]
    if not wrong:
        hours = sorted(commits)
        return passed(f"{counted(hours, 'hour')} counted: {hours_text(hours) or 'none'}.")
    text = (
        f"Readers of the catalog see other rows than were written in {counted(wrong, 'hour')}."
        f" Materialize parquet/{contract.source} of the hour: it points the partition to the files"
        " of the commit again.\n\n"
    )
    lines = (f"- {hour}: Athena counts {seen}, the commit {said}" for hour, seen, said in wrong)
    return error(text + "\n".join(lines), hours=[str(hour) for hour, _, _ in wrong])
