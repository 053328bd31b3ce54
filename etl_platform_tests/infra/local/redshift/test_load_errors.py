"""Bad records: their codes, MAXERROR, and what the system views tell of them.

Codes: https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html
"""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.endpoint import Endpoint, run
from etl_platform_tests.infra.local.redshift.lake import Lake, copy_text

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection
ERRORS = (
    "SELECT line_number, trim(colname), err_code, trim(err_reason) FROM stl_load_errors"
    " WHERE query = pg_last_copy_id() ORDER BY line_number"
)


def fails(sql: Sql, statement: str) -> str:
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql(statement)
    return str(error.value.args[0]["M"])


@pytest.mark.parametrize(
    ("declared", "content", "options", "code", "reason"),
    [
        ("int", "1|2\n", "", 1202, "Extra column(s) found"),
        ("int, b int", "1\n", "", 1214, "Delimiter not found"),
        ("int", '"1\n', "CSV", 1214, "Delimited value missing end quote"),
        ("int", 'x"1\n', "CSV", 1214, "Invalid quote formatting for CSV"),
        ("int", '"1"2\n', "CSV", 1214, "Invalid quote formatting for CSV"),
        ("int", "12x\n", "", 1207, "Invalid digit, Value 'x', Pos 2, Type: Integer"),
        ("smallint", "x\n", "", 1207, "Invalid digit, Value 'x', Pos 0, Type: Short"),
        ("bigint", "1.5\n", "", 1207, "Invalid digit, Value '.', Pos 1, Type: Long"),
        ("smallint", "32768\n", "", 1222, "Overflow"),
        ("decimal(4,2)", "a\n", "", 1207, "Invalid digit, Value 'a', Pos 0, Type: Decimal"),
        ("bigint", f"{'9' * 5000}\n", "", 1222, "Overflow"),
        ("decimal(38,2)", f"{'9' * 5000}\n", "", 1204, "Numeric data overflow"),
        ("decimal(38,2)", "1e999\n", "", 1204, "Numeric data overflow"),
        ("decimal(4,2)", "100\n", "", 1204, "Numeric data overflow"),
        ("double precision", "1,5\n", "", 1208, "Invalid Float Format"),
        ("real", "1e39\n", "", 1204, "Overflow"),
        ("double precision", "1e999\n", "", 1204, "Overflow"),
        ("int", b"\xff\n", "", 1207, "Invalid digit, Value '?'"),
        ("boolean", "maybe\n", "", 1210, "Unknown boolean format"),
        ("date", "26-1-2\n", "", 1205, "Invalid Date Format - length must be 10 or more"),
        ("date", "2026-02-30\n", "", 1205, "Invalid Date Format [YYYY-MM-DD]"),
        ("timestamp", "2026-01-02T03:04:05Z\n", "", 1206, "Invalid timestamp format or value"),
        ("int not null", " \n", "", 1213, "Missing data for not-null field"),
        ("varchar(3)", "äö\n", "", 1204, "String length exceeds DDL length"),
        ("char(9)", "ä\n", "", 1220, "Multibyte character not supported for CHAR"),
        ("varchar(9)", b"a\xa4\n", "", 1220, "String contains invalid or unsupported UTF8"),
        ("varchar(9)", "a\0b\n", "", 1216, "Missing newline: Unexpected character 0x0"),
        ("varchar(9)", "a\0b\n", r"NULL AS '\0'", 1218, "Missing newline"),
        ("super", "{x\n", "", 1224, "Invalid JSON format"),
        ("varbyte(3)", "xy\n", "", 1219, "contains an invalid digit"),
        ("int", "[1]\n", "JSON 'auto'", 1216, "Invalid JSON format"),
        ("int", '{"a": 1,}\n', "JSON 'auto'", 1216, "Invalid JSON format"),
        ("varchar(9)", '{"a": "\\ud800"}\n', "JSON 'auto'", 1220, "unsupported UTF8"),
        ("super", '{"a": ["\\ud800"]}\n', "JSON 'auto'", 1224, "Invalid JSON format"),
        ("int", '{"a": "x"}\n', "JSON 'auto'", 1207, "Invalid digit"),
    ],
)
def test_a_bad_record_has_its_code_and_reason(
    sql: Sql,
    connection: Connection,
    lake: Lake,
    declared: str,
    content: str | bytes,
    options: str,
    code: int,
    reason: str,
) -> None:
    sql(f"CREATE TABLE t (a {declared})")
    connection.commit()
    message = fails(sql, copy_text("t", lake.text("a.txt", content), options))
    assert message == (
        "Load into table 't' failed.  Check 'stl_load_errors' system table for details."
    )
    connection.rollback()
    ((line, _, found, text),) = sql(ERRORS)
    assert (line, found) == (1, code)
    assert reason in text


def test_the_views_show_where_a_bad_value_stands(
    sql: Sql, connection: Connection, lake: Lake
) -> None:
    sql("CREATE TABLE t (a int, b varchar(3))")
    connection.commit()
    url = lake.text("in/a.txt", "1|ok\n2|müch too long\n")
    fails(sql, copy_text("t", url))
    connection.rollback()
    assert sql(
        "SELECT filename, line_number, colname, type, col_length, raw_line, raw_field_value"
        " FROM stl_load_errors WHERE query = pg_last_copy_id()"
    ) == [[url, 2, "b", "varchar", "3", "2|m.ch too long", "müch too long"]]
    assert sql(
        "SELECT file_name, line_number, column_name, column_type, column_length, error_code,"
        " error_message FROM sys_load_error_detail WHERE query_id = pg_last_copy_id()"
    ) == [[url, 2, "b", "varchar", "3", 1204, "String length exceeds DDL length"]]
    assert sql("SELECT count(*) FROM t") == [[0]]


