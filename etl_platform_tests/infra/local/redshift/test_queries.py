"""The history of queries, as people look at it after a load."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift import lake as lakes
from etl_platform_tests.infra.local.redshift.endpoint import Endpoint, run
from etl_platform_tests.infra.local.redshift.lake import Lake
from infra.local.redshift import statement_log
from infra.local.redshift.statement_log import kind_of, masked

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection


def test_a_query_is_listed_with_its_label_user_session_and_times(
    sql: Sql, connection: Connection, schema: str
) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_STL_QUERY.html"""
    sql(f"SET query_group TO '{schema} load'")
    sql("CREATE TABLE t (a int)")
    sql("INSERT INTO t SELECT 1")
    connection.commit()
    found = sql(
        "SELECT trim(q.querytxt), u.usename, q.pid = pg_backend_pid(), trim(q.database), q.aborted,"
        " q.starttime <= q.endtime, datediff(second, q.endtime, sysdate) < 60"
        f" FROM stl_query q JOIN pg_user u ON u.usesysid = q.userid WHERE label = '{schema} load'"
        " AND querytxt LIKE 'INSERT%'"
    )
    assert found == [["INSERT INTO t SELECT 1", "admin", True, "warehouse", 0, True, True]]


def test_definitions_and_utilities_are_in_the_history_and_are_no_queries(
    sql: Sql, connection: Connection, schema: str
) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_HISTORY.html"""
    sql(f"SET query_group TO '{schema}'")
    for statement in ("CREATE TABLE t (a int)", "CREATE TABLE u AS SELECT a FROM t", "SELECT 1"):
        sql(statement)
    connection.commit()
    kinds = sql(
        "SELECT trim(query_type) FROM sys_query_history WHERE query_label = %s"
        " AND status = 'success' ORDER BY query_id",
        schema,
    )
    # COMMIT, and the BEGIN of the driver.
    assert kinds == [["DDL"], ["CTAS"], ["SELECT"], ["UTILITY"], ["UTILITY"]]
    logged = "SELECT trim(substring) FROM svl_qlog WHERE label = %s ORDER BY query"
    assert sql(logged, schema)[:2] == [["CREATE TABLE u AS SELECT a FROM t"], ["SELECT 1"]]


def test_a_transaction_that_is_rolled_back_keeps_its_history_and_loses_its_label(
    sql: Sql, connection: Connection, schema: str
) -> None:
    sql(f"SET query_group TO '{schema}'")
    sql("SELECT 1 AS in_transaction")
    connection.rollback()
    sql("SELECT 2 AS after_it")
    found = sql(
        "SELECT trim(query_label), count(DISTINCT transaction_id), count(*) FROM sys_query_history"
        " WHERE session_id = pg_backend_pid() AND query_text LIKE 'SELECT _ AS%' GROUP BY 1"
        " ORDER BY 1"
    )
    assert found == [["default", 1, 1], [schema, 1, 1]]


def test_a_statement_that_runs_has_the_label_of_its_session(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_HISTORY.html"""
    sql("CREATE TABLE t (a int)")
    connection.commit()
    sql("LOCK TABLE t")
    running = "SELECT trim(query_label) FROM sys_query_history WHERE session_id = %s"
    with endpoint.connect() as waiter, endpoint.connect() as watcher, ThreadPoolExecutor() as pool:
        ((session,),) = run(waiter, "SELECT pg_backend_pid()")
        run(waiter, f"SET query_group TO '{schema} load'")
        locked = pool.submit(run, waiter, f"LOCK TABLE {schema}.t")
        watcher.autocommit = True
        while not (seen := run(watcher, f"{running} AND status = 'running'", session)):
            time.sleep(0.02)
        connection.rollback()
        locked.result()
        waiter.rollback()
        again = run(waiter, f"{running} AND status = 'running'", session)
    assert seen == [[f"{schema} load"]]
    assert again == [["default"]]


def test_a_session_that_ends_takes_its_label_with_it(endpoint: Endpoint) -> None:
    (file,) = endpoint.state_dir.rglob(statement_log.LABELS_FILE_NAME)
    with endpoint.connect() as session:
        ((number,),) = run(session, "SELECT pg_backend_pid()")
        run(session, "SET query_group TO 'a load'")
        assert json.loads(file.read_text())[str(number)] == "a load"
    while str(number) in json.loads(file.read_text()):
        time.sleep(0.02)


def test_a_server_that_starts_knows_no_label_of_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "labels.json"
    statement_log.SessionLabels(file).put(7, "a load")
    assert json.loads(file.read_text()) == {"7": "a load"}
    statement_log.SessionLabels(file)
    assert json.loads(file.read_text()) == {}


