"""UNLOAD writes what COPY takes back.

https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
"""

import bz2
import gzip
import io
import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.lake import ROLE, Lake, copy, copy_text

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection


def unload(query: str, lake: Lake, options: str = "FORMAT AS PARQUET", to: str = "rows_") -> str:
    quoted = query.replace("'", "''")
    return f"UNLOAD ('{quoted}') TO 's3://{lake.bucket}/out/{to}' IAM_ROLE '{ROLE}' {options}"


def refused(sql: Sql, statement: str) -> str:
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql(statement)
    return str(error.value.args[0]["M"])


def unzstd(content: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
        read: bytes = stream.read()
    return read


def test_unloaded_rows_can_be_copied_back(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int, b decimal(9,2), c varchar(20), d date, e timestamp, f boolean)")
    sql("CREATE TABLE u (LIKE t)")
    full = [1, Decimal("1.50"), 'a,"b"\nc', date(2026, 1, 2)]
    full += [datetime.fromisoformat("2026-01-02T03:04:05.678"), True]
    sql("INSERT INTO t VALUES (%s, %s, %s, %s, %s, %s)", *full)
    sql("INSERT INTO t (c) VALUES ('')")
    sql("INSERT INTO t (a) VALUES (2)")
    options = "FORMAT AS PARQUET MANIFEST VERBOSE"
    sql(unload("select * from t where c is null or c <> 'none'", lake, options))
    sql(copy("u", f"s3://{lake.bucket}/out/rows_manifest"))
    assert sql("SELECT * FROM u ORDER BY a") == [
        full,
        [2, None, None, None, None, None],
        [None, None, "", None, None, None],
    ]


def test_parquet_has_the_types_of_the_columns(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a smallint, b bigint, c real, d timestamptz, e varbyte(4), f super)")
    values = "1, 2, 1.5, '2026-01-02 03:04:05+02', from_hex('c3a4'), json_parse('[1]')"
    sql(f"INSERT INTO t SELECT {values}")
    sql("INSERT INTO t (a) VALUES (2)")
    sql(unload("select * from t order by a", lake))
    table = pq.read_table(io.BytesIO(lake.read("out/rows_0000_part_00.parquet")))
    assert [str(kind) for kind in table.schema.types] == [
        *("int16", "int64", "float", "timestamp[us, tz=UTC]", "binary", "string")
    ]
    full, empty = table.to_pylist()
    assert full["d"].isoformat() == "2026-01-02T01:04:05+00:00"
    assert (full["b"], full["c"], full["e"], full["f"]) == (2, 1.5, b"\xc3\xa4", "[1]")
    assert list(empty.values()) == [2, None, None, None, None, None]


def test_a_verbose_manifest_counts_bytes_and_rows_and_tells_the_types(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int, b varchar(7), c decimal(9,2))")
    sql("INSERT INTO t VALUES (1, 'x', 1), (2, 'y', 2)")
    sql(unload("select * from t", lake, "FORMAT PARQUET MANIFEST VERBOSE PARALLEL OFF"))
    manifest = json.loads(lake.read("out/rows_manifest"))
    data = lake.read("out/rows_000.parquet")
    meta = {"content_length": len(data), "record_count": 2}
    url = f"s3://{lake.bucket}/out/rows_000.parquet"
    assert manifest["entries"] == [{"url": url, "meta": meta}]
    assert manifest["meta"] == meta
    assert manifest["schema"]["elements"] == [
        {"name": "a", "type": {"base": "integer"}},
        {"name": "b", "type": {"base": "character varying", "max_length": 7}},
        {"name": "c", "type": {"base": "numeric", "precision": 9, "scale": 2}},
    ]
    assert pq.read_table(io.BytesIO(data)).num_rows == 2


def test_a_plain_manifest_lists_the_files_only(sql: Sql, lake: Lake) -> None:
    sql(unload("select 1 as a", lake, "CSV MANIFEST"))
    url = f"s3://{lake.bucket}/out/rows_0000_part_00"
    assert json.loads(lake.read("out/rows_manifest")) == {"entries": [{"url": url}]}


ROW = """select 1 as a, 'x,|"y"' as b, null as c, true as d"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", '1|x,|"y"||t\n'),
        ("CSV", '1,"x,|""y""",,t\n'),
        ("FORMAT AS CSV DELIMITER AS '|'", '1|"x,|""y"""||t\n'),
        ("CSV HEADER", 'a,b,c,d\n1,"x,|""y""",,t\n'),
        ("CSV NULL AS 'NA'", '1,"x,|""y""",NA,t\n'),
        (r"NULL AS '\N' DELIMITER '\t'", '1\tx,|"y"\t\\N\tt\n'),
        ("ESCAPE", '1|x,\\|"y"||t\n'),
        ("ADDQUOTES ESCAPE", '"1"|"x,\\|\\"y\\""||"t"\n'),
    ],
)
def test_text_is_written_as_the_options_say(
    sql: Sql, lake: Lake, options: str, expected: str
) -> None:
    sql(unload(ROW, lake, options))
    assert lake.read("out/rows_0000_part_00").decode() == expected


