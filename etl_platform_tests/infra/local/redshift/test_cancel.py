"""Statements that are stopped half way: by a cancel request, by a client that is gone."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.endpoint import Endpoint, run
from etl_platform_tests.infra.local.redshift.lake import Lake, copy

Sql = Callable[..., list[list[Any]]]


def cancel(endpoint: Endpoint, connection: redshift_connector.Connection) -> None:
    """Send the cancel request that psql sends on Ctrl-C."""
    key = connection._backend_key_data
    assert key is not None
    with socket.create_connection(("127.0.0.1", endpoint.port)) as other:
        other.sendall(struct.pack("!II", 16, 80877102) + key)
        other.recv(1)


def wait_until_waiting(endpoint: Endpoint, count: int = 1) -> None:
    """Return when a statement waits for a lock."""
    with endpoint.connect() as watcher:
        watcher.autocommit = True
        while run(watcher, "SELECT count(*) FROM pg_locks WHERE NOT granted") != [[count]]:
            time.sleep(0.02)


def test_a_statement_that_waits_for_a_lock_can_be_cancelled(
    endpoint: Endpoint, sql: Sql, connection: redshift_connector.Connection, schema: str
) -> None:
    sql("CREATE TABLE t (a int)")
    connection.commit()
    sql("LOCK t")
    with endpoint.connect() as other:
        outcome: list[BaseException] = []

        def wait() -> None:
            try:
                run(other, f"SELECT * FROM {schema}.t")
            except redshift_connector.Error as error:
                outcome.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        wait_until_waiting(endpoint)
        cancel(endpoint, other)
        thread.join()
        assert outcome[0].args[0]["C"] == "57014"


@pytest.mark.parametrize("statement", ["SELECT * FROM {t}", "copy"])
def test_a_client_that_leaves_while_it_waits_is_taken_out_of_the_queue(
    endpoint: Endpoint,
    sql: Sql,
    connection: redshift_connector.Connection,
    schema: str,
    lake: Lake,
    statement: str,
) -> None:
    sql("CREATE TABLE t (a int)")
    connection.commit()
    sql("LOCK t")
    url = lake.manifest(lake.put("a.parquet", pa.table({"a": pa.array([1], pa.int32())})))
    table = f"{schema}.t"
    text = copy(table, url) if statement == "copy" else statement.format(t=table)
    other = endpoint.connect()

    def wait() -> None:
        with pytest.raises((redshift_connector.Error, OSError, ValueError)):
            run(other, text)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until_waiting(endpoint)
    other._usock.shutdown(socket.SHUT_RDWR)
    thread.join()
    wait_until_waiting(endpoint, 0)
    connection.rollback()
    assert sql("SELECT count(*) FROM t") == [[0]]


def test_a_copy_that_waits_for_its_table_can_be_cancelled(
    endpoint: Endpoint,
    sql: Sql,
    connection: redshift_connector.Connection,
    schema: str,
    lake: Lake,
) -> None:
    sql("CREATE TABLE t (a int)")
    connection.commit()
    sql("LOCK t")
    url = lake.manifest(lake.put("a.parquet", pa.table({"a": pa.array([1], pa.int32())})))
    with endpoint.connect() as other:
        outcome: list[BaseException] = []

        def wait() -> None:
            try:
                run(other, copy(f"{schema}.t", url))
            except redshift_connector.Error as error:
                outcome.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        wait_until_waiting(endpoint)
        cancel(endpoint, other)
        thread.join()
        assert outcome[0].args[0]["C"] == "57014"
        other.rollback()
        connection.rollback()
        # Every answer belongs to its own question again.
        assert run(other, f"SELECT count(*) FROM {schema}.t") == [[0]]
        run(other, copy(f"{schema}.t", url))
        assert run(other, "SELECT pg_last_copy_count()") == [[1]]
        assert run(other, "SELECT 7") == [[7]]


def test_a_copy_can_be_cancelled(endpoint: Endpoint, lake: Lake, schema: str) -> None:
    rows = pa.table({"a": pa.array(range(200_000), pa.int64())})
    entries = [lake.put("a.parquet", rows, row_group_size=5_000)] * 50
    url = lake.manifest(*entries)
    with endpoint.connect() as other:
        other.autocommit = True
        run(other, f"CREATE TABLE {schema}.big (a bigint)")
        outcome: list[BaseException] = []

        def load() -> None:
            try:
                run(other, copy(f"{schema}.big", url))
            except redshift_connector.Error as error:
                outcome.append(error)

        thread = threading.Thread(target=load)
        thread.start()
        with endpoint.connect() as watcher:
            watcher.autocommit = True
            query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY %%big%%'"
            while run(watcher, query.replace("%%", "%")) == [[0]]:
                time.sleep(0.02)
        cancel(endpoint, other)
        thread.join()
        assert outcome[0].args[0]["C"] == "57014"
        assert run(other, f"SELECT count(*) FROM {schema}.big") == [[0]]
        history = "SELECT status, loaded_rows FROM sys_load_history"
        assert run(other, f"{history} WHERE query_id = pg_last_copy_id()") == [["aborted", 0]]
