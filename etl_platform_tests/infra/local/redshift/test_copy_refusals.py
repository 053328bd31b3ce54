"""What a COPY of Parquet refuses, in Redshift's words."""

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.lake import ROLE, Lake, copy

Sql = Callable[..., list[list[Any]]]
INTS = pa.table({"a": pa.array([1, 2], pa.int32())})


def refused(sql: Sql, statement: str) -> str:
    """Message and detail of the error that a statement gives."""
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql(statement)
    fields = error.value.args[0]
    return f"{fields['C']} {fields['M']} {fields.get('D', '')}"


def test_an_entry_without_meta_is_refused(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    entry = lake.put("a.parquet", INTS)
    del entry["meta"]
    text = refused(sql, copy("t", lake.manifest(entry)))
    assert "File entry does not have 'meta' key." in text
    assert "15003" in text
    assert "spectrum_manifest.cpp" in text


def test_a_copy_without_content_length_is_refused(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    entry = lake.put("a.parquet", INTS) | {"meta": {"record_count": 2}}
    assert "15003" in refused(sql, copy("t", lake.manifest(entry)))


@pytest.mark.parametrize("difference", [-1, 1, 10_000])
def test_a_wrong_content_length_is_an_invalid_range(sql: Sql, lake: Lake, difference: int) -> None:
    sql("CREATE TABLE t (a int)")
    entry = lake.put("a.parquet", INTS)
    entry["meta"]["content_length"] += difference
    text = refused(sql, copy("t", lake.manifest(entry)))
    assert "416 Message: InvalidRange The requested range is not satisfiable" in text


def test_a_missing_mandatory_file_is_refused(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    missing = lake.put("a.parquet", INTS) | {"url": f"s3://{lake.bucket}/missing.parquet"}
    text = refused(sql, copy("t", lake.manifest(missing)))
    assert "Mandatory url is not present in manifest file." in text


def test_a_missing_file_that_is_not_mandatory_is_skipped_in_silence(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    there = lake.put("a.parquet", INTS)
    missing = {"url": f"s3://{lake.bucket}/missing.parquet", "meta": {"content_length": 9}}
    sql(copy("t", lake.manifest(there, missing)))
    assert sql("SELECT count(*) FROM t") == [[2]]


@pytest.mark.parametrize("body", ["", "[]", '{"entries": [3]}', '{"entries": [{}]}', "{"])
def test_a_manifest_of_another_shape_is_refused(sql: Sql, lake: Lake, s3: Any, body: str) -> None:
    sql("CREATE TABLE t (a int)")
    s3.put_object(Bucket=lake.bucket, Key="m", Body=body.encode())
    assert "Invalid manifest" in refused(sql, copy("t", f"s3://{lake.bucket}/m"))


def test_a_missing_manifest_says_no_such_key(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    text = refused(sql, copy("t", f"s3://{lake.bucket}/none"))
    assert "Status 404,Error NoSuchKey" in text


def test_another_number_of_columns_is_refused(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int, b int, c int)")
    text = refused(sql, copy("t", lake.manifest(lake.put("a.parquet", INTS))))
    assert "Unmatched number of columns between table and file" in text
    assert "Table columns: 3, Data columns: 1" in text
    assert "15007" in text


def test_fillrecord_fills_the_columns_that_a_file_lacks(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int, b int DEFAULT 7)")
    url = lake.manifest(lake.put("a.parquet", INTS))
    sql(copy("t", url, "MANIFEST FILLRECORD"))
    assert sql("SELECT a, b FROM t ORDER BY a") == [[1, None], [2, None]]


def test_columns_meet_by_position_whatever_their_names(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a varchar(5), b varchar(5), c int)")
    entry = lake.put("a.parquet", pa.table({"b": ["first"], "a": ["next"]}))
    sql(copy("t (b, a)", lake.manifest(entry)))
    sql(copy("t (a, b)", lake.manifest(entry)))
    assert sql("SELECT a, b, c FROM t ORDER BY a") == [
        ["first", "next", None],
        ["next", "first", None],
    ]


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        pytest.param("int", pa.array([1], pa.int64()), id="bigint into int"),
        pytest.param("bigint", pa.array([1], pa.int32()), id="int into bigint"),
        pytest.param("bigint", pa.array([1], pa.uint64()), id="unsigned into bigint"),
        pytest.param("varchar(10)", pa.array([1], pa.int64()), id="bigint into varchar"),
        pytest.param("int", pa.array(["1"]), id="text into int"),
        pytest.param("decimal(18,2)", pa.array([1.5]), id="double into decimal"),
        pytest.param("double precision", pa.array([1.5], pa.float32()), id="real into double"),
        pytest.param("timestamp", pa.array([1], pa.timestamp("ns")), id="nanoseconds"),
        pytest.param("timestamp", pa.array([1], pa.date32()), id="date into timestamp"),
        pytest.param("date", pa.array([1], pa.timestamp("us")), id="timestamp into date"),
        pytest.param("varchar(10)", pa.array([["a"]]), id="list into varchar"),
        pytest.param("boolean", pa.array([1], pa.int32()), id="int into boolean"),
    ],
)
def test_another_type_is_an_incompatible_schema(
    sql: Sql, lake: Lake, declared: str, values: "pa.Array[Any]"
) -> None:
    sql(f"CREATE TABLE t (a {declared})")
    entry = lake.put("a.parquet", pa.table({"a": values}))
    text = refused(sql, copy("t", lake.manifest(entry)))
    assert "has an incompatible Parquet schema for column" in text
    assert "15007" in text


@pytest.mark.parametrize(("precision", "scale"), [(29, 9), (18, 8), (38, 9)])
def test_a_decimal_of_another_precision_or_scale_is_refused(
    sql: Sql, lake: Lake, precision: int, scale: int
) -> None:
    sql("CREATE TABLE t (num decimal(18,9))")
    values = pa.array([Decimal("1.5")], pa.decimal128(precision, scale))
    text = refused(sql, copy("t", lake.manifest(lake.put("a.parquet", pa.table({"num": values})))))
    assert "column 'num' has an invalid type length. Expecting: 8 len in file:" in text


@pytest.mark.parametrize(("value", "fits"), [("ääää", True), ("äääää", False), ("12345678", True)])
def test_varchar_counts_bytes_in_a_copy(sql: Sql, lake: Lake, value: str, fits: bool) -> None:
    sql("CREATE TABLE t (col varchar(8))")
    url = lake.manifest(lake.put("a.parquet", pa.table({"col": [value]})))
    if fits:
        sql(copy("t", url))
    else:
        text = refused(sql, copy("t", url))
        assert "The length of the data column col is longer than the length defined" in text
        assert "Table: 8, Data: 10" in text


def test_a_null_in_a_column_that_takes_none_is_refused(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int PRIMARY KEY)")
    entry = lake.put("a.parquet", pa.table({"a": pa.array([1, None], pa.int32())}))
    assert "1213" in refused(sql, copy("t", lake.manifest(entry)))


@pytest.mark.parametrize(
    "option",
    ["REGION 'eu-west-1'", "TRUNCATECOLUMNS", "ACCEPTANYDATE", "NULL AS 'x'", "GZIP", "COMPUPDATE"],
)
def test_an_option_that_is_not_for_parquet_is_refused(sql: Sql, option: str) -> None:
    text = refused(sql, copy("t", "s3://b/m", f"MANIFEST {option}"))
    assert f"{option.split()[0]} argument is not supported for PARQUET based COPY" in text


def test_credentials_may_name_the_role(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    url = lake.manifest(lake.put("a.parquet", INTS))
    role = f"CREDENTIALS AS 'aws_iam_role={ROLE}'"
    sql(f"COPY t FROM '{url}' {role} FORMAT AS PARQUET MANIFEST")
    assert sql("SELECT count(*) FROM t") == [[2]]


@pytest.mark.parametrize("kind", ["time", "timetz"])
def test_a_time_is_not_loaded_from_parquet(sql: Sql, lake: Lake, kind: str) -> None:
    sql(f"CREATE TABLE t (a {kind})")
    entry = lake.put("a.parquet", pa.table({"a": pa.array([1], pa.time64("us"))}))
    assert "cannot be loaded from Parquet" in refused(sql, copy("t", lake.manifest(entry)))


def test_timestamps_of_the_old_96_bits_are_read(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a timestamp)")
    moment = datetime.fromisoformat("2026-01-02T03:04:05.000006")
    table = pa.table({"a": pa.array([moment], pa.timestamp("us"))})
    entry = lake.put("a.parquet", table, use_deprecated_int96_timestamps=True)
    sql(copy("t", lake.manifest(entry)))
    assert sql("SELECT a FROM t") == [[moment]]


def test_acceptinvchars_replaces_each_bad_byte(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a varchar(9))")
    bad = pa.array([b"a\xff\xfeb"], pa.binary()).view(pa.string())
    url = lake.manifest(lake.put("a.parquet", pa.table({"a": bad})))
    sql("COMMIT")
    assert "invalid or unsupported UTF8" in refused(sql, copy("t", url))
    sql("ROLLBACK")
    sql(copy("t", url, "MANIFEST ACCEPTINVCHARS AS '^'"))
    assert sql("SELECT a FROM t") == [["a^^b"]]


def test_options_without_effect_are_taken(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    url = lake.manifest(lake.put("a.parquet", INTS))
    sql(copy("t", url, "MANIFEST MAXERROR 0 STATUPDATE OFF ACCEPTINVCHARS"))
    assert sql("SELECT count(*) FROM t") == [[2]]


@pytest.mark.parametrize(
    "statement",
    [
        "COPY t FROM 's3://b/m' FORMAT PARQUET MANIFEST",
        "COPY t FROM 's3://b/m' IAM_ROLE default FORMAT PARQUET MANIFEST",
        "COPY t FROM 's3://b/m' CREDENTIALS 'aws_access_key_id=x' FORMAT PARQUET MANIFEST",
        "COPY t FROM 's3://b/m' IAM_ROLE 'me' FORMAT PARQUET MANIFEST",
        f"COPY t FROM 's3://b/m' IAM_ROLE '{ROLE}' IAM_ROLE '{ROLE}' FORMAT PARQUET MANIFEST",
        f"COPY t FROM 'http://b/m' IAM_ROLE '{ROLE}' FORMAT PARQUET",
        "COPY t FROM STDIN",
        f"COPY missing FROM 's3://b/m' IAM_ROLE '{ROLE}' FORMAT PARQUET MANIFEST",
    ],
)
def test_a_copy_that_redshift_cannot_read_is_refused(sql: Sql, statement: str) -> None:
    sql("CREATE TABLE t (a int)")
    refused(sql, statement)


def test_a_file_that_is_no_parquet_is_refused(sql: Sql, lake: Lake, s3: Any) -> None:
    sql("CREATE TABLE t (a int)")
    s3.put_object(Bucket=lake.bucket, Key="x.parquet", Body=b"not a file of columns")
    entry = {"url": f"s3://{lake.bucket}/x.parquet", "meta": {"content_length": 21}}
    assert "Invalid Parquet file" in refused(sql, copy("t", lake.manifest(entry)))


def test_without_a_manifest_all_files_under_the_prefix_are_loaded(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    lake.put("hour/1.parquet", INTS)
    lake.put("hour/2.parquet", INTS)
    lake.put("other/3.parquet", INTS)
    sql(copy("t", f"s3://{lake.bucket}/hour/", ""))
    assert sql("SELECT count(*) FROM t") == [[4]]


def test_a_super_column_takes_json_and_a_text_stays_a_text(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a super, b super)")
    table = pa.table({"a": [{"x": 1, "y": [True, None]}], "b": ['{"x": 1}']})
    url = lake.manifest(lake.put("a.parquet", table))
    assert "SERIALIZETOJSON" in refused(sql, copy("t", url))


def test_serializetojson_writes_nested_values(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a super, b super)")
    table = pa.table({"a": [{"x": 1, "y": [True, None]}], "b": ['{"x": 1}']})
    sql(copy("t", lake.manifest(lake.put("a.parquet", table)), "MANIFEST SERIALIZETOJSON"))
    ((nested, text),) = sql("SELECT a, b FROM t")
    assert json.loads(nested) == {"x": 1, "y": [True, None]}
    assert json.loads(text) == '{"x": 1}'


def test_an_identity_column_is_given_by_the_table(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (id bigint IDENTITY(10, 5), a int)")
    sql(copy("t", lake.manifest(lake.put("a.parquet", INTS))))
    assert sql("SELECT id, a FROM t ORDER BY id") == [[10, 1], [15, 2]]
