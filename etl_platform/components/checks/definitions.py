"""The checks as Dagster has them: which there are, what runs them, and when.

Two runs look at all sources: one each hour, which asks the ledgers once, and one each day, which
reads the tables. A run that makes assets leaves them out: it has a check of each hour of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import dagster as dg

from etl_platform.components import events
from etl_platform.components.checks import hours, tables
from etl_platform.components.checks.hours import Watched
from etl_platform.components.checks.tables import Table
from etl_platform.components.checks.verdict import Verdict
from etl_platform.components.sensor import Clock, utc_now
from etl_platform.components.stages import PARQUET, REDSHIFT, asset_key
from etl_platform.contract.athena import CountRows
from etl_platform.contract.errors import PlatformError
from etl_platform.contract.layout import Names
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.contract.warehouse import Warehouse
from etl_platform.hour_states import look
from etl_platform.ingest.arrivals import Contracts
from etl_platform.load import ledger
from etl_platform.status import StatusReader

WATCH: Final = "watch_hours"
INSPECT: Final = "inspect_tables"

# A step must not have the name of a job: Dagster takes both for the same graph.
_STEP_OF_HOURS: Final = "look_at_hours"
_STEP_OF_TABLES: Final = "look_at_tables"

_HOURLY: Final = "7 * * * *"
_DAILY: Final = "37 4 * * *"

_OF_HOURS: Final = {
    "completeness": "Every hour that is due by the contract is in the ledger, by the manifest that"
    " lies in S3. Names the others, and for each why: no manifest, blocked by an error, landed and"
    " not loaded, or stale.",
    "freshness": "How old the newest loaded hour is, and how long it took from its manifest."
    " A late hour that is loaded makes nothing fresh.",
    "volume": f"The rows of each due hour against the same hour of the {hours.WEEKS} weeks before."
    " Only warns, and is quiet while there is little history.",
}
_OF_TABLES: Final[dict[str, Callable[[Table], Verdict]]] = {
    "key_unique": tables.key_unique,
    "counts_still_reconcile": tables.counts_still_reconcile,
    "schema_drift": tables.schema_drift,
}
_ABOUT_TABLES: Final = {
    "key_unique": "No key has two rows; of a history, two current ones. Reads the key columns of"
    " the whole table.",
    "counts_still_reconcile": "Manifest, commit, files, ledger and table agree on the newest"
    f" {tables.RECOUNTED_HOURS} hours. Fetches their Parquet files.",
    "schema_drift": "The table has the columns of the contract. Reads the catalog of the"
    " warehouse only.",
}
_CATALOG_COUNTS: Final = "catalog_counts"
_ABOUT_CATALOG: Final = (
    "Athena, by the partitions of the catalog, counts in the newest"
    f" {tables.RECOUNTED_HOURS} loaded hours the rows that their commits say. Athena reads the"
    " footers of those files."
)


@dataclass(frozen=True)
class Edges:
    """What the checks look through."""

    names: Names
    storage: Storage
    connect: Callable[[], AbstractContextManager[Warehouse]]
    count_rows: CountRows
    clock: Clock = utc_now

    def reader(self, contract: SourceContract) -> StatusReader:
        return StatusReader(self.storage, self.names, contract)


def checks(contracts: Contracts, edges: Edges) -> dg.Definitions:
    """The checks of all sources, their two jobs and their two schedules."""
    watching, inspecting = _watch(contracts, edges), _inspect(contracts, edges)
    jobs = {
        definition: dg.define_asset_job(
            name,
            selection=dg.AssetSelection.checks(*definition.check_keys),
            description=description,
        )
        for name, definition, description in (
            (WATCH, watching, "Completeness, freshness and volume of every source."),
            (INSPECT, inspecting, "Keys, counts and columns of every table."),
        )
    }
    schedules = [
        dg.ScheduleDefinition(
            job=jobs[definition],
            cron_schedule=cron,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
        for definition, cron in ((watching, _HOURLY), (inspecting, _DAILY))
    ]
    return dg.Definitions(
        asset_checks=[watching, inspecting], jobs=list(jobs.values()), schedules=schedules
    )


def _watch(contracts: Contracts, edges: Edges) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(name, asset=asset_key(REDSHIFT, source), description=about)
        for source in sorted(contracts)
        for name, about in _OF_HOURS.items()
    ]

    @dg.multi_asset_check(name=_STEP_OF_HOURS, specs=specs, can_subset=True)
    def watch_hours(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        wanted = _wanted(context)
        chosen = [contracts[source] for source in sorted({_source(key) for key in wanted})]
        if not chosen:
            return
        now = edges.clock()
        with (
            events.errors_told(context.op_execution_context, "checks", WATCH),
            edges.connect() as warehouse,
        ):
            entries = ledger.of_all_sources(warehouse, hours.stretches_to_read(chosen, now))
        for contract in chosen:
            watched = Watched(contract, now, entries.get(contract.source, ()))
            for key in wanted:
                if _source(key) == contract.source:
                    yield _result(key, _of_hours(key.name, watched, edges))

    return watch_hours


def _of_hours(check: str, watched: Watched, edges: Edges) -> Verdict:
    if check == "freshness":
        return hours.freshness(watched)
    if check == "volume":
        return hours.volume(watched)
    try:
        found = look(edges.reader(watched.contract), watched.due, watched.due, watched.known)
    except PlatformError as failed:
        return Verdict("error", f"The check could not look: {failed}")
    return hours.completeness(watched, found)


def _inspect(contracts: Contracts, edges: Edges) -> dg.AssetChecksDefinition:
    specs = [spec for _, contract in sorted(contracts.items()) for spec in _of_table(contract)]

    @dg.multi_asset_check(name=_STEP_OF_TABLES, specs=specs, can_subset=True)
    def inspect_tables(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        for key in _wanted(context):
            reader = edges.reader(contracts[_source(key)])
            # A connection for each: what fails on one leaves nothing for the next.
            try:
                with edges.connect() as warehouse:
                    verdict = _inspected(key.name, Table(reader, warehouse), edges)
            except PlatformError as failed:
                verdict = Verdict("error", f"The check could not look: {failed}")
            yield _result(key, verdict)

    return inspect_tables


def _of_table(contract: SourceContract) -> Iterator[dg.AssetCheckSpec]:
    source = contract.source
    has_one_row_a_key = contract.load.strategy in ("upsert", "scd2")
    for name, about in _ABOUT_TABLES.items():
        if name != "key_unique" or has_one_row_a_key:
            yield dg.AssetCheckSpec(name, asset=asset_key(REDSHIFT, source), description=about)
    yield dg.AssetCheckSpec(
        _CATALOG_COUNTS, asset=asset_key(PARQUET, source), description=_ABOUT_CATALOG
    )


def _inspected(check: str, table: Table, edges: Edges) -> Verdict:
    if check != _CATALOG_COUNTS:
        return _OF_TABLES[check](table)
    commits = table.commits(table.recent_hours())
    rows = edges.count_rows(table.contract.source, sorted(commits)) if commits else {}
    return tables.catalog_counts(table.contract, commits, rows)


def _wanted(context: dg.AssetCheckExecutionContext) -> Sequence[dg.AssetCheckKey]:
    run = context.op_execution_context.run
    if run.asset_selection:
        return []
    return sorted(context.selected_asset_check_keys)


def _source(key: dg.AssetCheckKey) -> str:
    return key.asset_key.path[1]


def _result(key: dg.AssetCheckKey, verdict: Verdict) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=verdict.grade == "passed",
        severity=(
            dg.AssetCheckSeverity.ERROR if verdict.grade == "error" else dg.AssetCheckSeverity.WARN
        ),
        description=verdict.text,
        metadata=verdict.facts,
    )
