"""Ask for a run for each stretch of hours whose manifests have arrived.

A message leaves the queue only when the run that it asked for exists: a tick that dies in between
loses nothing, because the message comes back and the run key keeps it from asking twice.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from etl_platform.aws.queue import Queue, Received
from etl_platform.components.s3_to_redshift import job_name
from etl_platform.contract.errors import PlatformError
from etl_platform.contract.hour import Hour, stretches
from etl_platform.contract.layout import Names
from etl_platform.contract.source import SourceContract
from etl_platform.ingest.message import BatchRequest

_MOST_MESSAGES = 400
_BRIDGED = 6
"""Absent hours that a stretch may hold: while a backlog lands, events arrive in some disorder, and
one run with a gap costs less than two. A run passes over hours without a manifest."""
_RUN_KEY_TAG = "dagster/run_key"
_RANGE_START_TAG = "dagster/asset_partition_range_start"
_RANGE_END_TAG = "dagster/asset_partition_range_end"

HOURS_TAG = "hours"
"""Shown in the list of runs, where Dagster hides its own tags of a range."""

_Asked = dict[str, list[str]]
"""Run key -> receipts of the messages that asked for this run."""


@dataclass(frozen=True)
class _Waiting:
    """A message that can be served."""

    request: BatchRequest
    receipt: str

    @property
    def hour(self) -> Hour:
        return self.request.hour


def manifest_sensor(
    contracts: Mapping[str, SourceContract], namespace: str, jobs: Sequence[Any]
) -> dg.SensorDefinition:
    """The one sensor of the installation; every source shares the queue."""

    @dg.sensor(
        name="manifest_sensor",
        jobs=jobs,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for runs for the manifests that the queue announces",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        queue = Queue(Names(namespace).queue)
        _acknowledge(context, queue, _read_cursor(context.cursor))
        waiting = list(_servable(context, contracts, queue.receive(_MOST_MESSAGES)))
        asked: _Asked = {}
        requests = list(_requests(contracts, waiting, asked))
        if not requests:
            context.update_cursor(json.dumps(asked))
            return dg.SkipReason("no manifest has arrived")
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(asked))

    return sensor


def _acknowledge(context: dg.SensorEvaluationContext, queue: Queue, asked: _Asked) -> None:
    """Delete the messages of the last tick whose runs exist; the others come back by themselves."""
    for run_key, receipts in asked.items():
        wanted = dg.RunsFilter(tags={_RUN_KEY_TAG: run_key})
        if context.instance.get_run_records(wanted, limit=1):
            queue.delete(receipts)


def _servable(
    context: dg.SensorEvaluationContext,
    contracts: Mapping[str, SourceContract],
    received: list[Received],
) -> Iterator[_Waiting]:
    """Messages of known sources and valid hours. The others end in the dead-letter queue."""
    now = Hour.containing(datetime.now(UTC))
    for message in received:
        try:
            request = BatchRequest.from_json(message.body)
        except PlatformError as error:
            context.log.error(f"message {message.message_id}: {error}")
            continue
        contract, hour = contracts.get(request.source), request.hour
        if contract is None:
            context.log.error(f"message {message.message_id}: no source {request.source!r}")
        elif hour > now or not contract.sends(hour):
            context.log.error(
                f"message {message.message_id}: {request.source} {hour} is no hour of the contract,"
                f" or lies in the future (it is {now})"
            )
        else:
            yield _Waiting(request, message.receipt)


def _requests(
    contracts: Mapping[str, SourceContract], waiting: list[_Waiting], asked: _Asked
) -> Iterator[dg.RunRequest]:
    by_source: dict[str, list[_Waiting]] = defaultdict(list)
    for item in waiting:
        by_source[item.request.source].append(item)
    for source, items in sorted(by_source.items()):
        most = contracts[source].hours_per_run
        for first, last in stretches([item.hour for item in items], most, _BRIDGED):
            inside = [item for item in items if first <= item.hour <= last]
            run_key = _run_key(source, first, last, inside)
            asked[run_key] = [item.receipt for item in inside]
            yield _request(source, first, last, run_key)


def _request(source: str, first: Hour, last: Hour, run_key: str) -> dg.RunRequest:
    if first == last:
        return dg.RunRequest(
            run_key,
            job_name=job_name(source),
            partition_key=str(first),
            tags={HOURS_TAG: str(first)},
        )
    return dg.RunRequest(
        run_key,
        job_name=job_name(source),
        tags={
            _RANGE_START_TAG: str(first),
            _RANGE_END_TAG: str(last),
            HOURS_TAG: f"{first} to {last}",
        },
    )


def _run_key(source: str, first: Hour, last: Hour, items: list[_Waiting]) -> str:
    """The same manifests ask for the same run, however often and in whatever order they arrive."""
    versions = sorted({f"{item.hour}={item.request.manifest_version}" for item in items})
    digest = hashlib.sha256("|".join(versions).encode()).hexdigest()[:16]
    return f"{source}|{first}|{last}|{digest}"


def _read_cursor(cursor: str | None) -> _Asked:
    """What the last tick asked for. An unreadable cursor costs a redelivery, never a message."""
    try:
        asked = json.loads(cursor or "{}")
    except json.JSONDecodeError:
        return {}
    return asked if isinstance(asked, dict) else {}
