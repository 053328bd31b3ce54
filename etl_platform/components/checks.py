"""Checks of a source as a whole, which run by the clock and not with its hours."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import dagster as dg

from etl_platform.aws.s3 import S3
from etl_platform.aws.secrets import read_secret
from etl_platform.aws.warehouse import connect
from etl_platform.components import events
from etl_platform.components.glue_jobs import GlueJobs
from etl_platform.components.sensor import Clock, utc_now
from etl_platform.components.stages import REDSHIFT, asset_key
from etl_platform.contract.errors import Terminal
from etl_platform.contract.layout import Names
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.ingest.arrivals import Contracts
from etl_platform.load import audit_sql, evolution
from etl_platform.load.target import Target
from etl_platform.status import StatusReader
from etl_platform.watching import Missing, Unusual, expected_hours, missing_hours, unusual_hours

COMPLETE: Final = "hours_complete"
VOLUME: Final = "volume_usual"
UNIQUE: Final = "key_unique"
TABLE: Final = "table_as_in_contract"

WATCH: Final = "watch"
AUDIT: Final = "audit"
_WATCH_AT: Final = "25 * * * *"
_AUDIT_AT: Final = "40 4 * * *"
_MOST_SHOWN: Final = 50

_ABOUT: Final = {
    COMPLETE: "The newest hours that should be there are in the warehouse, in their newest version",
    VOLUME: "The newest hours have about as many rows as the same hours of past weeks",
    UNIQUE: "No two rows of the table have the same key; reads the key columns of the whole table",
    TABLE: "The table has the columns that the contract asks for",
}


def watch_checks(contract: SourceContract, clock: Clock = utc_now) -> dg.AssetChecksDefinition:
    """What can be told by the ledger alone, which is small."""
    source = contract.source

    def run(
        context: dg.AssetCheckExecutionContext, glue_jobs: GlueJobs
    ) -> Iterator[dg.AssetCheckResult]:
        reader = StatusReader(S3(), Names(glue_jobs.namespace), contract)
        hours = expected_hours(contract, clock())
        with (
            events.errors_told(context.op_execution_context, REDSHIFT, source),
            connect(read_secret(reader.names.service_secret)) as warehouse,
        ):
            missing = missing_hours(reader, warehouse, hours)
            unusual, compared = unusual_hours(contract, warehouse, hours)
        yield completeness(source, len(hours), missing)
        yield volume(source, compared, unusual)

    return _checks(f"{source}__{WATCH}", source, (COMPLETE, VOLUME), run)


def audit_checks(contract: SourceContract) -> dg.AssetChecksDefinition:
    """What takes a look at the table itself."""
    source, target = contract.source, Target(contract)
    names = (TABLE, UNIQUE) if has_unique_key(contract) else (TABLE,)

    def run(
        context: dg.AssetCheckExecutionContext, glue_jobs: GlueJobs
    ) -> Iterator[dg.AssetCheckResult]:
        secret = Names(glue_jobs.namespace).service_secret
        with (
            events.errors_told(context.op_execution_context, REDSHIFT, source),
            connect(read_secret(secret)) as warehouse,
        ):
            problem = _difference(warehouse, target)
            # Without the table that the contract asks for, nothing can be said of its keys.
            doubled = 0 if problem or UNIQUE not in names else doubled_keys(warehouse, target)
        yield _result(source, TABLE, not problem, problem or "As in the contract.", {})
        if UNIQUE in names:
            yield uniqueness(target, doubled, is_known=not problem)

    return _checks(f"{source}__{AUDIT}", source, names, run)


def checking(contracts: Contracts) -> dg.Definitions:
    """The checks of all sources, and the two jobs that run them by the clock."""
    watched = [watch_checks(contract) for contract in contracts.values()]
    audited = [audit_checks(contract) for contract in contracts.values()]
    return dg.Definitions(
        asset_checks=[*watched, *audited],
        schedules=[
            _schedule(WATCH, watched, _WATCH_AT, "whether the newest hours are there, and usual"),
            _schedule(AUDIT, audited, _AUDIT_AT, "whether keys are unique and tables as declared"),
        ],
    )


def has_unique_key(contract: SourceContract) -> bool:
    """Whether the load keeps one row of each key; of a history, one that is current."""
    return contract.load.strategy in ("upsert", "scd2")


def doubled_keys(warehouse: Warehouse, target: Target) -> int:
    """How many keys have more than one row."""
    statement = audit_sql.count_doubled_keys(target)
    return int(warehouse.fetch(statement, name="the count of doubled keys")[0][0])


def completeness(source: str, looked_at: int, missing: Sequence[Missing]) -> dg.AssetCheckResult:
    """The result of a look for hours that are missed."""
    table = [
        dg.TableRecord({"hour_utc": str(m.hour), "why": m.why, "what_to_do": m.remedy})
        for m in missing[-_MOST_SHOWN:]
    ]
    told = f"{looked_at} hours are there." if looked_at else "No hour is expected."
    if missing:
        first = missing[0]
        told = f"{len(missing)} of {looked_at} hours are missing, the first {first.hour}:"
        told = f"{told} {first.why}. {first.remedy}."
    facts = {"hours_looked_at": looked_at, "hours_missing": len(missing)}
    return _result(source, COMPLETE, not missing, told, facts, {"missing": table})


def volume(source: str, compared: int, unusual: Sequence[Unusual]) -> dg.AssetCheckResult:
    """The result of a comparison with past weeks; it warns, because it cannot know."""
    table = [
        dg.TableRecord({"hour_utc": str(u.hour), "rows": u.rows, "usual": u.usual})
        for u in unusual[-_MOST_SHOWN:]
    ]
    told = f"{compared} hours compared, all as usual."
    if unusual:
        newest = unusual[-1]
        told = f"{len(unusual)} of {compared} hours are unusual, the newest {newest.hour}:"
        told = f"{told} {newest.rows} rows instead of about {newest.usual:.0f}. Ask its source."
    facts = {"hours_compared": compared, "hours_unusual": len(unusual)}
    more = {"unusual": table}
    return _result(
        source, VOLUME, not unusual, told, facts, more, severity=dg.AssetCheckSeverity.WARN
    )


def uniqueness(target: Target, doubled: int, *, is_known: bool) -> dg.AssetCheckResult:
    """The result of a count of keys."""
    told = "Every key has one row."
    if not is_known:
        told = f"Not looked at: see {TABLE}."
    elif doubled:
        told = (
            f"{doubled} keys of {target.table} have more than one row. The loads keep one: look for"
            " another writer in sys_query_history, delete its rows and load their hours again."
        )
    source = target.contract.source
    return _result(source, UNIQUE, is_known and not doubled, told, {"doubled_keys": doubled})


def _difference(warehouse: Warehouse, target: Target) -> str:
    try:
        evolution.check(warehouse, target)
    except Terminal as error:
        return str(error)
    return ""


def _checks(
    name: str, source: str, checks: Sequence[str], run: Callable[..., Any]
) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(check, asset=asset_key(REDSHIFT, source), description=f"{_ABOUT[check]}.")
        for check in checks
    ]
    return dg.multi_asset_check(name=name, specs=specs)(run)


def _schedule(
    name: str, checks: Sequence[dg.AssetChecksDefinition], cron: str, about: str
) -> dg.ScheduleDefinition:
    job = dg.define_asset_job(
        name, selection=dg.AssetSelection.checks(*checks), description=f"Looks {about}."
    )
    return dg.ScheduleDefinition(
        name=f"{name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Looks {about}: the checks of every source, in one run.",
    )


def _result(
    source: str,
    check: str,
    passed: bool,
    told: str,
    numbers: dict[str, int],
    tables: dict[str, list[dg.TableRecord]] | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    shown = {name: dg.MetadataValue.table(rows) for name, rows in (tables or {}).items() if rows}
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=asset_key(REDSHIFT, source),
        check_name=check,
        severity=severity,
        description=told,
        metadata={**numbers, **shown},
    )
