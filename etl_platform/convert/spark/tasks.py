"""What Spark tasks do: each kind goes from the numbers of its tasks, or the keys of its bucket, to
messages for the driver."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from etl_platform.contract.batch import SourceFile
from etl_platform.contract.commit import Counts
from etl_platform.contract.layout import replaced_keys
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert.engine import Attempt, Result, finish_bucket
from etl_platform.convert.parse import create_records, parse
from etl_platform.convert.scratch import scratch
from etl_platform.convert.session import connect
from etl_platform.convert.spark import messages
from etl_platform.convert.spark.keys import keep_keys, keys_by_bucket, replaced, to_bytes
from etl_platform.convert.spark.messages import Said, heard, told
from etl_platform.convert.spark.pieces import Piece, Span, fetch, survey
from etl_platform.convert.spark.plan import Plan
from etl_platform.convert.spark.rewriting import Rewriting, rewrite

_SHARE_OF_MEMORY: Final = 0.25
"""Of a worker, for all its tasks: the heap of its JVM is already there."""


def survey_tasks(
    contract: SourceContract,
    attempts: tuple[Attempt, ...],
    storage: Storage,
    spans: tuple[Span, ...],
    batches: Iterable[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """What stands in parts of large files."""
    for number in _numbers(batches):
        span = spans[number]
        file = attempts[span.attempt_no].batch.files[span.file_no]
        yield from told(number, partial(_survey, contract, file, span, storage, number))


def convert_tasks(plan: Plan, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The results of tasks, whose files are written, and the keys that buckets are to compare."""
    for number in _numbers(batches):
        yield from told(number, partial(_convert, plan, number))


def compare_tasks(plan: Plan, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The keys of one bucket to those of rows that are not the newest. Other messages pass."""
    arrived = (said for batch in batches for said in heard(batch))
    # The task is that of the first message, for want of a better one: a failure ends the order.
    for said in arrived:
        yield from told(said.task, partial(_compare, plan, said, arrived))


def rewrite_tasks(
    rewritings: tuple[Rewriting, ...], plan: Plan, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The results of tasks without their replaced rows, written anew."""
    for number in _numbers(batches):
        yield from told(rewritings[number].task, partial(_rewrite, plan, rewritings[number]))


def _numbers(batches: Iterable[pa.RecordBatch]) -> Iterator[int]:
    return (row["id"] for batch in batches for row in batch.to_pylist())


@contextmanager
def _workplace() -> Iterator[tuple[Path, duckdb.DuckDBPyConnection]]:
    """A folder and a connection for one task; Spark runs one task a core."""
    with (
        scratch() as folder,
        connect(folder, _SHARE_OF_MEMORY / (os.cpu_count() or 1), threads=1) as connection,
    ):
        yield folder, connection


def _survey(
    contract: SourceContract, file: SourceFile, span: Span, storage: Storage, number: int
) -> Iterator[Said]:
    with scratch() as folder:
        found = survey(contract, file, span, storage, folder / "part")
    if found is not None:
        yield Said(number, 0, messages.SURVEYED, found.model_dump_json().encode())


def _convert(plan: Plan, number: int) -> Iterator[Said]:
    task = plan.tasks[number]
    attempt = plan.attempts[task.attempt_no]
    first_bucket, end_bucket = plan.first_buckets[task.attempt_no : task.attempt_no + 2]
    with _workplace() as (folder, connection):
        create_records(connection, plan.contract)
        parsed = [_parse(plan, task.attempt_no, p, connection, folder) for p in task.pieces]
        result = finish_bucket(
            connection, plan.contract, attempt, task.number, plan.storage, folder
        )
        # It goes through the exchange as well, if there is one, and any bucket lets it pass.
        bucket = number % (plan.buckets or 1)
        told_result = Result.of([*parsed, result]).model_dump_json().encode()
        yield Said(number, bucket, messages.RESULT, told_result)
        if end_bucket > first_bucket:
            of_buckets = keys_by_bucket(connection, plan.contract, end_bucket - first_bucket)
            for bucket, keys in of_buckets:
                yield Said(number, first_bucket + bucket, messages.KEYS, keys)


def _parse(
    plan: Plan,
    attempt_no: int,
    piece: Piece,
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
) -> Result:
    started = time.monotonic()
    file = plan.attempts[attempt_no].batch.files[piece.file_no]
    local = folder / "raw"
    fetch(file, piece, plan.storage, local)
    read = parse(connection, plan.contract, local, file.url, piece.file_no, piece.records_before)
    local.unlink()
    return Result(
        counts=Counts(read=read.records),
        unknown_fields=read.unknown_fields,
        seconds=time.monotonic() - started,
    )


def _compare(plan: Plan, first: Said, others: Iterator[Said]) -> Iterator[Said]:
    with _workplace() as (_, connection):
        bucket: int | None = None
        for said in chain([first], others):
            if said.kind == messages.KEYS:
                bucket = said.bucket
                keep_keys(connection, said.task, said.message)
            else:
                yield said
        if bucket is None:
            return
        for number, keys in replaced(connection, plan.contract):
            task = plan.tasks[number]
            prefix = plan.attempts[task.attempt_no].prefix
            plan.storage.write(replaced_keys(prefix, task.number, bucket), to_bytes(keys))
            yield Said(number, bucket, messages.REPLACED)


def _rewrite(plan: Plan, rewriting: Rewriting) -> Iterator[Said]:
    with _workplace() as (folder, connection):
        result = rewrite(connection, plan.contract, rewriting, plan.storage, folder)
        yield Said(rewriting.task, 0, messages.RESULT, result.model_dump_json().encode())
