"""What Dagster knows of the past of hours: the runs that they were asked for, what is loaded.

Each run says in its tags which batch of each hour it was asked for. So a run is found by hour and
batch with one look at an index, whichever sensor asked for it and however many runs there are.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

import dagster as dg

from etl_platform.components.events import ERROR_CODE_TAG
from etl_platform.components.s3_to_redshift import job_name
from etl_platform.components.stages import REDSHIFT, asset_key
from etl_platform.contract.errors import may_pass
from etl_platform.contract.hour import Hour
from etl_platform.ingest.arrivals import Arrival, Ask, Wanted

PRIORITY_TAG: Final = "dagster/priority"
RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
RANGE_END_TAG: Final = "dagster/asset_partition_range_end"
HOURS_TAG: Final = "hours"
"""Shown in the list of runs, where Dagster hides its own tags of a range."""
ATTEMPT_TAG: Final = "attempt"

# The UI does not show tags of this prefix: a run has one of these for each of its hours.
_MARK: Final = ".dagster/batch."
_DATA_VERSION: Final = "dagster/data_version"
_KEYS_A_QUERY: Final = 200

_Item = TypeVar("_Item")


def run_request(ask: Ask) -> dg.RunRequest:
    """The run that loads the hours of an ask."""
    hours = str(ask.first) if ask.first == ask.last else f"{ask.first} to {ask.last}"
    tags = {
        HOURS_TAG: hours,
        ATTEMPT_TAG: str(ask.attempt),
        PRIORITY_TAG: str(ask.priority),
        **{_mark_key(one.arrival.source, one.arrival.hour): one.mark for one in ask.wanted},
    }
    if ask.first == ask.last:
        return dg.RunRequest(
            ask.run_key, job_name=job_name(ask.source), partition_key=str(ask.first), tags=tags
        )
    span = {RANGE_START_TAG: str(ask.first), RANGE_END_TAG: str(ask.last)}
    return dg.RunRequest(ask.run_key, job_name=job_name(ask.source), tags={**tags, **span})


@dataclass(frozen=True)
class Past:
    """Looks at the runs and events of one Dagster instance."""

    instance: dg.DagsterInstance

    def attempts(self, arrivals: Collection[Arrival]) -> dict[Arrival, int]:
        """How often a run was asked for each arrival; 0 if never."""
        keys = {_mark_key(one.source, one.hour) for one in arrivals}
        marks: dict[str, set[str]] = {}
        for chunk in _chunks(sorted(keys)):
            marks.update(self.instance.get_run_tags(tag_keys=chunk))
        return {
            one: max(
                (
                    attempt
                    for mark in marks.get(_mark_key(one.source, one.hour), ())
                    for batch, attempt in [_read_mark(mark)]
                    if batch == one.batch_id
                ),
                default=0,
            )
            for one in arrivals
        }

    def loaded(self, arrivals: Collection[Arrival]) -> set[Arrival]:
        """Those that the warehouse has, whatever run has loaded them."""
        found = set()
        by_source: dict[str, list[Arrival]] = defaultdict(list)
        for one in arrivals:
            by_source[one.source].append(one)
        for source, ones in by_source.items():
            for chunk in _chunks(ones):
                versions = self._versions(source, [str(one.hour) for one in chunk])
                found |= {one for one in chunk if versions.get(str(one.hour)) == one.batch_id}
        return found

    def run_of(self, wanted: Wanted) -> dg.RunRecord | None:
        """The run that was asked for it, if there is one."""
        key = _mark_key(wanted.arrival.source, wanted.arrival.hour)
        records = self.instance.get_run_records(dg.RunsFilter(tags={key: wanted.mark}), limit=1)
        return records[0] if records else None

    def passing_fault(self, wanted: Wanted) -> datetime | None:
        """When the run that was asked for it failed, if by what may have passed by now: an error
        of that kind, or the loss of the process that carried it out."""
        record = self.run_of(wanted)
        if record is None or record.dagster_run.status is not dg.DagsterRunStatus.FAILURE:
            return None
        code = record.dagster_run.tags.get(ERROR_CODE_TAG)
        has_passed = may_pass(code) if code else not self._has_failed_step(record.dagster_run)
        if not has_passed or record.end_time is None:
            return None
        return datetime.fromtimestamp(record.end_time, UTC)

    def cut_off(self, since: datetime) -> set[str]:
        """The batches that runs were asked for which have ended since then without a word: they
        were cancelled, or their process was lost. They may have loaded these or not."""
        statuses = [dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE]
        ended = dg.RunsFilter(statuses=statuses, updated_after=since)
        return {
            _read_mark(mark)[0]
            for run in self.instance.get_runs(ended)
            if ERROR_CODE_TAG not in run.tags
            for key, mark in run.tags.items()
            if key.startswith(_MARK)
        }

    def _has_failed_step(self, run: dg.DagsterRun) -> bool:
        return bool(
            self.instance.get_records_for_run(
                run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1
            ).records
        )

    def _versions(self, source: str, hours: list[str]) -> dict[str, str]:
        """The data version of each hour, which is the id of the batch that was loaded last."""
        tags = self.instance.event_log_storage.get_latest_tags_by_partition(
            asset_key(REDSHIFT, source),
            dg.DagsterEventType.ASSET_MATERIALIZATION,
            [_DATA_VERSION],
            hours,
        )
        return {hour: told.get(_DATA_VERSION, "") for hour, told in tags.items()}


def marks_of(source: str, run: dg.DagsterRun) -> dict[Hour, tuple[str, int]]:
    """Which batch a run was asked for in each of its hours, and for which time."""
    prefix = _mark_key(source, "")
    found = {}
    for key, mark in run.tags.items():
        if key.startswith(prefix):
            found[Hour.parse(key.removeprefix(prefix))] = _read_mark(mark)
    return found


def _read_mark(mark: str) -> tuple[str, int]:
    """The batch and the attempt, as `Wanted.mark` says them."""
    batch, _, attempt = mark.rpartition(".")
    return batch, int(attempt)


def _mark_key(source: str, hour: Hour | str) -> str:
    return f"{_MARK}{source}.{hour}"


def _chunks(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), _KEYS_A_QUERY):
        yield items[start : start + _KEYS_A_QUERY]
