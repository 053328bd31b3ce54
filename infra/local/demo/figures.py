"""The figures of a demo, and how they are drawn."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from rich.table import Table

from etl_platform.aws import glue
from etl_platform.commands.rendering import table
from etl_platform.contract.batch import Batch
from etl_platform.contract.commit import Commit
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.order import Order
from etl_platform.contract.storage import Storage
from etl_platform.load.ledger import Entry
from infra.local.demo.follow import Seen

FIGURES = (
    *("hours landed", "hours loaded", "hours blocked"),
    *("rows read", "rows loaded", "rows rejected", "rows superseded"),
    *("manifest to ledger, median s", "manifest to ledger, longest s"),
    *("Glue runs", "Glue DPU-seconds"),
)
REJECT_COLUMNS = ("source", "hour", "column", "reason", "records")


@dataclass(frozen=True)
class GlueUse:
    """What one source took of Glue."""

    runs: int = 0
    dpu_seconds: float = 0.0


def glue_use(storage: Storage, names: Names, since: float) -> dict[str, GlueUse]:
    """The job runs since a moment, by the source that their orders name."""
    began = datetime.fromtimestamp(since, UTC)
    used: dict[str, GlueUse] = {}
    for job in (names.convert_job, names.load_job):
        for run in glue.since(job, began):
            body = storage.read(Location.parse(run.arguments["--order"]))
            source = Order.model_validate_json(body).contract.source
            sum_until_now = used.get(source, GlueUse())
            used[source] = GlueUse(
                sum_until_now.runs + 1, sum_until_now.dpu_seconds + run.dpu_seconds
            )
    return used


def draw_sources(
    seen: Mapping[str, Seen],
    put_at: Mapping[tuple[str, str], float],
    used: Mapping[str, GlueUse],
) -> Table:
    """One column for each source: so the figures fit the width of any terminal."""
    columns = [
        _figures(source, one, put_at, used.get(source, GlueUse())) for source, one in seen.items()
    ]
    rows = list(zip(FIGURES, *columns, strict=True))
    return table(("", *seen), rows, title="Two days of three sources")


def _figures(
    source: str, one: Seen, put_at: Mapping[tuple[str, str], float], used: GlueUse
) -> tuple[object, ...]:
    entries = one.entries.values()
    took_s = [loaded_at_s(entry) - put_at[source, str(entry.hour)] for entry in entries]
    return (
        len(one.landed),
        len(entries),
        len(one.blocked),
        sum(entry.rows_read for entry in entries),
        sum(entry.rows_applied for entry in entries),
        sum(entry.rows_rejected for entry in entries),
        # Rows of an older delivery of a whole table are superseded as well, by the newer one.
        sum(entry.rows_superseded + entry.rows_outdated for entry in entries),
        round(median(took_s), 1) if took_s else None,
        round(max(took_s), 1) if took_s else None,
        used.runs,
        round(used.dpu_seconds, 1),
    )


def loaded_at_s(entry: Entry) -> float:
    """When an entry was written into the ledger, in seconds since 1970."""
    if entry.loaded_at is None:
        raise ValueError(f"the entry of batch {entry.batch_id} was not read from the ledger")
    return entry.loaded_at.timestamp()


def draw_rejects(commits: Iterable[Commit]) -> Table:
    """Why records were kept out, and of which hours."""
    rows = [
        (*_place(commit.batch), reason.column or "the whole record", reason.reason, reason.records)
        for commit in commits
        for reason in commit.reasons
    ]
    return table(REJECT_COLUMNS, sorted(rows), title="Records kept out, with their reasons")


def _place(batch: Batch) -> tuple[str, str]:
    return batch.source, str(batch.hour)
