"""A server process of the laptop's Redshift, and the unchanged driver connected to it."""

import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redshift_connector

ADMIN = "admin"
PASSWORD = "Laptop-Admin-1"
DATABASE = "warehouse"
WAITS_S = 0.5
ENDS_WITHIN_S = 30


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Endpoint:
    """A server process of `python -m infra.local.redshift` and how to reach it."""

    state_dir: Path
    environment: dict[str, str]
    password: str = PASSWORD
    options: tuple[str, ...] = ()
    isolation: str = "SNAPSHOT"
    process: "subprocess.Popen[str] | None" = None
    port: int = 0

    def start(self) -> "Endpoint":
        """Start the process and wait for its ready line."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        secret = self.state_dir.parent / f"{self.state_dir.name}.password"
        secret.write_text(self.password + "\n")
        arguments = ["--state-dir", str(self.state_dir), "--port", "0", "--admin-user", ADMIN]
        arguments += ["--admin-password-file", str(secret), "--database", DATABASE]
        arguments += ["--isolation", self.isolation, *self.options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.redshift", *arguments],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("redshift ready"), line
        self.port = int((self.state_dir / "port").read_text())
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the process by a signal; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def connect(
        self, user: str = ADMIN, password: str | None = None, **options: Any
    ) -> redshift_connector.Connection:
        """A connection of the unchanged driver."""
        return redshift_connector.connect(
            host="127.0.0.1",
            port=self.port,
            database=DATABASE,
            user=user,
            password=password or self.password,
            ssl=False,
            **options,
        )


def run(connection: redshift_connector.Connection, sql: str, *values: Any) -> list[list[Any]]:
    """Run a statement; its rows if it has any."""
    cursor = connection.cursor()
    cursor.execute(sql, values or None)
    if cursor.description is None:
        return []
    return [list(row) for row in cursor.fetchall()]


def is_waiting(future: "Future[Any]") -> bool:
    """Whether a statement of the other session has no answer yet."""
    try:
        future.result(WAITS_S)
    except TimeoutError:
        return True
    return False


def swap(connection: redshift_connector.Connection, table: str, query: str) -> None:
    """Put a new table in the place of one, as a load does."""
    run(connection, f"CREATE TABLE {table}_copy AS {query}")
    run(connection, f"DROP TABLE {table}")
    run(connection, f"ALTER TABLE {table}_copy RENAME TO {table.rpartition('.')[2]}")
