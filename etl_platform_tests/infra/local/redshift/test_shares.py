"""Datashares and external schemas: the rules of their statements, and what the catalog shows."""

from collections.abc import Callable
from typing import Any

import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.endpoint import Endpoint, run

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection

NAMESPACE = "86b5169f-01dc-4a6f-9fbb-e2e24359e9a8"
ROLE = "arn:aws:iam::123456789012:role/spectrum"
OBJECTS = (
    "SELECT object_type, object_name, include_new FROM svv_datashare_objects"
    " WHERE share_name = %s ORDER BY 1, 2"
)


@pytest.fixture
def share(sql: Sql, schema: str) -> str:
    """A share of the test's own, in the transaction that the test is in."""
    name = f"share_{schema}"
    sql(f"CREATE DATASHARE {name}")
    return name


def refused(sql: Sql, statement: str) -> str:
    """What the server says to a statement; the transaction is rolled back."""
    with pytest.raises(redshift_connector.ProgrammingError) as caught:
        sql(statement)
    sql("ROLLBACK")
    return str(caught.value.args[0]["M"])


def test_a_share_has_a_schema_then_its_tables_then_its_consumers(
    sql: Sql, schema: str, share: str
) -> None:
    sql("CREATE TABLE t (a int)")
    sql("CREATE TABLE u (a int)")
    sql("CREATE VIEW v AS SELECT a FROM t")
    sql(f'ALTER DATASHARE {share} ADD SCHEMA "{schema}"')
    sql(f"ALTER DATASHARE {share} ADD TABLE {schema}.t, {schema}.v")
    shared = [
        ["schema", schema, False],
        ["table", f"{schema}.t", None],
        ["view", f"{schema}.v", None],
    ]
    assert sql(OBJECTS, share) == shared
    sql(f"ALTER DATASHARE {share} ADD ALL TABLES IN SCHEMA {schema}")
    assert sql(OBJECTS, share) == [*shared[:2], ["table", f"{schema}.u", None], shared[2]]
    sql(f"ALTER DATASHARE {share} REMOVE TABLE {schema}.u")
    assert sql(OBJECTS, share) == shared
    sql(f"GRANT USAGE ON DATASHARE {share} TO NAMESPACE '{NAMESPACE}'")
    sql(f"GRANT USAGE ON DATASHARE {share} TO ACCOUNT '123456789012', '210987654321'")
    sql(f"REVOKE USAGE ON DATASHARE {share} FROM ACCOUNT '210987654321'")
    consumers = (
        "SELECT consumer_account, consumer_namespace FROM svv_datashare_consumers"
        " WHERE share_name = %s ORDER BY 1"
    )
    assert sql(consumers, share) == [["123456789012", None], [None, NAMESPACE]]
    told = "SELECT share_type, is_publicaccessible FROM svv_datashares WHERE share_name = %s"
    assert sql(told, share) == [["OUTBOUND", False]]
    sql(f"DROP DATASHARE {share}")
    assert sql(told, share) == sql(OBJECTS, share) == sql(consumers, share) == []


def test_a_table_that_is_made_again_is_not_in_the_share(sql: Sql, schema: str, share: str) -> None:
    sql("CREATE TABLE t (a int)")
    sql(f"ALTER DATASHARE {share} ADD SCHEMA {schema}")
    sql(f"ALTER DATASHARE {share} ADD TABLE {schema}.t")
    sql("DROP TABLE t")
    sql("CREATE TABLE t (a int)")
    assert sql(OBJECTS, share) == [["schema", schema, False]]


