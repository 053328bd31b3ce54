"""What Dagster is told of each hour: one materialization and one check result an hour.

A range run of Dagster gives every partition the same materialization, hours without data included.
So the assets declare optional outputs, never yield them, and log these events themselves.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from etl_platform.components import facts
from etl_platform.components.stages import PARQUET, RAW, REDSHIFT, asset_key
from etl_platform.contract.batch import Batch
from etl_platform.contract.errors import PlatformError, Terminal
from etl_platform.contract.hour import Hour
from etl_platform.contract.order import Report
from etl_platform.load.ledger import Entry

CHECKS = {
    RAW: ("manifest_complete", "Every file that the manifest lists is there, in its size"),
    PARQUET: ("rejects_within_limit", "No more records were rejected than the contract allows"),
    REDSHIFT: ("counts_reconcile", "The warehouse took exactly the rows that were converted"),
}

ERROR_CODE_TAG: Final = "error_code"

_MOST_RETRIES = 3
_FIRST_RETRY_S = 30
_PARTITIONS_A_QUERY = 200

_DATA_VERSION = "dagster/data_version"
_DATA_VERSION_IS_OURS = "dagster/data_version_is_user_provided"


@dataclass(frozen=True)
class Blocked:
    """An hour that a stage could not pass on, with the error that says why."""

    hour: Hour
    code: str
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else is known of the hour: its counts and reasons."""

    @classmethod
    def by(cls, hour: Hour, error: PlatformError) -> "Blocked":
        return cls(hour, error.code, str(error))


def pinned(batch: Batch) -> dg.AssetMaterialization:
    """`raw/<source>`: the manifest of the hour is checked and pinned."""
    return _materialization(
        RAW,
        batch,
        {
            "manifest": dg.MetadataValue.path(batch.manifest_url),
            "manifest_version": batch.manifest_version,
            "manifest_at": dg.MetadataValue.timestamp(batch.manifest_at),
            "files": len(batch.files),
            "size_bytes": batch.size_bytes,
            **facts.links(RAW, batch, {}),
        },
    )


def reported(
    stage: str,
    batch: Batch,
    report: Report,
    job: Mapping[str, Any],
    more: Mapping[str, dg.TableColumnLineage],
) -> dg.AssetMaterialization:
    """`parquet/<source>` and `redshift/<source>`: what the job said of the hour, and `more`."""
    said = {"outcome": report.outcome, **report.facts, **job}
    if stage == REDSHIFT:
        said |= facts.latency(batch)
    told = {**facts.shown(said), **facts.links(stage, batch, said), **more}
    return _materialization(stage, batch, told)


def told_again(entry: Entry) -> Iterator[dg.AssetMaterialization]:
    """What the ledger has of an hour, for all its stages: the load is the last of them."""
    counts = {name: value for name, value in asdict(entry).items() if name.startswith("rows_")}
    for stage in (RAW, PARQUET, REDSHIFT):
        metadata = {"manifest_version": entry.manifest_version, "told_by": "the ledger"}
        if stage == REDSHIFT:
            metadata |= {"outcome": entry.outcome.value, **counts, "loaded_by": entry.run_id}
        yield _materialization(stage, entry, metadata)


def passed(
    context: dg.OpExecutionContext, stage: str, source: str, told: Mapping[Hour, Mapping[str, Any]]
) -> Iterator[dg.AssetCheckEvaluation]:
    """The passed checks of hours whose materializations were yielded before, with their metadata.

    A result names the materialization that it is about: without it, Dagster takes the check of the
    hour for one of an earlier materialization, and shows none.
    """
    targets = _latest_materializations(context, asset_key(stage, source), told)
    for hour, metadata in told.items():
        yield _evaluation(stage, source, hour, True, None, metadata, targets.get(str(hour)))


def _latest_materializations(
    context: dg.OpExecutionContext, key: dg.AssetKey, hours: Collection[Hour]
) -> dict[str, AssetCheckEvaluationTargetMaterializationData]:
    found: dict[str, AssetCheckEvaluationTargetMaterializationData] = {}
    keys = [str(hour) for hour in hours]
    for first in range(0, len(keys), _PARTITIONS_A_QUERY):
        chunk = keys[first : first + _PARTITIONS_A_QUERY]
        wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=chunk)
        # Newest first: those of this run are the first of their hours.
        for record in context.instance.fetch_materializations(wanted, limit=len(chunk)).records:
            partition = str(record.partition_key)
            found.setdefault(
                partition,
                AssetCheckEvaluationTargetMaterializationData(
                    storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
                ),
            )
    return found


def failed(stage: str, source: str, blocked: Blocked) -> dg.AssetCheckEvaluation:
    return _evaluation(
        stage,
        source,
        blocked.hour,
        False,
        blocked.message,
        {"error_code": blocked.code, **blocked.facts},
    )


def failure(
    context: dg.OpExecutionContext, stage: str, source: str, blocked: list[Blocked]
) -> dg.Failure:
    """The end of a step that has no hour to hand on. Asking again would give the same answer."""
    first = blocked[0]
    _tag(context, first.code)
    others = f" ({len(blocked) - 1} more hours are blocked)" if len(blocked) > 1 else ""
    return dg.Failure(
        f"{stage}/{source} {first.hour}: {first.message}{others}",
        metadata={str(b.hour): b.message for b in blocked},
        allow_retries=False,
    )


@contextmanager
def errors_told(context: dg.OpExecutionContext, stage: str, source: str) -> Iterator[None]:
    """End a step by an error of the platform with its message alone, retried only if that can help.

    Everything else is a defect: it fails at once and keeps its traceback.
    """
    try:
        yield
    except PlatformError as error:
        if not isinstance(error, Terminal) and context.retry_number < _MOST_RETRIES:
            context.log.warning(str(error))
            raise dg.RetryRequested(
                _MOST_RETRIES, seconds_to_wait=_FIRST_RETRY_S * 2**context.retry_number
            ) from None
        _tag(context, error.code)
        raise dg.Failure(
            f"{stage}/{source}: {error}",
            metadata={"error_code": error.code, **facts.of_a_failed_job(error)},
            allow_retries=False,
        ) from None


def _tag(context: dg.OpExecutionContext, code: str) -> None:
    """Say in the list of runs why a run has failed. The sweep goes by it too."""
    context.instance.add_run_tags(context.run_id, {ERROR_CODE_TAG: code})


def _materialization(
    stage: str, batch: Batch | Entry, metadata: Mapping[str, Any]
) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=asset_key(stage, batch.source),
        partition=str(batch.hour),
        metadata={"batch_id": batch.batch_id, **metadata},
        tags={_DATA_VERSION: batch.batch_id, _DATA_VERSION_IS_OURS: "true"},
    )


def _evaluation(
    stage: str,
    source: str,
    hour: Hour,
    is_passed: bool,
    description: str | None,
    metadata: Mapping[str, Any],
    target: AssetCheckEvaluationTargetMaterializationData | None = None,
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=asset_key(stage, source),
        check_name=CHECKS[stage][0],
        passed=is_passed,
        description=description,
        partition=str(hour),
        target_materialization_data=target,
        metadata={"hour_utc": str(hour), **facts.shown(metadata)},
    )
