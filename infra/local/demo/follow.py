"""Watch landed hours on their way, from the outside: ledger, queue, and Dagster's own account."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from etl_platform.aws.clients import client, translated
from etl_platform.contract.hour import Hour, stretches
from etl_platform.contract.layout import Names
from etl_platform.contract.warehouse import Warehouse
from etl_platform.dagster_api import DagsterApi, Run
from etl_platform.load.ledger import Entry
from etl_platform.status import LandedHour, StatusReader
from infra.local.errors import LocalStackError

POLL_S = 0.5
QUIET_S = 30.0
"""No message, no run and no change for this long: what is not through will not come through."""

JOB_PREFIX = "load_"


class NotThrough(LocalStackError):
    """Hours that the platform has neither loaded nor blocked in the time that it was given."""

    def __init__(self, waiting: Mapping[str, Sequence[Hour]], failures: Sequence[str]) -> None:
        self.waiting, self.failures = waiting, tuple(dict.fromkeys(failures))
        lines = ["these hours are neither loaded nor blocked:"]
        for source, hours in waiting.items():
            lines += [
                f"  {source} {first}" + (f" to {last}" if last > first else "")
                for first, last in stretches(list(hours), len(hours))
            ]
        lines += ["runs that failed said:", *(f"  {text}" for text in self.failures)]
        super().__init__("\n".join(lines if self.failures else lines[:-1]))


@dataclass
class Seen:
    """What has become of the landed hours of one source."""

    landed: Sequence[LandedHour]
    entries: Mapping[str, Entry] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    """Hour key -> the platform's own error."""

    @property
    def waiting(self) -> list[LandedHour]:
        return [
            item
            for item in self.landed
            if item.batch_id not in self.entries and str(item.hour) not in self.blocked
        ]


@dataclass(frozen=True)
class Follower:
    """Follows the hours that a demo has landed."""

    readers: Mapping[str, StatusReader]
    warehouse: Warehouse
    dagster: DagsterApi
    names: Names

    def until_through(
        self,
        landed: Mapping[str, Sequence[LandedHour]],
        since: float,
        within_s: float,
        on_look: Callable[[Mapping[str, Seen], int], None],
    ) -> dict[str, Seen]:
        """Wait until every hour is loaded or blocked; raises NotThrough if nothing moves any more.

        `on_look` hears of each look, with the number of runs that are under way.
        """
        seen = {source: Seen(hours) for source, hours in landed.items()}
        failures: dict[str, list[str]] = {}
        moved_at, before, deadline = time.monotonic(), -1, time.monotonic() + within_s
        while True:
            under_way = self._look(seen, failures, since)
            on_look(seen, under_way)
            waiting = sum(len(one.waiting) for one in seen.values())
            if not waiting and not under_way:
                return seen
            if under_way or waiting != before or queue_depth(self.names):
                before, moved_at = waiting, time.monotonic()
            if time.monotonic() > min(deadline, moved_at + QUIET_S):
                hours = {name: [item.hour for item in one.waiting] for name, one in seen.items()}
                raise NotThrough(hours, list(chain.from_iterable(failures.values())))
            time.sleep(POLL_S)

    def _look(self, seen: Mapping[str, Seen], failures: dict[str, list[str]], since: float) -> int:
        """Bring `seen` and the failures of ended runs up to date; how many runs go on."""
        for source, one in seen.items():
            one.entries = self.entries(source, one.landed)
        runs = self.dagster.runs(since)
        for run in runs:
            if run.ended and run.run_id not in failures:
                failures[run.run_id] = self._hear(run, seen)
        return sum(not run.ended for run in runs)

    def entries(self, source: str, landed: Sequence[LandedHour]) -> dict[str, Entry]:
        """The ledger as it is now; the transaction ends, or the next look would see the same."""
        entries = self.readers[source].entries(self.warehouse, landed)
        self.warehouse.rollback()
        return entries

    def _hear(self, run: Run, seen: Mapping[str, Seen]) -> list[str]:
        said = self.dagster.events(run.run_id)
        source = run.job.removeprefix(JOB_PREFIX)
        if source in seen:
            seen[source].blocked.update({hour: text for (_, hour), text in said.blocked.items()})
        return said.failures


def queue_depth(names: Names) -> int:
    """Messages of the queue, those in flight included."""
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    with translated("sqs", f"GetQueueAttributes {names.queue}"):
        sqs = client("sqs")
        url = sqs.get_queue_url(QueueName=names.queue)["QueueUrl"]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
    return sum(int(answer[name]) for name in wanted)
