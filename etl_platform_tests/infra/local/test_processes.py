"""Servers kept, restarted and ended, by real processes."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from infra.local.errors import LockHeld, ServerFailed
from infra.local.processes import LOOPBACK, Processes, Record, Server, locked


def _answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://{LOOPBACK}:{port}", timeout=2):
        return True
    return False


def web_server(*options: str) -> Server:
    return Server(
        name="web",
        command=lambda port: (
            *(sys.executable, "-m", "http.server", str(port), "--bind", LOOPBACK),
            *options,
        ),
        environment=lambda port: {"PATH": os.defpath},
        is_healthy=_answers,
    )


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    yield made
    made.end("web", 10)


def _record(processes: Processes) -> Record:
    return processes.records()["web"]


def test_a_healthy_server_is_left_alone(processes: Processes) -> None:
    port = processes.ensure(web_server())
    first = _record(processes)
    assert processes.ensure(web_server()) == port
    assert _record(processes) == first


def test_another_command_finds_the_server_again(processes: Processes, tmp_path: Path) -> None:
    port = processes.ensure(web_server())
    assert Processes(tmp_path).ensure(web_server()) == port


def test_a_dead_server_comes_back_on_its_port(processes: Processes) -> None:
    port = processes.ensure(web_server())
    first = _record(processes)
    os.kill(first.pid, signal.SIGKILL)
    assert processes.ensure(web_server()) == port
    assert _record(processes).pid != first.pid


def test_a_server_whose_port_was_taken_gets_another(processes: Processes) -> None:
    port = processes.ensure(web_server())
    processes.end("web", 10)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((LOOPBACK, port))
        taken.listen()
        assert processes.ensure(web_server()) != port


def test_a_server_that_is_to_run_otherwise_is_restarted(
    processes: Processes, tmp_path: Path
) -> None:
    port = processes.ensure(web_server())
    first = _record(processes)
    assert processes.ensure(web_server("--directory", str(tmp_path))) == port
    assert _record(processes).pid != first.pid
    assert not psutil.pid_exists(first.pid)


def test_a_process_that_only_has_the_pid_of_a_record_is_not_ended(
    processes: Processes, tmp_path: Path
) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        record = Record(pid=stranger.pid, create_time=1.0, port=1, command=("x",))
        (tmp_path / "processes.json").write_text(f'{{"web": {record.model_dump_json()}}}')
        processes.end("web", 1)
        assert not processes.is_running("web")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_that_ends_at_its_start_shows_its_log(processes: Processes) -> None:
    with pytest.raises(ServerFailed, match="unrecognized arguments: --nonsense"):
        processes.ensure(web_server("--nonsense"))


def test_a_server_that_never_becomes_healthy_is_ended(processes: Processes) -> None:
    server = web_server()
    hopeless = Server(
        server.name, server.command, server.environment, lambda port: False, ready_within_s=0.5
    )
    with pytest.raises(ServerFailed, match="did not become healthy"):
        processes.ensure(hopeless)
    assert not processes.is_running("web")


def test_two_commands_at_once_do_not_race(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with locked(lock), pytest.raises(LockHeld), locked(lock):
        pass
    with locked(lock):
        pass
