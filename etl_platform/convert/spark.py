"""The engine on Spark: a task parses a file, an exchange brings equal keys together, a task
finishes a bucket.

Spark only places the work: what it carries are Arrow messages that it does not look into, so both
engines give the same rows. Tasks read and write S3 themselves and the JVM never does.
"""

import os
import shutil
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from etl_platform.contract.commit import Counts
from etl_platform.contract.errors import JavaMissing, Terminal
from etl_platform.contract.layout import Location
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert.engine import Attempt, Blocked, Result, finish_bucket
from etl_platform.convert.parse import FILE_NO, RECORD, create_records, parse
from etl_platform.convert.session import connect
from etl_platform.convert.sql import Literal, Sql, compose, names

BUCKET_BYTES: Final = 512 * 1024**2
"""Raw bytes for one bucket, which is one Parquet file: it comes to about the 64 to 128 MB that COPY
and Athena like, and to what one task can sort in its memory."""

_SHARE_OF_MEMORY: Final = 0.25
"""Of a worker, for all its tasks: the heap of its JVM is already there."""

_MESSAGE_ROWS: Final = 65_536
_MESSAGES_AT_ONCE: Final = 8
"""Spark would hand 10,000 messages of several megabytes to a task in one piece."""

_RECORDS, _RESULT, _BLOCKED = "records", "result", "blocked"
_PARSED: Final[dict[str, pa.DataType]] = {
    "slot": pa.int32(),
    "kind": pa.string(),
    "message": pa.binary(),
}
_FINISHED: Final[dict[str, pa.DataType]] = {
    "attempt_no": pa.int32(),
    "kind": pa.string(),
    "body": pa.string(),
}


class Spark:
    """It needs Java; the session is the one of the job, or a local one where there is none."""

    name = "spark"

    def run(
        self, contract: SourceContract, attempts: Sequence[Attempt], storage: Storage
    ) -> Iterator[tuple[Attempt, Result | Blocked]]:
        plan = Plan.of(contract, attempts, storage)
        said: list[list[Any]] = [[] for _ in attempts]
        for row in _collect(plan) if plan.tasks else []:
            said[row.attempt_no].append(row)
        for attempt, rows in zip(attempts, said, strict=True):
            blocked = [row.body for row in rows if row.kind == _BLOCKED]
            if blocked:
                yield attempt, Blocked.model_validate_json(min(blocked))
            else:
                yield attempt, Result.of(Result.model_validate_json(row.body) for row in rows)