@pytest.mark.parametrize(
    ("option", "suffix", "unpack"),
    [
        ("GZIP", ".gz", gzip.decompress),
        ("BZIP2", ".bz2", bz2.decompress),
        ("ZSTD", ".zst", unzstd),
    ],
)
def test_text_is_packed(
    sql: Sql, lake: Lake, option: str, suffix: str, unpack: Callable[[bytes], bytes]
) -> None:
    sql(unload("select 1 as a", lake, f"CSV {option}"))
    assert unpack(lake.read(f"out/rows_0000_part_00{suffix}")) == b"1\n"
    sql("CREATE TABLE t (a int)")
    sql(copy_text("t", f"s3://{lake.bucket}/out/", f"CSV {option}"))
    assert sql("SELECT a FROM t") == [[1]]


def test_an_extension_takes_the_place_of_the_usual_one(sql: Sql, lake: Lake) -> None:
    sql(unload("select 1 as a", lake, "CSV GZIP EXTENSION 'csv.gz' PARALLEL OFF"))
    assert lake.keys("out/") == ["out/rows_000.csv.gz"]


def test_text_with_escape_can_be_copied_back(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int, b varchar(20), c super, d varbyte(4))")
    sql("CREATE TABLE u (LIKE t)")
    sql("INSERT INTO t VALUES (1, %s, json_parse('{\"x\": 1}'), from_hex('ff'))", "a|b\\\nc")
    sql("INSERT INTO t (a) VALUES (2)")
    sql(unload("select * from t", lake, r"ESCAPE NULL AS '\N'"))
    sql(copy_text("u", f"s3://{lake.bucket}/out/", "ESCAPE"))
    found = sql("SELECT a, b, json_serialize(c), to_hex(d) FROM u ORDER BY a")
    assert found == [[1, "a|b\\\nc", '{"x": 1}', "ff"], [2, None, "null", None]]


def test_the_null_of_a_super_is_jsons_null(sql: Sql, lake: Lake) -> None:
    # https://docs.aws.amazon.com/redshift/latest/dg/unload-super.html
    sql("CREATE TABLE t (a super, b int)")
    sql("INSERT INTO t (b) VALUES (NULL)")
    sql(unload("select * from t", lake, "NULL AS 'NA'"))
    assert lake.read("out/rows_0000_part_00") == b"null|NA\n"


@pytest.mark.parametrize("options", ["FORMAT PARQUET", "CSV"])
def test_partitions_are_folders_and_their_columns_leave_the_files(
    sql: Sql, lake: Lake, options: str
) -> None:
    sql("CREATE TABLE t (a int, day date, name varchar(9))")
    sql("INSERT INTO t VALUES (1, '2026-01-01', 'x/y'), (2, '2026-01-02', NULL), (3, NULL, 'z')")
    sql(unload("select * from t", lake, f"{options} PARTITION BY (day, name) MANIFEST", ""))
    name = "0000_part_00" + (".parquet" if "PARQUET" in options else "")
    keys = [
        f"out/day=2026-01-01/name=x%2Fy/{name}",
        f"out/day=2026-01-02/name=__HIVE_DEFAULT_PARTITION__/{name}",
        f"out/day=__HIVE_DEFAULT_PARTITION__/name=z/{name}",
    ]
    assert lake.keys("out/day") == keys
    urls = [entry["url"] for entry in json.loads(lake.read("out/manifest"))["entries"]]
    assert sorted(urls) == [f"s3://{lake.bucket}/{key}" for key in keys]
    first = lake.read(keys[0])
    rows = pq.read_table(io.BytesIO(first)).to_pylist() if "PARQUET" in options else first
    assert rows in ([{"a": 1}], b"1\n")