def test_a_label_takes_no_snapshot(sql: Sql, connection: Connection, endpoint: Endpoint) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html"""
    sql("CREATE TABLE t (a int)")
    ((schema,),) = sql("SELECT current_schema()")
    connection.commit()
    sql("SET query_group TO 'a load'")
    with endpoint.connect() as other:
        run(other, f"INSERT INTO {schema}.t VALUES (1)")
        other.commit()
    assert sql("SELECT count(*) FROM t") == [[1]]


def test_a_failure_is_told_with_its_message(sql: Sql, connection: Connection, schema: str) -> None:
    sql(f"SET query_group TO '{schema}'")
    connection.commit()
    for statement in ("SELECT 1 / 0", "SELECT 1 / (SELECT 0)"):
        with pytest.raises(redshift_connector.ProgrammingError):
            sql(statement)
        connection.rollback()
    history = (
        "SELECT trim(status), trim(error_message) FROM sys_query_history"
        " WHERE query_label = %s AND query_type = 'SELECT' ORDER BY query_id"
    )
    assert sql(history, schema)[:2] == [["failed", "division by zero"]] * 2
    assert sql("SELECT aborted FROM stl_query WHERE label = %s ORDER BY query", schema)[0] == [1]


def test_a_copy_has_one_number_in_all_views(sql: Sql, lake: Lake, connection: Connection) -> None:
    sql("CREATE TABLE t (a int)")
    sql(lakes.copy_text("t", lake.text("rows.csv", "1\n2\n"), "CSV"))
    connection.commit()
    found = sql(
        "SELECT q.querytxt LIKE 'COPY t FROM%', count(*) FROM stl_query q"
        " JOIN stl_load_commits c ON c.query = q.query"
        " WHERE q.query = pg_last_copy_id() GROUP BY 1"
    )
    assert found == [[True, 1]]


def test_a_long_text_is_whole_in_pieces_of_200(sql: Sql, connection: Connection) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_STL_QUERYTEXT.html"""
    long = f"SELECT '{'x' * 450}' AS long_text"
    sql(long)
    pieces = sql(
        "SELECT sequence, text FROM stl_querytext WHERE query = (SELECT max(query) FROM stl_query"
        " WHERE querytxt LIKE 'SELECT ''xxx%') ORDER BY sequence"
    )
    assert [len(text) for _, text in pieces] == [200, 200, len(long) - 400]
    assert "".join(text for _, text in pieces) == long


def test_a_user_sees_his_own_queries_only(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/c_visibility-of-data.html"""
    user = f"{schema}_user"
    sql(f"CREATE USER {user} PASSWORD 'Service-Pass-1'")
    connection.commit()
    with endpoint.connect(user, "Service-Pass-1") as service:
        run(service, "SELECT 1")
        seen = run(
            service,
            "SELECT DISTINCT userid = (SELECT usesysid FROM pg_user WHERE"
            " usename = current_user) FROM stl_query",
        )
        assert seen == [[True]]
    mine = f"SELECT count(*) FROM sys_query_history WHERE query_text LIKE 'CREATE USER {user}%'"
    assert sql(mine) == [[1]]


def test_secrets_are_in_no_text(sql: Sql, connection: Connection, schema: str) -> None:
    sql(f"CREATE USER {schema}_other PASSWORD 'Service-Pass-2'")
    connection.commit()
    found = sql(
        f"SELECT query_text FROM sys_query_history WHERE query_text LIKE 'CREATE USER {schema}_o%'"
    )
    assert found == [[f"CREATE USER {schema}_other PASSWORD '***'"]]
    assert masked("COPY t FROM 'x' CREDENTIALS AS 'a=b' CSV") == (
        "COPY t FROM 'x' CREDENTIALS AS '***' CSV"
    )


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("/* dagster */ (SELECT 1)", "SELECT"),
        ("-- load\nWITH a AS (SELECT 1) SELECT * FROM a", "SELECT"),
        ("create temp table x as select 1", "CTAS"),
        ("CREATE TABLE x (as_of date, b int DEFAULT 1)", "DDL"),
        ("begin", "UTILITY"),
        ("", "OTHER"),
    ],
)
def test_the_type_of_a_query_is_told_by_its_words(sql: str, kind: str) -> None:
    assert kind_of(sql) == kind


def test_the_oldest_statements_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_log, "_LARGEST_BYTES", 4_000)
    log = statement_log.StatementLog(tmp_path / "log")
    moment = datetime.now(UTC)
    for number in range(100):
        log.append(
            statement_log.Statement(number, number, 1, "a", "b", "c", "SELECT 1", moment, moment, 1)
        )
    lines = (tmp_path / "log").read_text().splitlines()
    assert 5 < len(lines) < 25
    assert '"query_id": 99' in lines[-1]
