"""The servers of the laptop as processes that outlive the command that started them.

Each is recorded by pid and creation time, so that it is found again, and no stranger is ended.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, TypeAdapter

from infra.local.errors import LockHeld, ServerFailed

HEALTH_EVERY_S = 0.1
PORT_WAIT_S = 2.0
LOG_LINES_SHOWN = 15
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Server:
    """A server as it should run on a port."""

    name: str
    command: Callable[[int], Sequence[str]]
    environment: Callable[[int], Mapping[str, str]]
    is_healthy: Callable[[int], bool]
    """A real call: True only when the server does its work."""
    ready_within_s: float = 60.0
    stop_within_s: float = 30.0


class Record(BaseModel):
    """A process that was started: which one, where it listens, and as what."""

    model_config = ConfigDict(frozen=True)

    pid: int
    create_time: float
    port: int
    command: tuple[str, ...]


_RECORDS = TypeAdapter(dict[str, Record])


class Processes:
    """Starts, finds and ends the servers of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._file = state_dir / "processes.json"
        self._logs = state_dir / "logs"
        self._cwd = state_dir
        # Kept so that a child that ended is reaped and does not look alive.
        self._children: list[subprocess.Popen[bytes]] = []

    def ensure(self, server: Server) -> int:
        """Have the server up and healthy; return its port. One that is well is left alone."""
        record = self.records().get(server.name)
        if record is not None:
            as_wanted = record.command == tuple(server.command(record.port))
            if as_wanted and self._is_alive(record) and server.is_healthy(record.port):
                return record.port
            self._end(record, server.stop_within_s)
        port = record.port if record is not None and _comes_free(record.port) else _free_port()
        self._start(server, port)
        return port

    def end(self, name: str, within_s: float) -> None:
        """End a server, gently first; keep its record, for its port."""
        record = self.records().get(name)
        if record is not None:
            self._end(record, within_s)

    def is_running(self, name: str) -> bool:
        record = self.records().get(name)
        return record is not None and self._is_alive(record)

    def records(self) -> dict[str, Record]:
        if not self._file.exists():
            return {}
        return _RECORDS.validate_json(self._file.read_bytes())

    def _start(self, server: Server, port: int) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        log_file = self._logs / f"{server.name}.log"
        command = tuple(server.command(port))
        with log_file.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - the command is the supervisor's own
                command,
                cwd=self._cwd,
                env=dict(server.environment(port)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children.append(process)
        record = Record(
            pid=process.pid,
            create_time=psutil.Process(process.pid).create_time(),
            port=port,
            command=command,
        )
        # Recorded before it is healthy: a crash from here on leaves a trace to clean up by.
        self._save({**self.records(), server.name: record})
        give_up_at = time.monotonic() + server.ready_within_s
        while not server.is_healthy(port):
            if process.poll() is not None:
                raise ServerFailed(server.name, "ended at its start", _last_lines(log_file))
            if time.monotonic() > give_up_at:
                self._end(record, server.stop_within_s)
                raise ServerFailed(server.name, "did not become healthy", _last_lines(log_file))
            time.sleep(HEALTH_EVERY_S)

    def _end(self, record: Record, within_s: float) -> None:
        if not self._is_alive(record):
            return
        os.kill(record.pid, signal.SIGTERM)
        give_up_at = time.monotonic() + within_s
        while self._is_alive(record) and time.monotonic() < give_up_at:
            time.sleep(HEALTH_EVERY_S)
        # Its own session began with it: this ends the workers that it may have left, too.
        with suppress(ProcessLookupError):
            os.killpg(record.pid, signal.SIGKILL)
        while self._is_alive(record):
            time.sleep(HEALTH_EVERY_S)
        self._reap()

    def _reap(self) -> None:
        """Let go of children that have ended, of which the kernel keeps the numbers until then."""
        for child in self._children:
            child.poll()

    def _is_alive(self, record: Record) -> bool:
        self._reap()
        try:
            process = psutil.Process(record.pid)
            return (
                process.create_time() == record.create_time
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return False

    def _save(self, records: Mapping[str, Record]) -> None:
        draft = self._file.with_suffix(".draft")
        document = {name: record.model_dump() for name, record in records.items()}
        draft.write_text(json.dumps(document, indent=1))
        draft.replace(self._file)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock file, which ends with the process that holds it; refuse to wait for another."""
    # The emulator keeps the secrets as plain text below this directory.
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockHeld(file) from error
        yield


def _comes_free(port: int) -> bool:
    """Whether a port is free; the kernel closes the sockets of a process a moment after its end."""
    give_up_at = time.monotonic() + PORT_WAIT_S
    while not (free := _is_free(port)) and time.monotonic() < give_up_at:
        time.sleep(HEALTH_EVERY_S)
    return free


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _last_lines(log_file: Path) -> str:
    if not log_file.exists():
        return ""  # the server has tidied up its own folder
    lines = log_file.read_text(errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES_SHOWN:])