def test_include_keeps_the_partition_columns_in_the_files(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int, b int)")
    sql("INSERT INTO t VALUES (1, 7)")
    sql(unload("select * from t", lake, "CSV PARTITION  BY (b) INCLUDE", ""))
    assert lake.read("out/b=7/0000_part_00") == b"1,7\n"


def test_a_place_that_is_not_empty_is_refused(sql: Sql, lake: Lake) -> None:
    sql(unload("select 1 as a", lake))
    sql(unload("select 2 as a", lake, "FORMAT PARQUET ALLOWOVERWRITE"))
    assert "is not empty" in refused(sql, unload("select 3 as a", lake))


def test_cleanpath_removes_what_lies_there_first(sql: Sql, lake: Lake) -> None:
    lake.text("out/rows_old", "old")
    lake.text("out/other", "other")
    sql(unload("select 1 as a", lake, "CSV CLEANPATH"))
    assert lake.keys("out/") == ["out/other", "out/rows_0000_part_00"]


@pytest.mark.parametrize(
    ("query", "options", "reason"),
    [
        ("select 1 as a", "CSV ALLOWOVERWRITE CLEANPATH", "can not be used together"),
        ("select 1 as a limit 1", "CSV", "Limit clause is not supported"),
        ("select 1 as a", "PARQUET HEADER", "HEADER is not supported for UNLOAD to PARQUET"),
        ("select 1 as a", "PARQUET GZIP", "GZIP is not supported for UNLOAD to PARQUET"),
        ("select 1 as a", "PARQUET DELIMITER ','", "DELIMITER is not supported"),
        ("select 1 as a", "CSV ADDQUOTES", "ADDQUOTES is not supported for UNLOAD to CSV"),
        ("select 1 as a", "DELIMITER '||'", "single ASCII character"),
        ("select 1 as a", "PARQUET PARTITION BY (b)", '"b" is not in the query'),
        ("select 1 as a", "PARQUET PARTITION BY (a)", "PARTITION BY with INCLUDE"),
        ("select 1 as a", "PARQUET PARTITION BY", "syntax error"),
        ("select 1 as a", "FORMAT JSON", "not served on the laptop"),
        ("select 1 as a", "NOSUCHOPTION", "syntax error"),
        ("delete from t", "CSV", "syntax error"),
    ],
)
def test_what_redshift_refuses_is_refused(
    sql: Sql, lake: Lake, query: str, options: str, reason: str
) -> None:
    sql("CREATE TABLE t (a int)")
    assert reason in refused(sql, unload(query, lake, options))
    assert not lake.keys("out/")


def test_a_limit_inside_of_the_query_is_no_matter(sql: Sql, lake: Lake) -> None:
    sql(unload("select a from (select 1 as a limit 1)", lake, "CSV"))
    assert lake.read("out/rows_0000_part_00") == b"1\n"


def test_a_transaction_that_only_reads_may_unload(
    sql: Sql, connection: Connection, lake: Lake
) -> None:
    connection.rollback()
    sql("BEGIN READ ONLY")
    sql(unload("select 1 as a", lake, "CSV"))
    sql("COMMIT")
    assert lake.read("out/rows_0000_part_00") == b"1\n"


def test_an_unload_is_told_by_the_system_views(
    sql: Sql, connection: Connection, lake: Lake
) -> None:
    sql(unload("select 1 as a union all select null", lake, "CSV GZIP"))
    connection.commit()
    assert lake.keys("out/") == ["out/rows_0000_part_00.gz"]
    url = f"s3://{lake.bucket}/out/rows_"
    assert sql(
        "SELECT status, file_format, compression_type, unloaded_location, unloaded_rows,"
        " unloaded_files_count FROM sys_unload_history WHERE query_id = pg_last_query_id()"
    ) == [["completed", "csv", "gzip", url, 2, 1]]
    assert sql(
        "SELECT file_name, line_count FROM sys_unload_detail WHERE query_id = pg_last_query_id()"
    ) == [[f"{url}0000_part_00.gz", 2]]
    refused(sql, unload("select 1 as a", lake, "CSV GZIP"))
    connection.rollback()
    ((status, message),) = sql(
        "SELECT status, error_message FROM sys_unload_history WHERE query_id = pg_last_query_id()"
    )
    assert status == "aborted"
    assert "is not empty" in message
