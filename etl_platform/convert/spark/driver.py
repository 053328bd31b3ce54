"""The driver: at most three jobs of Spark for an order, and what their tasks say of it."""

import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import pyarrow as pa

from etl_platform.contract.errors import JavaMissing
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert.engine import Attempt, Blocked, Result
from etl_platform.convert.spark import messages
from etl_platform.convert.spark.messages import Said, raise_failure
from etl_platform.convert.spark.pieces import Surveyed, pieces_of, spans
from etl_platform.convert.spark.plan import Pieces, Plan
from etl_platform.convert.spark.rewriting import Rewriting
from etl_platform.convert.spark.tasks import (
    compare_tasks,
    convert_tasks,
    rewrite_tasks,
    survey_tasks,
)

_MESSAGES_AT_ONCE: Final = 8
"""Spark would hand 10,000 messages of some megabytes to a task in one piece."""

Work = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


class Cluster:
    """The session of the job, or a local one where there is none. It needs Java."""

    def collect(self, tasks: int, work: Work, exchange: Plan | None = None) -> list[Said]:
        """Do numbered work and, if a plan has keys to compare, compare them; what is said of it."""
        spark = _session()
        told = spark.range(0, tasks, 1, tasks).mapInArrow(work, messages.SCHEMA)
        if exchange is not None and exchange.buckets:
            met = told.repartitionById(exchange.buckets, "bucket")
            told = met.mapInArrow(partial(compare_tasks, exchange), messages.SCHEMA)
        return [Said(row.task, row.bucket, row.kind, bytes(row.message)) for row in told.collect()]


class Spark:
    """At most three jobs for an order: count what is in parts of files, convert, write again."""

    name = "spark"

    def __init__(self, cluster: Cluster | None = None) -> None:
        self._cluster = cluster or Cluster()

    def run(
        self, contract: SourceContract, attempts: Sequence[Attempt], storage: Storage
    ) -> Iterator[tuple[Attempt, Result | Blocked]]:
        """Yields another attempt than it was given where files had to be written again."""
        cut = self._cut(contract, tuple(attempts), storage)
        plan = Plan.of(contract, attempts, storage, cut)
        outcomes = _Outcomes(plan)
        outcomes.hear(self._collect(len(plan.tasks), partial(convert_tasks, plan), plan))
        rewritings = outcomes.rewritings()
        outcomes.hear(self._collect(len(rewritings), partial(rewrite_tasks, rewritings, plan)))
        for attempt_no in range(len(attempts)):
            yield outcomes.of(attempt_no)

    def _cut(
        self, contract: SourceContract, attempts: tuple[Attempt, ...], storage: Storage
    ) -> Pieces:
        """The large files that can be cut, in pieces."""
        asked = tuple(
            span
            for attempt_no, attempt in enumerate(attempts)
            for file_no, file in enumerate(attempt.batch.files)
            for span in spans(contract, attempt_no, file_no, file)
        )
        work = partial(survey_tasks, contract, attempts, storage, asked)
        found = {
            said.task: Surveyed.model_validate_json(said.message)
            for said in self._collect(len(asked), work)
            if said.kind == messages.SURVEYED
        }
        by_file: defaultdict[tuple[int, int], list[Surveyed | None]] = defaultdict(list)
        for number, span in enumerate(asked):
            by_file[span.attempt_no, span.file_no].append(found.get(number))
        return {
            (attempt_no, file_no): pieces_of(
                file_no, attempts[attempt_no].batch.files[file_no], surveyed
            )
            for (attempt_no, file_no), surveyed in by_file.items()
        }

    def _collect(self, tasks: int, work: Work, exchange: Plan | None = None) -> list[Said]:
        said = self._cluster.collect(tasks, work, exchange) if tasks else []
        for one in said:
            raise_failure(one)
        return said


class _Outcomes:
    """What the tasks of a plan have said so far."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._results: dict[int, Result] = {}
        self._blocked: dict[int, Blocked] = {}
        self._buckets: defaultdict[int, list[int]] = defaultdict(list)
        self._anew: dict[int, Attempt] = {}

    def hear(self, said: Iterable[Said]) -> None:
        for one in said:
            if one.kind == messages.RESULT:
                self._results[one.task] = Result.model_validate_json(one.message)
            elif one.kind == messages.BLOCKED:
                self._blocked[one.task] = Blocked.model_validate_json(one.message)
            elif one.kind == messages.REPLACED:
                self._buckets[one.task].append(one.bucket)

    def rewritings(self) -> tuple[Rewriting, ...]:
        """All tasks of those attempts that have replaced rows and are not blocked."""
        tasks = self._plan.tasks
        attempts = {tasks[n].attempt_no for n in self._buckets}
        attempts -= {tasks[n].attempt_no for n in self._blocked}
        self._anew = {n: self._plan.attempts[n].again() for n in sorted(attempts)}
        return tuple(
            Rewriting(
                n,
                self._plan.attempts[attempt_no],
                anew,
                tasks[n].number,
                len(self._tasks_of(attempt_no)),
                self._results[n],
                tuple(sorted(self._buckets[n])),
            )
            for attempt_no, anew in self._anew.items()
            for n in self._tasks_of(attempt_no)
        )

    def of(self, attempt_no: int) -> tuple[Attempt, Result | Blocked]:
        attempt = self._anew.get(attempt_no, self._plan.attempts[attempt_no])
        tasks = self._tasks_of(attempt_no)
        # As on a single node, the first file that blocks is the one that is told of.
        for n in tasks:
            if n in self._blocked:
                return attempt, self._blocked[n]
        return attempt, Result.of(self._results[n] for n in tasks)

    def _tasks_of(self, attempt_no: int) -> list[int]:
        return [n for n, task in enumerate(self._plan.tasks) if task.attempt_no == attempt_no]


def _session() -> Any:
    if not _has_java():
        raise JavaMissing("there is no java on PATH or at JAVA_HOME")
    # Imported after the check, because its own error for a missing Java says little.
    from pyspark.sql import SparkSession

    # Otherwise the workers are whichever `python3` is on PATH, without what the job brings along.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.appName("convert").getOrCreate()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", _MESSAGES_AT_ONCE)
    return spark


def _has_java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin" if home else None) is not None
