"""Redshift's system views over what PostgreSQL knows."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.endpoint import Endpoint, run

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection


def test_tables_and_columns_are_listed_with_redshifts_types(sql: Sql, schema: str) -> None:
    sql("CREATE TABLE t (a int NOT NULL DISTKEY, b varchar(9) ENCODE zstd SORTKEY, c super)")
    sql("CREATE VIEW v AS SELECT a FROM t")
    tables = "SELECT table_name, table_type FROM svv_tables WHERE table_schema = %s ORDER BY 1"
    assert sql(tables, schema) == [["t", "BASE TABLE"], ["v", "VIEW"]]
    columns = (
        "SELECT column_name, data_type, is_nullable, character_maximum_length FROM svv_columns"
        " WHERE table_schema = %s AND table_name = 't' ORDER BY ordinal_position"
    )
    assert sql(columns, schema) == [
        ["a", "integer", "NO", None],
        ["b", "character varying", "YES", 9],
        ["c", "super", "YES", None],
    ]
    attributes = (
        "SELECT column_name, data_type, encoding, distkey, sortkey FROM svv_redshift_columns"
        " WHERE schema_name = %s AND table_name = 't' ORDER BY ordinal_position"
    )
    assert sql(attributes, schema) == [
        ["a", "integer", "", True, 0],
        ["b", "character varying(9)", "zstd", False, 1],
        ["c", "super", "", False, 0],
    ]


def test_who_holds_a_lock_is_seen_by_others(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> None:
    sql("CREATE TABLE guarded (a int)")
    connection.commit()
    sql("LOCK guarded")
    (holder,) = sql("SELECT pg_backend_pid()")
    (table,) = sql(
        "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = 'guarded'",
        schema,
    )
    with endpoint.connect() as other:
        locks = "SELECT lock_owner_pid, lock_status FROM stv_locks WHERE table_id = %s"
        assert run(other, locks, *table) == [[*holder, "Holding write lock"]]
        transactions = (
            "SELECT DISTINCT txn_owner FROM svv_transactions WHERE pid = %s AND relation = %s"
        )
        assert run(other, transactions, *holder, *table) == [["admin"]]
        sessions = "SELECT user_name, db_name FROM stv_sessions WHERE process = %s"
        assert run(other, sessions, *holder) == [["admin", "warehouse"]]


SERVICE_PASSWORD = "Service-Pass-1"


@pytest.fixture
def service(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> Iterator[Connection]:
    """A session of a user who is no superuser."""
    sql(f"CREATE USER {schema}_user PASSWORD '{SERVICE_PASSWORD}'")
    connection.commit()
    with endpoint.connect(f"{schema}_user", SERVICE_PASSWORD) as opened:
        yield opened


def test_a_user_sees_the_sessions_transactions_and_queries_of_no_other(
    sql: Sql, service: Connection, schema: str
) -> None:
    sql("SELECT count(*) FROM pg_class")
    own = [[f"{schema}_user"]]
    assert run(service, "SELECT DISTINCT user_name FROM stv_recents") == own
    assert run(service, "SELECT DISTINCT user_name FROM stv_sessions") == own
    assert run(service, "SELECT DISTINCT txn_owner FROM svv_transactions") == own
    users = "SELECT DISTINCT u.usename FROM sys_query_history h JOIN pg_user u"
    assert run(service, f"{users} ON u.usesysid = h.user_id") == own
    assert run(service, "SELECT count(*) FROM stv_locks") == [[0]]
    seen = [row[0] for row in sql("SELECT user_name FROM stv_recents WHERE status = 'Running'")]
    assert "admin" in seen


def test_the_history_tells_the_label_of_a_session_and_how_long_it_is_idle(
    sql: Sql, connection: Connection, endpoint: Endpoint
) -> None:
    (session,) = sql("SELECT pg_backend_pid()")
    sql("SET query_group TO 'the load of today'")
    history = (
        "SELECT query_label, status, end_time >= start_time FROM sys_query_history"
        " WHERE session_id = %s ORDER BY start_time DESC LIMIT 1"
    )
    with endpoint.connect() as other:
        other.autocommit = True
        sql("SELECT 1")
        assert run(other, history, *session) == [["the load of today", "success", True]]
        sql("RESET query_group")
        sql("SELECT 1")
        assert run(other, history, *session) == [["default", "success", True]]
    connection.commit()
    running = (
        "SELECT status, end_time FROM sys_query_history WHERE session_id = %s"
        " AND query_text LIKE '%%this very one%%' AND status = 'running'"
    )
    assert sql(running, *session) == [["running", None]]


def test_a_user_ends_its_own_sessions_and_no_others(
    sql: Sql, service: Connection, endpoint: Endpoint, schema: str
) -> None:
    (admin,) = sql("SELECT pg_backend_pid()")
    with pytest.raises(redshift_connector.Error):
        run(service, "SELECT pg_terminate_backend(%s)", *admin)
    service.rollback()
    with endpoint.connect(f"{schema}_user", SERVICE_PASSWORD) as second:
        (own,) = run(second, "SELECT pg_backend_pid()")
        run(service, "SELECT pg_terminate_backend(%s)", *own)
        with pytest.raises((redshift_connector.Error, OSError, ValueError)):
            run(second, "SELECT 1")


def test_the_isolation_level_of_the_database_is_told(sql: Sql) -> None:
    assert sql("SELECT isolation_level FROM stv_db_isolation_level") == [["Snapshot Isolation"]]