@dataclass(frozen=True)
class Plan:
    """Which task does what, in a form that every task has whole.

    A task of the first kind is a file of an attempt. A slot is a bucket of an attempt; the slots of
    attempt `n` are those from `first_slots[n]` on.
    """

    contract: SourceContract
    attempts: tuple[Attempt, ...]
    storage: Storage
    tasks: tuple[tuple[int, int], ...]
    first_slots: tuple[int, ...]

    @classmethod
    def of(cls, contract: SourceContract, attempts: Sequence[Attempt], storage: Storage) -> "Plan":
        buckets = [-(-attempt.batch.size_bytes // BUCKET_BYTES) or 1 for attempt in attempts]
        tasks = tuple(
            (attempt_no, file_no)
            for attempt_no, attempt in enumerate(attempts)
            for file_no, _ in enumerate(attempt.batch.files)
        )
        first_slots = tuple(accumulate(buckets, initial=0))
        return cls(contract, tuple(attempts), storage, tasks, first_slots)

    @property
    def slots(self) -> int:
        return self.first_slots[-1]

    def attempt_of(self, slot: int) -> int:
        return bisect_right(self.first_slots, slot) - 1

    def parse_tasks(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """First stage, in a Spark task: from the numbers of files to messages for slots."""
        for batch in batches:
            for row in batch.to_pylist():
                attempt_no, file_no = self.tasks[row["id"]]
                try:
                    yield from self._parse(attempt_no, file_no)
                except Terminal as error:
                    body = Blocked.by(error).model_dump_json().encode()
                    yield _parsed(self.first_slots[attempt_no], _BLOCKED, body)

    def finish_slot(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Second stage, in a Spark task: from the messages for one slot to its files."""
        with (
            tempfile.TemporaryDirectory(prefix="convert-") as name,
            _connect(Path(name)) as connection,
        ):
            create_records(connection, self.contract)
            slot: int | None = None
            for batch in batches:
                for message in batch.to_pylist():
                    slot = message["slot"]
                    if message["kind"] == _RECORDS:
                        _keep(connection, message["message"])
                    else:
                        body = message["message"].decode()
                        yield _finished(self.attempt_of(slot), message["kind"], body)
            if slot is not None:
                yield self._finish(slot, connection, Path(name))

    def _parse(self, attempt_no: int, file_no: int) -> Iterator[pa.RecordBatch]:
        raw = self.attempts[attempt_no].batch.files[file_no]
        first_slot = self.first_slots[attempt_no]
        buckets = self.first_slots[attempt_no + 1] - first_slot
        with (
            tempfile.TemporaryDirectory(prefix="convert-") as name,
            _connect(Path(name)) as connection,
        ):
            started = time.monotonic()
            local = Path(name) / "raw"
            self.storage.fetch(Location(raw.bucket, raw.key), raw.version_id, local)
            create_records(connection, self.contract)
            read = parse(connection, self.contract, local, raw.url, file_no)
            local.unlink()
            result = Result(counts=Counts(read=read), seconds=time.monotonic() - started)
            yield _parsed(first_slot, _RESULT, result.model_dump_json().encode())
            for bucket, records in _by_bucket(connection, self.contract, buckets):
                yield _parsed(first_slot + bucket, _RECORDS, _to_message(records))

    def _finish(
        self, slot: int, connection: duckdb.DuckDBPyConnection, folder: Path
    ) -> pa.RecordBatch:
        attempt_no = self.attempt_of(slot)
        number = slot - self.first_slots[attempt_no]
        attempt = self.attempts[attempt_no]
        try:
            result = finish_bucket(connection, self.contract, attempt, number, self.storage, folder)
        except Terminal as error:
            return _finished(attempt_no, _BLOCKED, Blocked.by(error).model_dump_json())
        return _finished(attempt_no, _RESULT, result.model_dump_json())


def _collect(plan: Plan) -> list[Any]:
    if not _has_java():
        raise JavaMissing("there is no java on PATH or at JAVA_HOME")
    # Imported after the check, because its own error for a missing Java says little.
    from pyspark.sql import SparkSession

    # Otherwise the workers are whichever `python3` is on PATH, without what the job brings along.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.appName("convert").getOrCreate()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", _MESSAGES_AT_ONCE)
    tasks = spark.range(0, len(plan.tasks), 1, len(plan.tasks))
    parsed = tasks.mapInArrow(plan.parse_tasks, "slot int, kind string, message binary")
    exchanged = parsed.repartitionById(plan.slots, "slot")
    finished = exchanged.mapInArrow(plan.finish_slot, "attempt_no int, kind string, body string")
    return list(finished.collect())


def _has_java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin" if home else None) is not None


def _connect(folder: Path) -> duckdb.DuckDBPyConnection:
    # Spark runs one task a core.
    return connect(folder, _SHARE_OF_MEMORY / (os.cpu_count() or 1), threads=1)


def _by_bucket(
    connection: duckdb.DuckDBPyConnection, contract: SourceContract, buckets: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """All records, rejects among them, in pieces of one bucket; equal keys are in one bucket."""
    key = names(contract.key) if contract.key else names([FILE_NO.name, RECORD.name])
    # One bucket needs no order, and sorting a whole file is the dearest step here.
    bucket = compose("hash({key}) % {buckets}", key=key, buckets=Literal(buckets))
    query = compose(
        "SELECT *, ({bucket})::INTEGER AS _bucket FROM records {order}",
        bucket=bucket if buckets > 1 else Literal(0),
        order=Sql("ORDER BY _bucket" if buckets > 1 else ""),
    )
    for batch in connection.sql(query).to_arrow_reader(_MESSAGE_ROWS):
        records = batch.drop_columns(["_bucket"])
        start = 0
        for count in pc.value_counts(batch["_bucket"]).to_pylist():
            yield count["values"], records.slice(start, count["counts"])
            start += count["counts"]


def _to_message(records: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, records.schema, options=options) as writer:
        writer.write_batch(records)
    return sink.getvalue().to_pybytes()


def _keep(connection: duckdb.DuckDBPyConnection, message: bytes) -> None:
    connection.register("arrived", pa.ipc.open_stream(message))
    connection.execute("INSERT INTO records SELECT * FROM arrived")
    connection.unregister("arrived")


def _parsed(slot: int, kind: str, message: bytes) -> pa.RecordBatch:
    return _row(_PARSED, (slot, kind, message))


def _finished(attempt_no: int, kind: str, body: str) -> pa.RecordBatch:
    return _row(_FINISHED, (attempt_no, kind, body))


def _row(columns: dict[str, pa.DataType], values: tuple[int | str | bytes, ...]) -> pa.RecordBatch:
    arrays = [pa.array([v], kind) for v, kind in zip(values, columns.values(), strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(columns))