def test_the_views_show_precision_and_scale_of_a_number(
    sql: Sql, connection: Connection, lake: Lake
) -> None:
    # As recorded in https://github.com/transferwise/pipelinewise-target-redshift/issues/8
    sql("CREATE TABLE t (a decimal)")
    connection.commit()
    fails(sql, copy_text("t", lake.text("a.txt", "x\n")))
    connection.rollback()
    found = sql("SELECT type, col_length FROM stl_load_errors WHERE query = pg_last_copy_id()")
    assert found == [["numeric", "18, 0"]]


def test_maxerror_puts_bad_records_aside_and_loads_the_rest(
    sql: Sql, connection: Connection, lake: Lake
) -> None:
    sql("CREATE TABLE t (a int, b varchar(3))")
    url = lake.text("in/a.txt", "x|bad\n1|ok\n2|much too long\n3|ok\n4\n")
    sql(copy_text("t", url, "MAXERROR 4"))
    connection.commit()
    assert sql("SELECT a, pg_last_copy_count() FROM t ORDER BY a") == [[1, 2], [3, 2]]
    assert [row[:3] for row in sql(ERRORS)] == [[1, "a", 1207], [3, "b", 1204], [5, "", 1214]]
    messages = [notice[b"M"].decode() for notice in connection.notices]
    assert messages[-2:] == [
        "Load into table 't' completed, 2 record(s) loaded successfully.",
        "Load into table 't' completed, 3 record(s) could not be loaded.  "
        "Check 'stl_load_errors' system table for details.",
    ]
    assert sql(
        "SELECT status, loaded_rows, error_count, file_format, source_file_count"
        " FROM sys_load_history WHERE query_id = pg_last_copy_id()"
    ) == [["completed", 2, 3, "txt", 1]]
    assert sql(
        "SELECT filename, lines_scanned, errors, file_format FROM stl_load_commits"
        " WHERE query = pg_last_copy_id()"
    ) == [[url, 5, 3, "Text"]]


def test_a_load_fails_when_its_errors_reach_maxerror(
    sql: Sql, connection: Connection, lake: Lake
) -> None:
    sql("CREATE TABLE t (a int)")
    connection.commit()
    url = lake.text("in/a.txt", "x\n1\ny\n2\nz\n")
    fails(sql, copy_text("t", url, "MAXERROR 2"))
    connection.rollback()
    assert [row[0] for row in sql(ERRORS)] == [1, 3]
    assert sql(
        "SELECT status, loaded_rows FROM sys_load_history WHERE query_id = pg_last_copy_id()"
    ) == [["aborted", 0]]
    assert sql("SELECT count(*) FROM stl_load_commits WHERE query = pg_last_copy_id()") == [[0]]


def test_maxerror_of_a_parquet_load_may_only_be_the_default(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    statement = copy_text("t", "s3://b/m", "FORMAT AS PARQUET MANIFEST MAXERROR 5")
    assert fails(sql, statement) == "MAXERROR argument is not supported for PARQUET based COPY"


def test_a_bad_quote_does_not_take_the_next_rows_with_it(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a varchar(9))")
    sql(copy_text("t", lake.text("a.csv", 'ok\nx"y\n"fine"\n'), "CSV MAXERROR 2"))
    assert sql("SELECT a FROM t ORDER BY a") == [["fine"], ["ok"]]


def test_each_file_of_a_load_is_told_in_its_transaction_and_after_it(
    sql: Sql, connection: Connection, lake: Lake
) -> None:
    sql("CREATE TABLE t (a int)")
    urls = [lake.text(f"in/{n}.txt", "1\n" * (n + 1)) for n in range(3)]
    sql(copy_text("t", f"s3://{lake.bucket}/in/"))
    query = (
        "SELECT file_name, lines_scanned, bytes_scanned FROM sys_load_detail"
        " WHERE query_id = pg_last_copy_id() ORDER BY 1"
    )
    expected = [[url, n + 1, 2 * (n + 1)] for n, url in enumerate(urls)]
    assert sql(query) == expected
    connection.rollback()
    assert sql(query) == expected


def test_a_user_sees_his_own_loads_only(
    sql: Sql, connection: Connection, lake: Lake, endpoint: Endpoint, schema: str
) -> None:
    user, password = f"user_{uuid.uuid4().hex[:8]}", "Laptop-User-1"
    sql("CREATE TABLE t (a int)")
    sql(copy_text("t", lake.text("a.txt", "1\n")))
    sql(f"CREATE USER {user} PASSWORD '{password}'")
    sql(f"GRANT USAGE ON SCHEMA {schema} TO {user}")
    sql(f"GRANT INSERT ON t TO {user}")
    connection.commit()
    with endpoint.connect(user, password) as own:
        run(own, copy_text(f"{schema}.t", lake.text("b.txt", "2\n")))
        for view in ("sys_load_history", "sys_load_detail", "stl_load_commits"):
            assert run(own, f"SELECT count(*) FROM {view}") == [[1]]
        own.commit()
    ((rows,),) = sql("SELECT count(*) FROM sys_load_history WHERE table_name = 't'")
    assert rows >= 2
