"""Starts and stops of the endpoint: state that stays, owners that were killed, deep folders."""

import signal
from pathlib import Path

import psutil
import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.endpoint import Endpoint, run


def postgres_of(endpoint: Endpoint) -> psutil.Process:
    """The PostgreSQL below an endpoint."""
    lock = endpoint.state_dir / "data" / "postmaster.pid"
    return psutil.Process(int(lock.read_text().splitlines()[0]))


def test_rows_and_a_changed_password_survive_a_restart(tmp_path: Path) -> None:
    endpoint = Endpoint(tmp_path / "state", {}).start()
    with endpoint.connect() as connection:
        run(connection, "CREATE TABLE t (a int) DISTKEY (a)")
        run(connection, "INSERT INTO t VALUES (1)")
        connection.commit()
    postgres = postgres_of(endpoint)
    assert endpoint.stop() == 0
    assert not postgres.is_running()
    assert not (endpoint.state_dir / "port").exists()
    endpoint.password = "Another-Password-2"
    endpoint.start()
    try:
        with pytest.raises(redshift_connector.Error):
            endpoint.connect(password="Laptop-Admin-1")
        with endpoint.connect() as connection:
            assert run(connection, "SELECT count(*) FROM t") == [[1]]
            assert run(connection, "SELECT diststyle FROM svv_table_info") == [["KEY(a)"]]
    finally:
        endpoint.stop()


def test_a_killed_endpoint_starts_again_with_what_was_committed(tmp_path: Path) -> None:
    endpoint = Endpoint(tmp_path / "state", {}).start()
    connection = endpoint.connect()
    run(connection, "CREATE TABLE t (a int)")
    connection.commit()
    run(connection, "INSERT INTO t VALUES (1)")
    orphan = postgres_of(endpoint)
    endpoint.stop(signal.SIGKILL)
    assert orphan.is_running()
    endpoint.start()
    try:
        assert not orphan.is_running()
        with endpoint.connect() as other:
            assert run(other, "SELECT count(*) FROM t") == [[0]]
        killed = postgres_of(endpoint)
        endpoint.stop(signal.SIGKILL)
        killed.kill()
        killed.wait(30)
        endpoint.start()
        with endpoint.connect() as other:
            assert run(other, "SELECT count(*) FROM t") == [[0]]
    finally:
        endpoint.stop()


def test_a_lock_with_the_number_of_a_stranger_is_no_obstacle(tmp_path: Path) -> None:
    endpoint = Endpoint(tmp_path / "state", {}).start()
    lock = endpoint.state_dir / "data" / "postmaster.pid"
    lines = lock.read_text().splitlines()
    endpoint.stop()
    stranger = psutil.Process()
    lock.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
    endpoint.start()
    endpoint.stop()
    assert stranger.is_running()


def test_a_deep_state_folder_is_no_obstacle(tmp_path: Path) -> None:
    endpoint = Endpoint(tmp_path / ("deep" * 20) / ("deeper" * 10) / "state", {}).start()
    try:
        with endpoint.connect() as connection:
            assert run(connection, "SELECT 1") == [[1]]
    finally:
        assert endpoint.stop() == 0


def test_a_half_made_data_folder_is_made_again(tmp_path: Path) -> None:
    unfinished = tmp_path / "state" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    endpoint = Endpoint(tmp_path / "state", {}).start()
    assert endpoint.stop() == 0
