"""Folders for the time of a conversion, and what a killed one leaves behind."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from etl_platform.convert.scratch import scratch

HOLDER = """
import sys
from etl_platform.convert.scratch import scratch
with scratch() as folder:
    (folder / "spill").mkdir()
    (folder / "spill" / "block").write_bytes(b"x" * 1000)
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def holder() -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def folder_of(process: "subprocess.Popen[str]") -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_a_folder_is_gone_afterwards_and_so_is_its_lock(parent: Path) -> None:
    with scratch() as folder:
        (folder / "file").write_text("x")
        assert folder.parent == parent
    assert list(parent.iterdir()) == []


def test_a_folder_is_gone_after_an_error(parent: Path) -> None:
    with pytest.raises(ValueError, match="of the work"), scratch():
        raise ValueError("of the work")
    assert list(parent.iterdir()) == []


def test_what_a_killed_process_held_is_removed_by_the_next_one(parent: Path) -> None:
    process = holder()
    abandoned = folder_of(process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert (abandoned / "spill" / "block").exists()
    with scratch() as folder:
        assert not abandoned.exists()
        assert {path.name for path in parent.iterdir()} == {folder.name, f"{folder.name}.lock"}


def test_what_a_living_process_holds_stays(parent: Path) -> None:
    process = holder()
    held = folder_of(process)
    with scratch():
        assert (held / "spill" / "block").exists()
    process.communicate()
    assert process.returncode == 0
    assert list(parent.iterdir()) == []


def test_many_at_once_leave_each_other_alone(parent: Path) -> None:
    start = threading.Barrier(8)
    seen: list[bool] = []

    def use() -> None:
        start.wait()
        for _ in range(20):
            with scratch() as folder:
                (folder / "mine").write_text("x")
                seen.append([path.name for path in folder.iterdir()] == ["mine"])

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 160
    assert list(parent.iterdir()) == []


def test_a_lock_that_cannot_be_opened_stops_nobody(parent: Path) -> None:
    (parent / "etl-scratch-0.lock").symlink_to(parent / "nowhere")
    with scratch() as folder:
        assert folder.exists()
