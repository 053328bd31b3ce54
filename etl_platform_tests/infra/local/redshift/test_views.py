"""Redshift's system views over what PostgreSQL knows."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.endpoint import DATABASE, Endpoint, run
from infra.local.redshift.dialect import translate
from infra.local.redshift.errors import RedshiftError

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection

SERVICE_PASSWORD = "Service-Pass-1"


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


def test_schemas_tables_and_columns_are_shown_by_commands(sql: Sql, schema: str) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_TABLES.html"""
    sql("CREATE TABLE t1 (a int NOT NULL, b varchar(9))")
    sql("COMMENT ON TABLE t1 IS 'the first'")
    sql("CREATE VIEW v1 AS SELECT a FROM t1")
    (shown,) = sql(f"SHOW SCHEMAS FROM DATABASE {DATABASE} LIKE '{schema}'")
    assert (shown[0], shown[1], shown[3]) == (DATABASE, schema, "local")
    tables = sql(f"SHOW TABLES FROM SCHEMA {DATABASE}.{schema}")
    assert [[*row[:4], row[5]] for row in tables] == [
        [DATABASE, schema, "t1", "TABLE", "the first"],
        [DATABASE, schema, "v1", "VIEW", None],
    ]
    assert [row[2] for row in sql(f"SHOW TABLES FROM SCHEMA {schema} LIKE 'v%'")] == ["v1"]
    assert len(sql(f"SHOW TABLES FROM SCHEMA {schema} LIMIT 1")) == 1
    columns = sql(f"SHOW COLUMNS FROM TABLE {DATABASE}.{schema}.t1")
    assert [row[3:9] for row in columns] == [
        ["a", 1, None, "NO", "integer", None],
        ["b", 2, None, "YES", "character varying", 9],
    ]
    assert sql(f"SHOW TABLES FROM SCHEMA elsewhere.{schema}") == []


@pytest.mark.parametrize(
    "statement",
    [
        "SHOW TABLES FROM SCHEMA a.b.c",
        "SHOW COLUMNS FROM TABLE t",
        "SHOW TABLES FROM SCHEMA s LIMIT 10001",
        "SHOW TABLES FROM SCHEMA s ORDER BY 1",
    ],
)
def test_a_show_of_another_form_is_refused(statement: str) -> None:
    with pytest.raises(RedshiftError):
        translate(statement)


def test_roles_and_what_they_may_are_told(sql: Sql, schema: str) -> None:
    user, role, inner = f"{schema}_user", f"{schema}_role", f"{schema}_inner"
    sql(f"CREATE USER {user} PASSWORD '{SERVICE_PASSWORD}'")
    sql(f"CREATE ROLE {role}")
    sql(f"CREATE ROLE {inner}")
    sql(f"GRANT ROLE {inner} TO ROLE {role}")
    sql(f"GRANT ROLE {role} TO {user}")
    sql(f"GRANT USAGE ON SCHEMA {schema} TO ROLE {role}")
    users = "SELECT superuser FROM svv_user_info WHERE user_name = %s"
    assert sql(users, user) == [[False]]
    assert sql("SELECT role_name FROM svv_user_grants WHERE user_name = %s", user) == [[role]]
    grants = "SELECT granted_role_name FROM svv_role_grants WHERE role_name = %s"
    assert sql(grants, role) == [[inner]]
    rights = (
        "SELECT privilege_type, identity_type FROM svv_schema_privileges WHERE namespace_name = %s"
        " AND identity_name = %s"
    )
    assert sql(rights, schema, role) == [["USAGE", "role"]]


def test_the_table_info_has_size_and_widest_text(sql: Sql, schema: str) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLE_INFO.html"""
    sql("CREATE TABLE t (a varchar(9), b varchar(30), c int)")
    sql("INSERT INTO t VALUES ('x', 'y', 1)")
    info = (
        "SELECT size, tbl_rows, max_varchar, encoded, unsorted, stats_off, empty,"
        ' estimated_visible_rows FROM svv_table_info WHERE schema = %s AND "table" = %s'
    )
    assert sql(info, schema, "t") == [[1, 1, 30, "Y", 0, 0, 0, 1]]


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
