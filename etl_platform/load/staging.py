"""Files into the staging table: one COPY by one manifest, and not a row more or less."""

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from etl_platform.contract.checkpoints import checkpoint
from etl_platform.contract.commit import Commit
from etl_platform.contract.errors import CountsDisagree, PlatformError, WarehouseRefused
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.storage import Storage
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import sql
from etl_platform.load.key_range import KeyRange, around
from etl_platform.load.quoting import RoleArn
from etl_platform.load.target import Target

COPY = "COPY"


@dataclass(frozen=True)
class Staged:
    """What a COPY did. There is no manifest, and there was no COPY, if there was no file."""

    manifest_url: str | None
    copy_s: float
    query_id: int | None = None
    """The number of COPY in the history of queries."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """How many rows of each batch are staged."""
    ranges: tuple[KeyRange, ...] = ()
    """Of the key columns by which tables are sorted; none if nothing is staged."""


def copy_manifest(commits: Iterable[Commit]) -> bytes:
    """The manifest for COPY. Redshift asks for the exact length of every Parquet file, and passes
    over a missing file that is not mandatory."""
    entries = [
        {"url": file.url, "mandatory": True, "meta": {"content_length": file.size_bytes}}
        for commit in commits
        for file in commit.files
    ]
    return json.dumps({"entries": entries}).encode()


def stage(
    warehouse: Warehouse,
    storage: Storage,
    names: Names,
    target: Target,
    role: RoleArn,
    commits: Sequence[Commit],
) -> Staged:
    """Make the staging table and fill it with the rows of some batches; check every count."""
    warehouse.execute(sql.create_staging(target), name="the staging table")
    staged = Staged(None, 0.0)
    copied = 0
    if any(commit.files for commit in commits):
        body = copy_manifest(commits)
        # Named by its content, a manifest is never written over while another COPY reads it.
        location = names.copy_manifest(
            target.contract.source, hashlib.sha256(body).hexdigest()[:32]
        )
        storage.write(location, body)
        started = time.monotonic()
        _copy(warehouse, target, str(location), role)
        checkpoint("load.after_copy")
        copy_s = time.monotonic() - started
        ((count, query_id),) = warehouse.fetch(sql.LAST_COPY, name="the count of COPY")
        staged, copied = Staged(str(location), copy_s, int(query_id)), int(count)
    ranged = target.ranged_key
    by_batch = sql.rows_by_batch(sql.STAGING, ranged)
    counted = warehouse.fetch(by_batch, name="the count of staged rows")
    found = [(str(b), Hour(_utc(h)), int(n)) for b, h, n, *_ in counted]
    check_counts(commits, copied, found)
    return replace(
        staged,
        rows={batch_id: count for batch_id, _, count in found},
        ranges=around(ranged, [ends for _, _, _, *ends in counted]),
    )


def check_counts(
    commits: Sequence[Commit], copied: int, staged: Iterable[tuple[str, Hour, int]]
) -> None:
    """Raise CountsDisagree unless COPY and the staging table have what the commits promise."""
    promised = {
        (commit.batch.batch_id, commit.batch.hour): commit.counts.written
        for commit in commits
        if commit.counts.written
    }
    total = sum(promised.values())
    if copied != total:
        raise CountsDisagree(COPY, f"{copied} rows loaded", f"{total} rows in the commits")
    found = {(batch_id, hour): count for batch_id, hour, count in staged}
    wrong = sorted(
        place for place in promised.keys() | found.keys() if promised.get(place) != found.get(place)
    )
    if wrong:
        batch_id, hour = wrong[0]
        others = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise CountsDisagree(
            f"batch {batch_id[:8]} of {hour}{others} in the staging table",
            f"{found.get(wrong[0], 0)} rows",
            f"{promised.get(wrong[0], 0)} rows, as its commit says",
        )


def _copy(warehouse: Warehouse, target: Target, manifest_url: str, role: RoleArn) -> None:
    try:
        warehouse.execute(sql.copy(target, manifest_url, role), name=COPY)
    except WarehouseRefused as error:
        refused = error
    else:
        return
    more = "; ".join([refused.message, *_load_errors(warehouse)])
    raise WarehouseRefused(refused.statement, refused.sqlstate, more)


def _load_errors(warehouse: Warehouse) -> list[str]:
    """What the warehouse has written down of the COPY that failed, if it can be read."""
    try:
        # The transaction has failed, and answers no query before it is rolled back.
        warehouse.rollback()
        rows = warehouse.fetch(sql.LAST_LOAD_ERRORS, name="the look at the load errors")
    except PlatformError:
        return []
    return [f"column {column}: error {code}" for column, code in rows]


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
