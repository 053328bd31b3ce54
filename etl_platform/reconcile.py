"""Counts an hour again wherever it lies, raw, Parquet, ledger and warehouse, and says why two
counts differ. A difference that no rule of the strategy explains is a fault. Where it is asked for,
the rows themselves are compared too."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform.contract.commit import Commit
from etl_platform.contract.errors import ContractChanged, NotConverted, ObjectMissing, Terminal
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location
from etl_platform.contract.manifest import Manifest
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import comparison_sql, evolution, ledger, sql
from etl_platform.load.comparison import Comparison
from etl_platform.load.ledger import Entry
from etl_platform.load.quoting import RoleArn
from etl_platform.load.target import Target
from etl_platform.status import StatusReader


@dataclass(frozen=True)
class Finding:
    """A difference in words."""

    text: str
    is_explained: bool


@dataclass(frozen=True)
class Recount:
    """What was found of the batch that the manifest of an hour stands for. None is unknown, or not
    there yet."""

    hour: Hour
    batch_id: str
    promised: int | None
    """Records by the manifest, if it says so for every file."""
    commit: Commit | None
    parquet_rows: int | None
    """By the footers of the files. None where one is gone, or is no Parquet."""
    entry: Entry | None
    table_rows: dict[str, int]
    """Rows of the hour in the table, by batch."""
    ledger_batches: frozenset[str]
    """Batches of the hour that the ledger has."""
    is_newest: bool
    """Whether the ledger has no later hour."""
    begun: tuple[str, ...] = ()
    """Batches for which the table was emptied, and which are not in it yet."""
    of_rows: tuple[Finding, ...] = ()
    """What the comparison of rows has found, if there was one."""


COLUMNS = ("hour", "raw", "read", "written", "in Parquet", "applied", "in the table", "difference")


def row(recount: Recount, found: list[Finding]) -> tuple[object, ...]:
    """One hour under `COLUMNS`."""
    counts = recount.commit.counts if recount.commit else None
    return (
        str(recount.hour),
        recount.promised,
        counts.read if counts else None,
        counts.written if counts else None,
        recount.parquet_rows,
        recount.entry.rows_applied if recount.entry else None,
        sum(recount.table_rows.values()),
        "; ".join(("" if f.is_explained else "UNEXPLAINED: ") + f.text for f in found),
    )


def recount(
    reader: StatusReader, warehouse: Warehouse, hours: list[Hour], role: RoleArn | None = None
) -> Iterator[Recount]:
    """Count the hours among these that have a manifest. With the role that COPY takes on, compare
    their rows too."""
    target = Target(reader.contract)
    comparison = None
    if role is not None:
        evolution.check(warehouse, target)
        comparison = Comparison(warehouse, reader.storage, reader.names, target, role)
    landed = reader.landed(hours)
    commits, entries = reader.commits(landed), reader.entries(warehouse, landed)
    newest = ledger.newest(warehouse, target)
    begun = tuple(entry.batch_id for entry in ledger.begun(warehouse, target))
    for item in landed:
        commit = commits.get(item.batch_id)
        counted = warehouse.fetch(
            sql.rows_of_hour(target.table, item.hour.start), name="the count of the hour"
        )
        known = ledger.between(warehouse, target, item.hour, item.hour)
        yield Recount(
            item.hour,
            item.batch_id,
            _promised(reader, item.hour),
            commit,
            _parquet_rows(reader, commit) if commit else None,
            entries.get(item.batch_id),
            {str(batch): int(count) for batch, count in counted},
            frozenset(entry.batch_id for entry in known),
            newest is None or newest.hour <= item.hour,
            begun,
            tuple(_of_rows(comparison, item.hour)) if comparison else (),
        )


def strangers(
    contract: SourceContract, warehouse: Warehouse, counted: Iterable[Recount]
) -> list[tuple[object, ...]]:
    """Under `COLUMNS`, the rows that no load has brought, but for those of the counted hours, in
    which they are found anyway."""
    known = {one.hour.start.replace(tzinfo=None) for one in counted}
    statement = comparison_sql.strangers(Target(contract))
    found = warehouse.fetch(statement, name="the count of rows that no load has brought")
    return [
        (str(moment), *[None] * 5, int(rows), f"UNEXPLAINED: {_unknown(int(rows), str(batch))}")
        for moment, batch, rows in found
        if moment not in known
    ]


def _unknown(rows: int, batch: str) -> str:
    return f"{rows} rows are of batch {batch}, which the ledger has not"


def _of_rows(comparison: Comparison, hour: Hour) -> Iterator[Finding]:
    comparison.warehouse.rollback()
    try:
        for difference in comparison.of(hour):
            yield Finding(difference.text, is_explained=False)
    except Terminal as error:
        # Files that are gone, or that an older contract has made, say nothing of the rows.
        is_explained = isinstance(error, NotConverted | ContractChanged)
        yield Finding(f"its rows are not compared: {error}", is_explained=is_explained)
    finally:
        # With it the temporary tables go.
        comparison.warehouse.rollback()


def _promised(reader: StatusReader, hour: Hour) -> int | None:
    place = reader.names.manifest(reader.contract.source, hour)
    manifest = Manifest.parse(reader.storage.read(place), place)
    total = 0
    for entry in manifest.entries:
        if entry.meta.record_count is None:
            return None
        total += entry.meta.record_count
    return total


def _parquet_rows(reader: StatusReader, commit: Commit) -> int | None:
    total = 0
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "part.parquet"
        for file in commit.files:
            try:
                reader.storage.fetch(Location(file.bucket, file.key), None, local)
                total += pq.read_metadata(local).num_rows
            except (ObjectMissing, pa.ArrowInvalid):
                return None
    return total


def findings(contract: SourceContract, of: Recount) -> list[Finding]:
    """Every difference between two neighbours on the way of the hour."""
    if of.commit is None:
        return [Finding("it is not converted yet", is_explained=True)]
    found = list(_on_the_way(of, of.commit))
    if of.entry is None:
        found.append(Finding("it is not loaded yet", is_explained=True))
    else:
        found += _in_the_warehouse(contract, of, of.entry)
    found += of.of_rows
    for batch in sorted(of.table_rows.keys() - of.ledger_batches):
        found.append(Finding(_unknown(of.table_rows[batch], batch), is_explained=False))
    return found


def _on_the_way(of: Recount, commit: Commit) -> Iterator[Finding]:
    counts = commit.counts
    if of.promised is not None and of.promised != counts.read:
        text = f"the manifest promises {of.promised} records, and {counts.read} were read"
        yield Finding(text, is_explained=False)
    if left := counts.rejected + counts.superseded:
        text = (
            f"{left} records were not written: {counts.rejected} rejected,"
            f" {counts.superseded} superseded in their hour"
        )
        yield Finding(text, is_explained=counts.read == counts.written + left)
    if of.parquet_rows is None:
        yield Finding("a file that the commit names is gone or broken", is_explained=False)
    elif of.parquet_rows != counts.written:
        text = f"the files have {of.parquet_rows} rows, and the commit says {counts.written}"
        yield Finding(text, is_explained=False)
    if of.entry is not None and of.entry.rows_written != counts.written:
        text = f"the ledger has {of.entry.rows_written} rows, and the commit {counts.written}"
        yield Finding(text, is_explained=False)


def _in_the_warehouse(contract: SourceContract, of: Recount, entry: Entry) -> Iterator[Finding]:
    load, rows = contract.load, of.table_rows.get(of.batch_id, 0)
    if load.strategy in ("append", "refresh"):
        is_replaced = load.strategy == "refresh" and not of.is_newest
        expected = 0 if is_replaced else entry.rows_applied
        if of.begun and not of.table_rows:
            text = f"the table is empty until the load of batch {of.begun[-1]} is ended"
            yield Finding(text, is_explained=True)
        elif rows != expected:
            text = f"the table has {rows} rows of it, and the ledger says {expected}"
            yield Finding(text, is_explained=False)
        elif expected != entry.rows_written:
            yield Finding("a later batch stands for it in the table", is_explained=True)
        return
    # Of a journal older rows come back when newer ones are retracted, and count as applied later.
    most = entry.rows_written if load.keeps_journal else entry.rows_applied
    if rows > most:
        text = f"the table has {rows} rows of it, and {most} at most were loaded"
        yield Finding(text, is_explained=False)
    elif rows < entry.rows_written:
        text = (
            f"{entry.rows_written - rows} of its rows are not the newest of their key,"
            " or repeat the state before, or were deleted"
        )
        yield Finding(text, is_explained=True)
