"""Dagster on PostgreSQL with the settings of production: one server, a database for each test."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from unittest.mock import patch

import dagster as dg
import psycopg2

from infra.local.demo.dagster_dev import CONFIGURATION
from infra.local.processes import LOOPBACK
from infra.local.redshift.postgres import SUPERUSER, EmbeddedPostgres

PRODUCTION = CONFIGURATION.with_name("production.yaml")
_USER, _PASSWORD, _TEMPLATE = "dagster", "only on loopback", "migrated"


class DagsterOnPostgres:
    """Instances of Dagster, each on an empty database that has its tables."""

    def __init__(self, server: EmbeddedPostgres, port: int, folder: Path) -> None:
        self._server = server
        self._port = port
        self._folder = folder
        self._numbers = count()
        # Nothing here outlives the tests. With a database for each of them, the server would sync
        # tens of thousands of files before it ends.
        self._run("ALTER SYSTEM SET fsync = off")
        self._run("SELECT pg_reload_conf()")
        self._run(f"CREATE USER {_USER} PASSWORD '{_PASSWORD}'")
        # The server below the local Redshift has another default, which is none of Dagster's.
        isolation = "SET default_transaction_isolation = 'read committed'"
        self._run(f"ALTER USER {_USER} {isolation}")
        self._run(f"CREATE DATABASE {_TEMPLATE} OWNER {_USER}")
        # Dagster makes its tables at the first start.
        with self._instance(_TEMPLATE):
            pass

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        database = f"dagster_{next(self._numbers)}"
        self._run(f"CREATE DATABASE {database} TEMPLATE {_TEMPLATE} OWNER {_USER}")
        with self._instance(database) as instance:
            yield instance

    @contextmanager
    def _instance(self, database: str) -> Iterator[dg.DagsterInstance]:
        home = self._folder / database
        home.mkdir()
        shutil.copyfile(PRODUCTION, home / "dagster.yaml")
        environment = {
            "DAGSTER_PG_HOST": LOOPBACK,
            "DAGSTER_PG_PORT": str(self._port),
            "DAGSTER_PG_USERNAME": _USER,
            "DAGSTER_PG_PASSWORD": _PASSWORD,
            "DAGSTER_PG_DB": database,
        }
        with (
            patch.dict("os.environ", environment),
            dg.DagsterInstance.from_config(str(home)) as instance,
        ):
            yield instance

    def _run(self, statement: str) -> None:
        connection = psycopg2.connect(
            host=str(self._server.socket.parent), user=SUPERUSER, dbname="postgres"
        )
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()


@contextmanager
def dagster_on_postgres(folder: Path) -> Iterator[DagsterOnPostgres]:
    """A server below a folder, which is gone at the end."""
    server = EmbeddedPostgres(folder / "server")
    server.start()
    try:
        with _on_loopback(server.socket) as port:
            yield DagsterOnPostgres(server, port, folder)
    finally:
        server.stop()


@contextmanager
def _on_loopback(path: Path) -> Iterator[int]:
    """A port that leads to a server's socket: the server itself listens on no port."""

    class Forward(BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as server:
                server.connect(str(path))
                back = threading.Thread(target=_pump, args=(server, self.request), daemon=True)
                back.start()
                _pump(self.request, server)
                back.join()

    class Ports(ThreadingTCPServer):
        daemon_threads = True

    with Ports((LOOPBACK, 0), Forward) as ports:
        threading.Thread(target=ports.serve_forever, daemon=True).start()
        yield ports.server_address[1]
        ports.shutdown()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)
