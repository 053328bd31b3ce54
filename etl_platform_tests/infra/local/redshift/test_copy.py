"""COPY of Parquet by manifest: what goes in, and what Redshift would not let in."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.endpoint import Endpoint, run
from etl_platform_tests.infra.local.redshift.lake import Lake, copy

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection
BIG = 300_000


def refused(sql: Sql, statement: str) -> str:
    """Message and detail of the error that a statement gives."""
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql(statement)
    fields = error.value.args[0]
    return f"{fields['C']} {fields['M']} {fields.get('D', '')}"


def test_rows_of_every_type_arrive_as_they_were_written(sql: Sql, lake: Lake) -> None:
    sql(
        "CREATE TABLE t (a smallint, b int, c bigint, d real, e double precision, f decimal(12,3),"
        " g varchar(10), h char(2), i date, j timestamp, k boolean, l decimal(38,10),"
        " m timestamptz)"
    )
    row = [1, 2, 3, 1.5, 2.5, Decimal("-12.345"), "äö", "ab", date(2026, 1, 2)]
    row += [
        datetime.fromisoformat("2026-01-02T03:04:05.000006"),
        True,
        Decimal("9" * 28 + ".0123456789"),
    ]
    types = [pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.decimal128(12, 3)]
    types += [pa.string(), pa.string(), pa.date32(), pa.timestamp("us"), pa.bool_()]
    types += [pa.decimal128(38, 10), pa.timestamp("ms", "UTC")]
    moment = datetime.fromisoformat("2026-01-02T03:04:05")
    columns = [
        pa.array([value, None], kind) for value, kind in zip([*row, moment], types, strict=True)
    ]
    entry = lake.put("a.parquet", pa.table(columns, names=list("abcdefghijklm")))
    sql(copy("t", lake.manifest(entry)))
    full, empty = sql("SELECT * FROM t ORDER BY a NULLS LAST")
    assert full[:-1] == row
    assert full[-1].replace(tzinfo=None) == moment
    assert empty == [None] * 13


def test_a_copy_says_how_many_rows_it_loaded(sql: Sql, connection: Connection, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    entries = [
        lake.put(f"{n}.parquet", pa.table({"a": pa.array(range(n * 10), pa.int32())}))
        for n in range(4)
    ]
    sql(copy("t", lake.manifest(*entries)))
    assert sql("SELECT pg_last_copy_count(), count(*) FROM t") == [[60, 60]]
    messages = [notice[b"M"].decode() for notice in connection.notices]
    assert "Load into table 't' completed, 60 record(s) loaded successfully." in messages
    connection.rollback()
    assert sql("SELECT pg_last_copy_count()") == [[60]]


def test_a_load_into_a_temp_table_is_merged_in_one_transaction(
    sql: Sql, connection: Connection, lake: Lake, endpoint: Endpoint, schema: str
) -> None:
    sql("CREATE TABLE guard (a int)")
    sql("CREATE TABLE target (id int, v varchar(10)) DISTKEY(id) SORTKEY(id)")
    sql("INSERT INTO target VALUES (1, 'old'), (2, 'old')")
    connection.commit()
    rows = pa.table({"id": pa.array([2, 3], pa.int32()), "v": ["new", "new"]})
    url = lake.manifest(lake.put("a.parquet", rows))
    sql(f"LOCK {schema}.guard")
    sql(f"CREATE TEMP TABLE staged (LIKE {schema}.target)")
    sql(copy("staged", url))
    sql(
        f"MERGE INTO {schema}.target USING staged ON target.id = staged.id"
        " WHEN MATCHED THEN UPDATE SET v = staged.v"
        " WHEN NOT MATCHED THEN INSERT (id, v) VALUES (staged.id, staged.v)"
    )
    with endpoint.connect() as reader:
        assert run(reader, f"SELECT count(*) FROM {schema}.target") == [[2]]
    connection.commit()
    assert sql("SELECT id, v FROM target ORDER BY id") == [[1, "old"], [2, "new"], [3, "new"]]


def test_a_rolled_back_load_leaves_no_rows_and_a_record(
    sql: Sql, connection: Connection, lake: Lake
) -> None:
    sql("CREATE TABLE t (a int)")
    connection.commit()
    url = lake.manifest(lake.put("a.parquet", pa.table({"a": pa.array([1], pa.int32())})))
    sql(copy("t", url))
    connection.rollback()
    assert sql("SELECT count(*) FROM t") == [[0]]
    history = sql(
        "SELECT table_name, loaded_rows, status FROM sys_load_history"
        " WHERE query_id = pg_last_copy_id()"
    )
    assert history == [["t", 1, "completed"]]


def test_a_failed_copy_aborts_the_transaction_and_is_recorded(
    sql: Sql, connection: Connection, lake: Lake
) -> None:
    sql("CREATE TABLE t (a varchar(3))")
    connection.commit()
    url = lake.manifest(lake.put("a.parquet", pa.table({"a": ["ok", "äöü"]})))
    assert "15001" in refused(sql, copy("t", url))
    assert refused(sql, "SELECT 1").startswith("25P02")
    assert refused(sql, copy("t", url)).startswith("25P02")
    connection.rollback()
    errors = sql(
        "SELECT column_name, error_code, error_message FROM sys_load_error_detail"
        " WHERE query_id = pg_last_query_id()"
    )
    assert [row[:2] for row in errors] == [["a", 15001]]
    assert "Table: 3, Data: 6" in errors[0][2]


def test_a_copy_alone_commits_by_itself(endpoint: Endpoint, lake: Lake, schema: str) -> None:
    url = lake.manifest(lake.put("a.parquet", pa.table({"a": pa.array([1], pa.int32())})))
    with endpoint.connect() as one:
        one.autocommit = True
        run(one, f"CREATE TABLE {schema}.alone (a int)")
        run(one, copy(f"{schema}.alone", url))
        with pytest.raises(redshift_connector.ProgrammingError):
            run(one, copy(f"{schema}.alone", f"{url}.missing"))
        assert run(one, f"SELECT count(*) FROM {schema}.alone") == [[1]]


def test_a_large_file_comes_in_whole(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a bigint, b varchar(20))")
    table = pa.table({"a": pa.array(range(BIG)), "b": [f"row {n}" for n in range(BIG)]})
    sql(copy("t", lake.manifest(lake.put("a.parquet", table, row_group_size=50_000))))
    assert sql("SELECT count(*), sum(a) FROM t") == [[BIG, BIG * (BIG - 1) // 2]]
