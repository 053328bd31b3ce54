"""Which rows have a newer one of their key in another task, by an exchange of keys alone."""

from collections.abc import Iterable, Iterator
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from etl_platform.contract.source import SourceContract
from etl_platform.convert.finish import newest_first
from etl_platform.convert.parse import FILE_NO, RECORD
from etl_platform.convert.sql import Identifier, Literal, compose, names

TASK: Final = Identifier("_task")

_ROWS_AT_ONCE: Final = 131_072


def keys_by_bucket(
    connection: duckdb.DuckDBPyConnection, contract: SourceContract, buckets: int
) -> Iterator[tuple[int, bytes]]:
    """The keys of the rows that a task has written, with what decides which one is the newest.

    Equal keys are in one bucket, whatever the task.
    """
    version = [contract.load.version] if contract.load.version else []
    query = compose(
        "SELECT {columns}, {file_no}, {record}, (hash({key}) % {buckets})::INTEGER AS _bucket"
        " FROM rows ANTI JOIN superseded USING ({file_no}, {record})",
        columns=names(dict.fromkeys([*contract.key, *version])),
        file_no=FILE_NO,
        record=RECORD,
        key=names(contract.key),
        buckets=Literal(buckets),
    )
    for batch in connection.sql(query).to_arrow_reader(_ROWS_AT_ONCE):
        keys = batch.drop_columns(["_bucket"])
        for bucket in range(buckets):
            chosen = keys.filter(pc.equal(batch["_bucket"], pa.scalar(bucket, pa.int32())))
            if chosen.num_rows:
                yield bucket, to_bytes(pa.Table.from_batches([chosen]))


def keep_keys(connection: duckdb.DuckDBPyConnection, task: int, message: bytes) -> None:
    """Put a message of `keys_by_bucket` into the table `keys`, which the first one makes."""
    connection.register("arrived", from_bytes(message))
    query = compose("SELECT *, {task} AS {name} FROM arrived", task=Literal(task), name=TASK)
    connection.execute(compose("CREATE TABLE IF NOT EXISTS keys AS {q} LIMIT 0", q=query))
    connection.execute(compose("INSERT INTO keys {q}", q=query))
    connection.unregister("arrived")


def replaced(
    connection: duckdb.DuckDBPyConnection, contract: SourceContract
) -> Iterator[tuple[int, pa.Table]]:
    """By task, the keys of its rows that are not the newest, with their files and records."""
    connection.execute(
        compose(
            "CREATE TABLE replaced AS SELECT {task}, {key}, {file_no}, {record} FROM keys"
            " SEMI JOIN (SELECT {key} FROM keys GROUP BY {key} HAVING count(*) > 1) USING ({key})"
            " QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {newest}) > 1",
            task=TASK,
            key=names(contract.key),
            file_no=FILE_NO,
            record=RECORD,
            newest=newest_first(contract),
        )
    )
    tasks = connection.execute(
        compose("SELECT DISTINCT {task} FROM replaced ORDER BY 1", task=TASK)
    ).fetchall()
    for (task,) in tasks:
        query = compose(
            "SELECT * EXCLUDE ({name}) FROM replaced WHERE {name} = {task}",
            name=TASK,
            task=Literal(task),
        )
        yield task, connection.sql(query).to_arrow_table()


def to_bytes(table: pa.Table) -> bytes:
    """A stream of Arrow, not compressed: Spark compresses what it exchanges."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def from_bytes(message: bytes) -> pa.Table:
    return pa.ipc.open_stream(message).read_all()


def joined_keys(messages: Iterable[bytes]) -> pa.Table:
    """The tables of several messages as one."""
    return pa.concat_tables(map(from_bytes, messages))
