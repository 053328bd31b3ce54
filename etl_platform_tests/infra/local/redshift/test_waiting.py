"""Queries that come while another transaction replaces their table."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.endpoint import (
    ENDS_WITHIN_S,
    Endpoint,
    is_waiting,
    run,
    swap,
)
from infra.local.redshift.dialect import translate
from infra.local.redshift.statements import Relay

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection

READING = "SELECT a FROM t WHERE a > 0"


@pytest.fixture
def swapping(sql: Sql, connection: Connection, other: Connection) -> Connection:
    """A session that has put a new table in the place of `t` and did not commit yet."""
    sql("CREATE TABLE t AS SELECT 1 AS a")
    connection.commit()
    assert run(other, READING) == [[1]]
    other.commit()
    swap(connection, "t", "SELECT 2 AS a")
    return connection


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(READING, id="prepared before"),
        pytest.param("WITH q AS (SELECT a FROM t) SELECT a FROM q", id="new"),
        pytest.param("SELECT o.a FROM (SELECT 1 AS x) q, t AS o", id="named otherwise"),
    ],
)
def test_a_query_that_waited_for_a_new_table_sees_its_rows(
    swapping: Connection,
    other: Connection,
    pool: ThreadPoolExecutor,
    statement: str,
    autocommit: bool,
) -> None:
    other.autocommit = autocommit
    reading = pool.submit(run, other, statement)
    assert is_waiting(reading)
    swapping.commit()
    assert reading.result(ENDS_WITHIN_S) == [[2]]


def test_rows_are_moved_out_of_the_new_table_too(
    swapping: Connection, other: Connection, pool: ThreadPoolExecutor
) -> None:
    run(other, "CREATE TEMP TABLE moved (a int)")
    other.commit()
    moving = pool.submit(run, other, "INSERT INTO moved SELECT a FROM t")
    assert is_waiting(moving)
    swapping.commit()
    moving.result(ENDS_WITHIN_S)
    assert run(other, "SELECT a FROM moved") == [[2]]


def test_a_query_of_another_table_does_not_wait(swapping: Connection, other: Connection) -> None:
    run(other, "CREATE TABLE another AS SELECT 3 AS a")
    assert run(other, "SELECT a FROM another") == [[3]]


def test_what_is_wrong_with_a_statement_is_told_while_a_table_is_replaced(
    swapping: Connection, other: Connection
) -> None:
    run(other, "SELECT 1")
    with pytest.raises(redshift_connector.ProgrammingError, match='"nowhere" does not exist'):
        run(other, "SELECT a FROM nowhere")
    other.rollback()
    with pytest.raises(redshift_connector.ProgrammingError, match='"nowhere" does not exist'):
        run(other, "SELECT a FROM nowhere")
    with pytest.raises(redshift_connector.ProgrammingError, match="transaction is aborted"):
        run(other, "SELECT a FROM nowhere")


def test_a_timeout_ends_the_waiting(
    swapping: Connection, other: Connection, pool: ThreadPoolExecutor
) -> None:
    run(other, "SET statement_timeout TO 300")
    with pytest.raises(redshift_connector.ProgrammingError, match="timeout"):
        pool.submit(run, other, READING).result(ENDS_WITHIN_S)


def test_nobody_waits_for_a_session_that_has_left(
    sql: Sql, connection: Connection, other: Connection, endpoint: Endpoint, schema: str
) -> None:
    sql("CREATE TABLE t AS SELECT 1 AS a")
    connection.commit()
    leaving = endpoint.connect()
    swap(leaving, f"{schema}.t", "SELECT 2 AS a")
    leaving.close()
    assert run(other, READING) == [[1]]


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("SELECT * FROM s.a JOIN b ON true", ('"b"', '"s"."a"')),
        ("WITH c AS (SELECT 1 AS x) SELECT * FROM c, (SELECT * FROM d) AS e", ('"d"',)),
        ("SELECT i.x FROM orders o, o.items AS i", ('"orders"',)),
        ("SELECT count(*) FROM pg_class", ()),
        ("DELETE FROM a USING b WHERE a.x = b.x", ('"a"', '"b"')),
        ("MERGE INTO a USING b ON a.x = b.x REMOVE DUPLICATES", ('"a"', '"b"')),
    ],
)
def test_the_relations_of_a_statement_are_what_it_waits_for(
    statement: str, names: tuple[str, ...]
) -> None:
    action = translate(statement)
    assert isinstance(action, Relay)
    assert action.reads == names
