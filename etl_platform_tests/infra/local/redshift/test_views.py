"""Redshift's system views over what PostgreSQL knows."""

from collections.abc import Callable
from typing import Any

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
        locks = (
            "SELECT lock_owner_pid, lock_owner, lock_mode, lock_status FROM stv_locks"
            " WHERE table_id = %s"
        )
        assert run(other, locks, *table) == [[*holder, "admin", "AccessExclusiveLock", True]]
        transactions = (
            "SELECT DISTINCT txn_owner FROM svv_transactions WHERE pid = %s AND relation = %s"
        )
        assert run(other, transactions, *holder, *table) == [["admin"]]
        sessions = "SELECT user_name, db_name FROM stv_sessions WHERE process = %s"
        assert run(other, sessions, *holder) == [["admin", "warehouse"]]


def test_a_user_sees_the_queries_of_no_other(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> None:
    sql(f"CREATE USER {schema}_user PASSWORD 'Service-Pass-1'")
    connection.commit()
    with endpoint.connect(f"{schema}_user", "Service-Pass-1") as service:
        seen = run(service, "SELECT DISTINCT user_name FROM stv_recents")
        assert seen == [[f"{schema}_user"]]
    users = [row[0] for row in sql("SELECT user_name FROM stv_recents WHERE status = 'Running'")]
    assert "admin" in users


def test_the_isolation_level_of_the_database_is_told(sql: Sql) -> None:
    assert sql("SELECT isolation_level FROM stv_db_isolation_level") == [["Snapshot Isolation"]]
