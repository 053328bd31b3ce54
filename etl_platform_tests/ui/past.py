"""A past for Dagster to show: loaded hours of a source, in the events that its runs would log."""

import logging
import math
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

import dagster as dg
from dagster._core.events import DagsterEvent, StepMaterializationData
from dagster._core.storage.event_log import SqlEventLogStorage

from etl_platform.components import events
from etl_platform.components.events import Blocked
from etl_platform.components.past import RANGE_END_TAG, RANGE_START_TAG
from etl_platform.components.s3_to_redshift import job_name
from etl_platform.components.stages import PARQUET, REDSHIFT
from etl_platform.contract.batch import Batch, SourceFile
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.order import Report

_HOURS_A_RUN: Final = 168
_EVENTS_AT_ONCE: Final = 1000
_NAMES: Final = Names("etl-platform")
_GLUE: Final = {
    "glue_job": "etl-platform-load",
    "glue_run_id": "jr_0",
    "glue_log_group": "/aws-glue/jobs",
    "glue_dollars": 0.02,
}


def remember(instance: dg.DagsterInstance, source: str, hours: Sequence[Hour]) -> None:
    """Have the hours of a source loaded by runs of a week each, and the newest one blocked."""
    for first in range(0, len(hours), _HOURS_A_RUN):
        _remember_run(instance, source, hours[first : first + _HOURS_A_RUN])
    for stage in (PARQUET, REDSHIFT):
        blocked = Blocked(hours[-1], "REJECT_LIMIT", "412 of 1000 records were rejected")
        instance.report_runless_asset_event(events.failed(stage, source, blocked))


def _remember_run(instance: dg.DagsterInstance, source: str, hours: Sequence[Hour]) -> None:
    job, run_id = job_name(source), str(uuid.uuid4())
    tags = {RANGE_START_TAG: str(hours[0]), RANGE_END_TAG: str(hours[-1])}
    instance.add_run(
        dg.DagsterRun(job_name=job, run_id=run_id, status=dg.DagsterRunStatus.SUCCESS, tags=tags)
    )
    entries = [
        dg.EventLogEntry(
            error_info=None,
            level=logging.INFO,
            user_message="",
            run_id=run_id,
            timestamp=hour.plus(1).start.timestamp(),
            job_name=job,
            dagster_event=DagsterEvent(
                event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
                job_name=job,
                event_specific_data=StepMaterializationData(materialization, []),
            ),
        )
        for hour in hours
        for materialization in _materializations(source, hour)
    ]
    # One event at a time, which is how runs log them, would take minutes for years of hours. The
    # last of each asset goes that way, as with it Dagster learns of the asset.
    *most, _, _, _ = entries
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    for first in range(0, len(most), _EVENTS_AT_ONCE):
        with storage.index_connection() as connection:
            connection.execute(
                storage.prepare_insert_event_batch(most[first : first + _EVENTS_AT_ONCE])
            )
    for entry in entries[-3:]:
        instance.store_event(entry)


def _materializations(source: str, hour: Hour) -> Iterator[dg.AssetMaterialization]:
    manifest = _NAMES.manifest(source, hour)
    rows = 1000 + round(300 * math.sin(hour.start.timestamp() / 86_400))
    batch = Batch(
        source=source,
        hour=hour,
        manifest_url=str(manifest),
        manifest_version="v1",
        manifest_at=datetime.now(UTC),
        files=(
            SourceFile(bucket=manifest.bucket, key=manifest.key, version_id="v1", size_bytes=rows),
        ),
    )
    yield events.pinned(batch)
    for stage, facts in (
        (PARQUET, {"rows_read": rows, "rows_written": rows - 7, "rows_rejected": 7}),
        (REDSHIFT, {"rows_loaded": rows - 7}),
    ):
        report = Report(hour=hour, batch_id=batch.batch_id, outcome="done", facts=facts)
        yield events.reported(stage, batch, report, _GLUE, {})
