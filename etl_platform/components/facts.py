"""The facts of a report as Dagster shows them: numbers that plot, tables, and links to follow."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg

from etl_platform.aws.console import Console
from etl_platform.aws.glue import DEFAULT_LOG_GROUP
from etl_platform.components.stages import PARQUET, RAW, REDSHIFT, asset_key
from etl_platform.contract.batch import Batch
from etl_platform.contract.errors import JobCutShort, JobFailed, PlatformError
from etl_platform.contract.layout import Location
from etl_platform.contract.source import SourceContract

_REASONS: Final = "reasons"
_REASON_COLUMNS: Final = dg.TableSchema(
    [
        dg.TableColumn("column", "text", description="Empty for the record as a whole"),
        dg.TableColumn("reason", "text"),
        dg.TableColumn("records", "int"),
        dg.TableColumn("first_file", "text"),
        dg.TableColumn("first_record", "int", description="Its number in that file, from 1"),
    ]
)


def shown(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as metadata: the reasons of rejects as a table, addresses as paths. Lists that have
    nothing in them are left out, as most hours have neither rejects nor unreadable files."""
    return {name: _shown(name, value) for name, value in facts.items() if value not in ([], {})}


def _shown(name: str, value: Any) -> Any:
    if name == _REASONS and isinstance(value, list):
        return dg.MetadataValue.table(list(map(_record, value)), schema=_REASON_COLUMNS)
    if isinstance(value, list) and all(_is_word(item) for item in value):
        return ", ".join(value)
    if isinstance(value, list) and len(value) == 1:
        return _shown(name, value[0])
    if isinstance(value, dict | list):
        return dg.MetadataValue.json(value)
    if _is_address(value):
        return dg.MetadataValue.path(value)
    return value


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and not _is_address(value)


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("s3://")


def _record(reason: Mapping[str, Any]) -> dg.TableRecord:
    first: Mapping[str, Any] = next(iter(reason.get("examples", ())), {})
    return dg.TableRecord(
        {
            "column": reason["column"],
            "reason": reason["reason"],
            "records": reason["records"],
            "first_file": first.get("file", "").rpartition("/")[2] or None,
            "first_record": first.get("record"),
        }
    )


def latency(batch: Batch, now: datetime | None = None) -> dict[str, float]:
    """How long after its manifest an hour is in the warehouse; days, for an hour asked for late."""
    since = (now or datetime.now(UTC)) - batch.manifest_at
    return {"seconds_since_manifest": round(since.total_seconds(), 1)}


def links(stage: str, batch: Batch, facts: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Pages of the AWS console; none on a laptop, which has no console."""
    console = Console.of()
    if console is None:
        return {}
    return {name: dg.MetadataValue.url(page) for name, page in _pages(console, stage, batch, facts)}


def _pages(
    console: Console, stage: str, batch: Batch, facts: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    if stage == RAW:
        folder = Location.parse(batch.manifest_url.rpartition("/")[0] + "/")
        yield "raw_files", console.folder(folder)
    if stage == PARQUET and "commit" in facts:
        commit = Location.parse(facts["commit"])
        folder = Location(commit.bucket, commit.key.rpartition("/")[0] + "/")
        yield "parquet_files", console.folder(folder)
        yield "athena", console.query_editor()
    if "glue_run_id" in facts:
        yield "glue_run", console.glue_run(facts["glue_job"], facts["glue_run_id"])
        yield "glue_logs", console.logs(f"{facts['glue_log_group']}/output", facts["glue_run_id"])


def of_a_failed_job(error: PlatformError) -> dict[str, dg.MetadataValue]:
    """The end of the log of a run that did not succeed, and where the rest of it is."""
    if not isinstance(error, JobFailed | JobCutShort):
        return {}
    told: dict[str, dg.MetadataValue] = {"glue_run_id": dg.MetadataValue.text(error.run_id)}
    if error.log_tail:
        # The last line names the error, so it comes first.
        lines = "\n".join(reversed(error.log_tail))
        told["glue_last_errors_newest_first"] = dg.MetadataValue.md(f"```\n{lines}\n```")
    console = Console.of()
    if console is not None:
        told["glue_run"] = dg.MetadataValue.url(console.glue_run(error.job, error.run_id))
        errors = console.logs(f"{DEFAULT_LOG_GROUP}/error", error.run_id)
        told["glue_error_log"] = dg.MetadataValue.url(errors)
    return told


def column_lineage(stage: str, contract: SourceContract) -> dict[str, dg.TableColumnLineage]:
    """From which fields of the raw files, or columns of the stage before, each column comes.

    Dagster looks for it in the latest materialization.
    """
    before = asset_key({PARQUET: RAW, REDSHIFT: PARQUET}[stage], contract.source)
    deps = {
        column.name: [
            dg.TableColumnDep(before, name)
            for name in (_fields(contract, column.name) if stage == PARQUET else [column.name])
        ]
        for column in contract.table_columns
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(deps)}


def _fields(contract: SourceContract, name: str) -> Sequence[str]:
    """The fields of a raw record of which a column is made; none are known of what is captured."""
    # Imported here only: DuckDB is not needed to look at the definitions.
    from etl_platform.convert.derived import used_columns

    columns = {column.name: column for column in contract.columns}
    column = columns.get(name)
    if column is None:
        return ()
    if column.expression is None:
        return (column.path or column.name,)
    return sorted(columns[used].path or used for used in used_columns(column.expression))
