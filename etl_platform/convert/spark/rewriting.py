"""The files of one task once more, without the rows that other tasks have newer ones of.

They go below an attempt of their own. A task that was believed lost may still write into the first
attempt, whose files nobody reads any more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform.contract.commit import Counts, ParquetFile
from etl_platform.contract.errors import CountsDisagree
from etl_platform.contract.layout import SUPERSEDED_FOLDER, Location, replaced_keys
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.convert.engine import Attempt, Result, finish_bucket, store_files
from etl_platform.convert.parquet_files import Stamp
from etl_platform.convert.parse import FILE_NO, RECORD, create_records
from etl_platform.convert.spark.keys import joined_keys
from etl_platform.convert.sql import Part, compose, names
from etl_platform.convert.superseded import superseded


@dataclass(frozen=True)
class Rewriting:
    """What the task `task` of a plan has made, and where it is to be made anew.

    It was number `number` of the `tasks` of its attempt. `buckets` name the files with the keys of
    its replaced rows; a task without any is only copied.
    """

    task: int
    attempt: Attempt
    anew: Attempt
    number: int
    tasks: int
    result: Result
    buckets: tuple[int, ...]


def rewrite(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    rewriting: Rewriting,
    storage: Storage,
    folder: Path,
) -> Result:
    """Write the files of a task below the new attempt, and give its result anew."""
    before = rewriting.result

    def copied(files: Sequence[ParquetFile]) -> tuple[ParquetFile, ...]:
        return tuple(_copied(rewriting, file, storage, folder) for file in files)

    kept = {
        "reject_files": copied(before.reject_files),
        "superseded_files": copied(before.superseded_files),
    }
    if not rewriting.buckets:
        return before.model_copy(update={**kept, "files": copied(before.files)})
    create_records(connection, contract)
    replaced = _load(connection, contract, rewriting, storage, folder)
    again = finish_bucket(connection, contract, rewriting.anew, rewriting.number, storage, folder)
    if again.counts.written + replaced != before.counts.written:
        raise CountsDisagree(
            str(rewriting.attempt.batch),
            f"{again.counts.written} rows written anew and {replaced} replaced",
            f"the {before.counts.written} rows of task {rewriting.number}",
        )
    if contract.keep_superseded:
        beside = _write_older(connection, contract, rewriting, storage, folder)
        kept["superseded_files"] += beside
    counts = Counts(
        read=before.counts.read,
        written=again.counts.written,
        rejected=before.counts.rejected,
        superseded=before.counts.superseded + replaced,
    )
    seconds = before.seconds + again.seconds
    return before.model_copy(
        update={**kept, "counts": counts, "files": again.files, "seconds": seconds}
    )


def _load(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    rewriting: Rewriting,
    storage: Storage,
    folder: Path,
) -> int:
    """Put the rows that stay into `records` and the others into `older`; how many others."""
    keys = joined_keys(
        storage.read(replaced_keys(rewriting.attempt.prefix, rewriting.number, bucket))
        for bucket in rewriting.buckets
    )
    columns = names(column.name for column in contract.table_columns)
    # With the types of `records`, in which the keys are as well.
    connection.execute(compose("CREATE TABLE written AS SELECT {c} FROM rows LIMIT 0", c=columns))
    for batches in _batches(rewriting.result.files, storage, folder):
        connection.register("batches", batches)
        connection.execute(compose("INSERT INTO written SELECT {c} FROM batches", c=columns))
        connection.unregister("batches")
    connection.register("replaced", keys)
    place: dict[str, Part] = {
        "file_no": FILE_NO,
        "record": RECORD,
        "key": names(contract.key),
        "c": columns,
    }
    connection.execute(
        compose(
            "INSERT INTO records BY NAME SELECT {c}, -1 AS {file_no}, rowid AS {record}"
            " FROM written ANTI JOIN replaced USING ({key})",
            **place,
        )
    )
    connection.execute(
        compose(
            "CREATE TABLE older AS SELECT {c}, {file_no}, {record}"
            " FROM written JOIN replaced USING ({key})",
            **place,
        )
    )
    connection.execute("DROP TABLE written")
    return keys.num_rows


def _batches(
    files: Iterable[ParquetFile], storage: Storage, folder: Path
) -> Iterable[pa.RecordBatchReader]:
    local = folder / "written.parquet"
    for file in files:
        storage.fetch(Location(file.bucket, file.key), None, local)
        with pq.ParquetFile(local) as parquet:
            yield pa.RecordBatchReader.from_batches(parquet.schema_arrow, parquet.iter_batches())
        local.unlink()


def _write_older(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    rewriting: Rewriting,
    storage: Storage,
    folder: Path,
) -> tuple[ParquetFile, ...]:
    connection.execute("INSERT INTO records BY NAME FROM older")
    connection.execute(
        compose(
            "INSERT INTO superseded SELECT {file_no}, {record} FROM older",
            file_no=FILE_NO,
            record=RECORD,
        )
    )
    (count,) = connection.execute("SELECT count(*) FROM superseded").fetchall()[0]
    # Behind the numbers of all tasks, one of which may have superseded rows of its own.
    number = rewriting.tasks + rewriting.number
    rows, stamp = superseded(connection, contract, count), Stamp.of(rewriting.anew.batch)
    place = rewriting.anew.prefix / SUPERSEDED_FOLDER
    return store_files(rows, stamp, place, number, storage, folder)


def _copied(rewriting: Rewriting, file: ParquetFile, storage: Storage, folder: Path) -> ParquetFile:
    name = file.key.removeprefix(rewriting.attempt.prefix.key)
    local = folder / PurePosixPath(name).name
    storage.fetch(Location(file.bucket, file.key), None, local)
    to = rewriting.anew.prefix / name
    storage.store(local, to)
    local.unlink()
    return file.model_copy(update={"key": to.key})
