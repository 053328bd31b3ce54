"""The server with all that is below it: the lock of its state, PostgreSQL, catalog, listener."""

import asyncio
import fcntl
import logging
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local.errors import StateInUse
from infra.local.redshift.bootstrap import bootstrap
from infra.local.redshift.postgres import EmbeddedPostgres
from infra.local.redshift.recording import QueryIds
from infra.local.redshift.roles import IamRoles, UncheckedRoles
from infra.local.redshift.server import RedshiftServer
from infra.local.redshift.statement_log import (
    FILE_NAME,
    LABELS_FILE_NAME,
    SessionLabels,
    StatementLog,
)


@dataclass(frozen=True)
class Service:
    """What the server holds, where it listens and whom it lets in as the admin."""

    state_dir: Path
    port: int
    database: str
    admin_user: str
    admin_password: str
    isolation: str = "SNAPSHOT"
    checks_roles: bool = False
    """Whether the roles of COPY and UNLOAD may do only what the IAM at AWS_ENDPOINT_URL says."""

    def run(self, ready: Callable[[int], None]) -> None:
        """Serve until SIGTERM or SIGINT; `ready` is told the port once clients may come.

        Raises StateInUse if another process serves this state.
        """
        logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
        # The dialect decides what is an error; the parser's own warnings would show statements.
        logging.getLogger("sqlglot").setLevel(logging.ERROR)
        self.state_dir.mkdir(parents=True, exist_ok=True)
        with _locked(self.state_dir / "server.lock"):
            asyncio.run(self._serve(ready))

    async def _serve(self, ready: Callable[[int], None]) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        state_dir = self.state_dir.resolve()
        scratch = state_dir / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        postgres = EmbeddedPostgres(state_dir, self.isolation)
        await asyncio.to_thread(postgres.start)
        try:
            scratch.mkdir()
            await bootstrap(
                postgres.socket,
                database=self.database,
                admin_user=self.admin_user,
                admin_password=self.admin_password,
            )
            roles = IamRoles() if self.checks_roles else UncheckedRoles()
            log = StatementLog(postgres.data_dir / FILE_NAME)
            labels = SessionLabels(postgres.data_dir / LABELS_FILE_NAME)
            ids = QueryIds(postgres.socket, self.database)
            server = RedshiftServer(postgres.socket, scratch, roles, log, labels, ids)
            port = await server.start(self.port)
            (state_dir / "port").write_text(f"{port}\n")
            ready(port)
            await stopped.wait()
            (state_dir / "port").unlink(missing_ok=True)
            await server.stop()
        finally:
            await asyncio.to_thread(postgres.stop)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Without it a second server would end the PostgreSQL of the first as a killed owner's."""
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateInUse(file) from None
        yield
