"""What a transaction block refuses, moves of whole tables, and both levels of isolation."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
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

_HOLD_A_LOCK = """
import sys, time
import redshift_connector
port, user, password, database, table = sys.argv[1:]
connection = redshift_connector.connect(
    host="127.0.0.1", port=int(port), user=user, password=password, database=database, ssl=False
)
connection.cursor().execute(f"LOCK {table}")
print("locked", flush=True)
time.sleep(600)
"""


def refusal(sql: Sql, statement: str) -> dict[str, str]:
    """The fields of the error that the statement ends with."""
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql(statement)
    fields: dict[str, str] = error.value.args[0]
    return fields


@pytest.fixture(scope="module")
def serializable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An endpoint as clusters made before May 2024 are; without S3."""
    state_dir = tmp_path_factory.mktemp("serializable") / "state"
    server = Endpoint(state_dir, {}, isolation="SERIALIZABLE").start()
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("statement", "command"),
    [
        ("ALTER TABLE t ALTER COLUMN a TYPE varchar(30)", "ALTER TABLE ALTER COLUMN"),
        ("ALTER TABLE t APPEND FROM s", "ALTER TABLE APPEND"),
        ("VACUUM t", "VACUUM"),
        ("CREATE DATABASE other", "CREATE DATABASE"),
        ("CREATE EXTERNAL TABLE lake.t (a int) LOCATION 's3://b/k/'", "CREATE EXTERNAL TABLE"),
    ],
)
def test_what_needs_to_stand_alone_is_refused_in_a_transaction_block(
    sql: Sql, connection: Connection, statement: str, command: str
) -> None:
    sql("CREATE TABLE t (a varchar(20))")
    sql("CREATE TABLE s (a varchar(20))")
    connection.commit()
    sql("INSERT INTO t VALUES ('x')")
    fields = refusal(sql, statement)
    assert (fields["C"], fields["M"]) == (
        "25001",
        f"{command} cannot run inside a transaction block",
    )
    assert refusal(sql, "SELECT 1")["C"] == "25P02"
    connection.rollback()
    assert sql("SELECT count(*) FROM t") == [[0]]


def test_append_moves_the_rows_by_the_names_of_the_columns(
    sql: Sql, connection: Connection
) -> None:
    sql("CREATE TABLE t (a int, b varchar(3), c int DEFAULT 7)")
    sql("CREATE TABLE s (b varchar(3), a int)")
    sql("INSERT INTO s VALUES ('x', 1), ('y', 2)")
    connection.commit()
    connection.autocommit = True
    assert 'column "c" is missing from s' in refusal(sql, "ALTER TABLE t APPEND FROM s")["M"]
    sql("ALTER TABLE t APPEND FROM s FILLTARGET")
    assert sql("SELECT a, b, c FROM t ORDER BY a") == [[1, "x", 7], [2, "y", 7]]
    assert sql("SELECT count(*) FROM s") == [[0]]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("CREATE TABLE s (a bigint) DISTKEY (a)", 'column "a" differs'),
        ("CREATE TABLE s (a int) DISTSTYLE ALL", "same distribution and sort keys"),
        ("CREATE TABLE s (a int, b int) DISTKEY (a)", 'column "b" is missing from t'),
    ],
)
def test_append_refuses_tables_that_are_not_alike(
    sql: Sql, connection: Connection, source: str, reason: str
) -> None:
    sql("CREATE TABLE t (a int) DISTKEY (a)")
    sql(source)
    connection.commit()
    connection.autocommit = True
    assert reason in refusal(sql, "ALTER TABLE t APPEND FROM s")["M"]


def test_merge_with_remove_duplicates_leaves_each_source_row_once(sql: Sql) -> None:
    sql("CREATE TABLE target (id int, v varchar(3))")
    sql("CREATE TABLE source (id int, v varchar(3))")
    sql("INSERT INTO target VALUES (1, 'old'), (1, 'old'), (9, 'own'), (9, 'own')")
    sql("INSERT INTO source VALUES (1, 'new'), (1, 'new'), (2, 'new')")
    sql("MERGE INTO target USING source s ON target.id = s.id REMOVE DUPLICATES")
    assert sql("SELECT id, v FROM target ORDER BY id") == [
        [1, "new"],
        [2, "new"],
        [9, "own"],
        [9, "own"],
    ]
    aliased = "MERGE INTO target t USING source s ON t.id = s.id REMOVE DUPLICATES"
    assert "alias on the target" in refusal(sql, aliased)["M"]


def _count_and_insert(first: Connection, second: Connection, table: str) -> None:
    for connection in (first, second):
        run(connection, f"INSERT INTO {table} SELECT count(*) FROM {table}")
    first.commit()
    second.commit()


def test_serializable_refuses_a_cycle_with_error_1023(serializable: Endpoint) -> None:
    with serializable.connect() as first, serializable.connect() as second:
        run(first, "CREATE TABLE counted (a int)")
        first.commit()
        with pytest.raises(redshift_connector.ProgrammingError) as error:
            _count_and_insert(first, second, "counted")
        fields = error.value.args[0]
        assert fields["M"] == "1023"
        assert fields["D"].startswith("Serializable isolation violation on table")
        second.rollback()
        run(second, "INSERT INTO counted SELECT count(*) FROM counted")
        second.commit()
        assert run(second, "SELECT a FROM counted ORDER BY a") == [[0], [1]]


def test_serializable_lets_writers_pass_that_lock_first(serializable: Endpoint) -> None:
    with serializable.connect() as first, serializable.connect() as second:
        run(first, "CREATE TABLE guarded (a int)")
        first.commit()
        for connection in (first, second):
            run(connection, "LOCK guarded")
            run(connection, "INSERT INTO guarded SELECT count(*) FROM guarded")
            connection.commit()
        assert run(first, "SELECT a FROM guarded ORDER BY a") == [[0], [1]]


def test_snapshot_lets_the_same_cycle_pass(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> None:
    sql("CREATE TABLE counted (a int)")
    connection.commit()
    with endpoint.connect() as other:
        _count_and_insert(connection, other, f"{schema}.counted")
    assert sql("SELECT a FROM counted") == [[0], [0]]


def test_a_killed_client_leaves_no_lock(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> None:
    sql("CREATE TABLE t (a int)")
    connection.commit()
    arguments = [str(endpoint.port), ADMIN, PASSWORD, DATABASE, f"{schema}.t"]
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD_A_LOCK, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    sql("SET statement_timeout TO 60000")
    sql("LOCK t")
