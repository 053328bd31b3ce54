"""Late-binding views while several sessions change what they stand on, in any order."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redshift_connector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform_tests.infra.local.redshift.endpoint import (
    ENDS_WITHIN_S,
    is_waiting,
    run,
    swap,
)

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection


@pytest.fixture
def joined(sql: Sql, connection: Connection, schema: str) -> str:
    """A view on two tables of one row."""
    sql("CREATE TABLE one AS SELECT 1 AS a")
    sql("CREATE TABLE two AS SELECT 1 AS b")
    sql(f"CREATE VIEW joined AS SELECT a, b FROM {schema}.one, {schema}.two WITH NO SCHEMA BINDING")
    connection.commit()
    return f"{schema}.joined"


def test_readers_see_the_old_rows_until_the_swap_begins_and_the_new_ones_when_it_is_committed(
    sql: Sql, connection: Connection, joined: str, other: Connection, pool: ThreadPoolExecutor
) -> None:
    sql("CREATE TABLE one_copy AS SELECT 2 AS a")
    assert run(other, "SELECT a FROM joined") == [[1]]
    other.commit()
    sql("DROP TABLE one")
    sql("ALTER TABLE one_copy RENAME TO one")
    assert sql("SELECT a, b FROM joined") == [[2, 1]]
    reading = pool.submit(run, other, "SELECT a FROM joined")
    assert is_waiting(reading)
    connection.commit()
    assert reading.result(ENDS_WITHIN_S) == [[2]]


def test_a_reader_who_waited_for_a_swap_that_is_rolled_back_sees_the_old_rows(
    sql: Sql, connection: Connection, joined: str, other: Connection, pool: ThreadPoolExecutor
) -> None:
    swap(connection, "one", "SELECT 'no number' AS a")
    reading = pool.submit(run, other, "SELECT a + 1 FROM joined")
    assert is_waiting(reading)
    connection.rollback()
    assert reading.result(ENDS_WITHIN_S) == [[2]]


def test_two_tables_under_one_view_are_swapped_at_once(
    connection: Connection, joined: str, other: Connection, pool: ThreadPoolExecutor
) -> None:
    """A deadlock would end one of the two."""
    swap(connection, "one", "SELECT 2 AS a")
    second = pool.submit(swap, other, "two", "SELECT 2 AS b")
    assert is_waiting(second)
    run(connection, "ALTER TABLE one ADD COLUMN more int")
    connection.commit()
    second.result(ENDS_WITHIN_S)
    other.commit()
    assert run(connection, "SELECT a, b FROM joined") == [[2, 2]]


def test_a_swap_waits_for_a_reader_and_the_reader_for_no_swap(
    connection: Connection, joined: str, other: Connection, pool: ThreadPoolExecutor
) -> None:
    assert run(other, "SELECT a FROM joined") == [[1]]
    swapping = pool.submit(swap, connection, "one", "SELECT 2 AS a")
    assert is_waiting(swapping)
    assert run(other, "SELECT a FROM joined WHERE a > 0") == [[1]]
    other.commit()
    swapping.result(ENDS_WITHIN_S)
    connection.commit()
    assert run(other, "SELECT a FROM joined") == [[2]]


def test_a_view_that_came_after_the_snapshot_of_a_transaction_is_not_in_its_way(
    sql: Sql, connection: Connection, joined: str, other: Connection, schema: str
) -> None:
    sql("SELECT count(*) FROM two")
    for name, table in (("late", "one"), ("early", "three")):
        run(other, f"CREATE VIEW {name} AS SELECT * FROM {schema}.{table} WITH NO SCHEMA BINDING")
    other.commit()
    swap(connection, "one", "SELECT 2 AS a")
    sql("CREATE TABLE three AS SELECT 3 AS c")
    connection.commit()
    assert run(other, "SELECT a, c FROM late, early") == [[2, 3]]


def test_a_view_that_another_transaction_drops_is_not_made_again(
    sql: Sql, connection: Connection, joined: str, other: Connection
) -> None:
    sql("SELECT count(*) FROM two")
    run(other, "DROP VIEW joined")
    other.commit()
    swap(connection, "one", "SELECT 2 AS a")
    connection.commit()
    with pytest.raises(redshift_connector.ProgrammingError, match="does not exist"):
        run(other, "SELECT * FROM joined")


CHANGES = (
    "CREATE TABLE a AS SELECT 1 AS x",
    "CREATE TABLE a AS SELECT 'text' AS y, 2 AS x",
    "CREATE TABLE b AS SELECT 3.5 AS x",
    "DROP TABLE a",
    "DROP TABLE b CASCADE",
    "ALTER TABLE a RENAME TO b",
    "ALTER TABLE b RENAME TO a",
    "ALTER TABLE a RENAME COLUMN x TO y",
    "ALTER TABLE a RENAME COLUMN y TO x",
    "ALTER TABLE a ADD COLUMN z int DEFAULT 5",
    "ALTER TABLE a DROP COLUMN x",
    "CREATE OR REPLACE VIEW b AS SELECT * FROM a",
    "DROP VIEW b",
    "DROP VIEW every",
    "CREATE VIEW every AS SELECT * FROM {schema}.a WITH NO SCHEMA BINDING",
    "CREATE OR REPLACE VIEW every AS SELECT * FROM {schema}.b WITH NO SCHEMA BINDING",
)
TEXTS = {"named": "SELECT x FROM {schema}.a", "pair": "SELECT * FROM {schema}.b, {schema}.every"}
_number = itertools.count()


def outcome(connection: Connection, query: str) -> tuple[object, object]:
    """The columns and rows of a query, or its error. A text of its own is prepared anew."""
    cursor = connection.cursor()
    try:
        cursor.execute(f"{query} -- {next(_number)}")
        return [column[:2] for column in cursor.description], [list(r) for r in cursor.fetchall()]
    except redshift_connector.ProgrammingError as error:
        return error.args[0]["C"], error.args[0]["M"]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.lists(st.sampled_from(CHANGES), max_size=4), st.booleans()), max_size=5)
)
def test_a_view_gives_what_its_text_gives_after_any_changes(
    connection: Connection, schema: str, transactions: list[tuple[list[str], bool]]
) -> None:
    connection.rollback()
    connection.autocommit = True
    own = f"{schema}_own"
    run(connection, f"DROP SCHEMA IF EXISTS {own} CASCADE")
    run(connection, f"CREATE SCHEMA {own}")
    run(connection, f"SET search_path TO {own}")
    run(connection, "CREATE TABLE a AS SELECT 1 AS x")
    for name, text in TEXTS.items():
        run(connection, f"CREATE VIEW {name} AS {text} WITH NO SCHEMA BINDING".format(schema=own))
    connection.autocommit = False
    for changes, keeps in transactions:
        try:
            for change in changes:
                run(connection, change.format(schema=own))
        except redshift_connector.ProgrammingError:
            keeps = False
        if keeps:
            connection.commit()
        else:
            connection.rollback()
        for name, text in TEXTS.items():
            view = outcome(connection, f"SELECT * FROM {name}")
            connection.rollback()
            assert view == outcome(connection, text.format(schema=own)), (name, changes)
            connection.rollback()