def test_a_share_is_part_of_its_transaction(sql: Sql, share: str) -> None:
    sql("ROLLBACK")
    assert sql("SELECT share_id FROM svv_datashares WHERE share_name = %s", share) == []


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("CREATE DATASHARE {share}", 'datashare "{share}" already exists'),
        ("ALTER DATASHARE nowhere ADD SCHEMA {schema}", 'datashare "nowhere" does not exist'),
        ("ALTER DATASHARE {share} ADD SCHEMA nowhere", 'schema "nowhere" does not exist'),
        (
            "ALTER DATASHARE {share} ADD TABLE {schema}.t",
            'schema "{schema}" is not in datashare "{share}"; add it first',
        ),
        ("ALTER DATASHARE {share} ADD TABLE {schema}.u", 'relation "{schema}.u" does not exist'),
        ("ALTER DATASHARE {share} ADD TABLE t", 'syntax error at or near "t"'),
        (
            "ALTER DATASHARE {share} REMOVE SCHEMA {schema}",
            '{schema} is not in datashare "{share}"',
        ),
        (
            "ALTER DATASHARE {share} SET PUBLICACCESSIBLE TRUE",
            "ALTER DATASHARE SET PUBLICACCESSIBLE cannot run inside a transaction block",
        ),
        (
            "GRANT USAGE ON DATASHARE {share} TO admin",
            "USAGE cannot be granted to users and groups on a datashare.",
        ),
        ("GRANT USAGE ON DATASHARE {share} TO ACCOUNT '1'", "invalid account 1"),
        ("DROP DATASHARE nowhere", 'datashare "nowhere" does not exist'),
        ("CREATE DATASHARE {share} FOR nobody", 'syntax error at or near "FOR"'),
    ],
)
def test_what_redshift_refuses_is_refused(
    sql: Sql, schema: str, share: str, statement: str, message: str
) -> None:
    sql("CREATE TABLE t (a int)")
    names = {"share": share, "schema": schema}
    assert refused(sql, statement.format(**names)) == message.format(**names)


def test_an_object_is_added_once(sql: Sql, schema: str, share: str) -> None:
    add = f"ALTER DATASHARE {share} ADD SCHEMA {schema}"
    sql(add)
    assert refused(sql, add) == f'{schema} is already in datashare "{share}"'


def test_a_user_sees_and_changes_his_own_shares_only(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str, share: str
) -> None:
    user = f"user_{schema}"
    sql(f"CREATE USER {user} PASSWORD 'Laptop-User-1'")
    connection.commit()
    with endpoint.connect(user, "Laptop-User-1") as other:
        assert run(other, "SELECT * FROM svv_datashares") == []
        other.rollback()
        for statement, message in (
            (f"CREATE DATASHARE {share}_2", "permission denied for database warehouse"),
            (f"DROP DATASHARE {share}", f"permission denied for datashare {share}"),
        ):
            with pytest.raises(redshift_connector.ProgrammingError, match=message):
                run(other, statement)
            other.rollback()
    sql(f"DROP DATASHARE {share}")
    sql(f"DROP USER {user}")
    connection.commit()


def test_an_external_schema_has_a_database_of_the_catalog_and_no_tables_of_the_warehouse(
    sql: Sql, schema: str
) -> None:
    lake = f"lake_{schema}"
    create = (
        f"CREATE EXTERNAL SCHEMA IF NOT EXISTS {lake} FROM DATA CATALOG DATABASE 'etl'"
        f" REGION 'eu-west-1' IAM_ROLE '{ROLE}'"
    )
    sql(create)
    sql(create)
    sql(f"GRANT USAGE ON SCHEMA {lake} TO PUBLIC")
    told = "SELECT eskind, databasename, esoptions FROM svv_external_schemas WHERE schemaname = %s"
    options = f'{{"REGION": "eu-west-1", "IAM_ROLE": "{ROLE}"}}'
    assert sql(told, lake) == [[1, "etl", options]]
    said = refused(sql, f"CREATE TABLE {lake}.t (a int)")
    assert said == "Operations on local objects in external schema are not enabled."
    assert sql(told, lake) == []
    assert "DATA CATALOG only" in refused(
        sql, f"CREATE EXTERNAL SCHEMA {lake} FROM HIVE METASTORE DATABASE 'etl' URI 'x'"
    )
