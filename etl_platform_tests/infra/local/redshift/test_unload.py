"""UNLOAD writes what COPY takes back."""

import io
import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.lake import ROLE, Lake, copy

Sql = Callable[..., list[list[Any]]]


def unload(query: str, lake: Lake, options: str = "") -> str:
    quoted = query.replace("'", "''")
    target = f"s3://{lake.bucket}/out/rows_"
    return f"UNLOAD ('{quoted}') TO '{target}' IAM_ROLE '{ROLE}' FORMAT AS PARQUET {options}"


def test_unloaded_rows_can_be_copied_back(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int, b decimal(9,2), c varchar(20), d date, e timestamp, f boolean)")
    sql("CREATE TABLE u (LIKE t)")
    full = [1, Decimal("1.50"), 'a,"b"\nc', date(2026, 1, 2)]
    full += [datetime.fromisoformat("2026-01-02T03:04:05.678"), True]
    sql("INSERT INTO t VALUES (%s, %s, %s, %s, %s, %s)", *full)
    sql("INSERT INTO t (c) VALUES ('')")
    sql("INSERT INTO t (a) VALUES (2)")
    sql(unload("select * from t where c is null or c <> 'none'", lake, "MANIFEST VERBOSE"))
    sql(copy("u", f"s3://{lake.bucket}/out/rows_manifest"))
    assert sql("SELECT * FROM u ORDER BY a") == [
        full,
        [2, None, None, None, None, None],
        [None, None, "", None, None, None],
    ]


def test_a_verbose_manifest_counts_bytes_and_rows(sql: Sql, lake: Lake, s3: Any) -> None:
    sql("CREATE TABLE t (a int)")
    sql("INSERT INTO t VALUES (1), (2)")
    sql(unload("select nvl(a, 0) as a from t", lake, "MANIFEST VERBOSE PARALLEL OFF"))
    body = s3.get_object(Bucket=lake.bucket, Key="out/rows_manifest")["Body"].read()
    manifest = json.loads(body)
    data = s3.get_object(Bucket=lake.bucket, Key="out/rows_000.parquet")["Body"].read()
    meta = {"content_length": len(data), "record_count": 2}
    assert manifest["entries"] == [
        {"url": f"s3://{lake.bucket}/out/rows_000.parquet", "meta": meta}
    ]
    assert pq.read_table(io.BytesIO(data)).to_pylist() == [{"a": 1}, {"a": 2}]


def test_a_place_that_is_not_empty_is_refused(sql: Sql, lake: Lake) -> None:
    sql(unload("select 1 as a", lake))
    sql(unload("select 2 as a", lake, "ALLOWOVERWRITE"))
    with pytest.raises(redshift_connector.ProgrammingError, match="is not empty"):
        sql(unload("select 3 as a", lake))
