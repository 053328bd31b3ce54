"""One process of a run: its limits, and what is left when it has ended."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from infra.local.glue import executor
from infra.local.glue.executor import Ending, Execution, end_leftover, marked
from infra.local.glue.runs import JobRun, JobRunState, ProcessMark
from infra.local.glue.sandbox import Sandboxes
from infra.local.servers import client

Make = Callable[[str], Execution]

STUBBORN = (
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "open('../pid', 'w').write(f'{child.pid}')\n"
    "time.sleep(60)\n"
)


@pytest.fixture
def make(aws_port: int, tmp_path: Path) -> Make:
    s3 = client("s3", aws_port)
    s3.create_bucket(Bucket="executor")
    sandboxes = Sandboxes(tmp_path / "sandboxes")

    def execution(script: str) -> Execution:
        s3.put_object(Bucket="executor", Key="script.py", Body=script.encode())
        run = JobRun(
            job_name="job",
            command_name="pythonshell",
            script_location="s3://executor/script.py",
            arguments={},
            all_arguments={},
            state=JobRunState.STARTING,
            timeout_minutes=1,
            capacity_dpu=0.0625,
            glue_version="6.0",
            execution_class="STANDARD",
        )
        return Execution(
            run,
            directory=tmp_path / "run",
            sandboxes=sandboxes,
            s3=s3,
            logs=client("logs", aws_port),
            aws_environment={},
        )

    return execution


def _child_of(tmp_path: Path) -> int:
    while not (file := tmp_path / "pid").exists() or not file.read_text():
        time.sleep(0.02)
    return int(file.read_text())


def _wait_until_gone(pid: int) -> None:
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.02)


def test_a_script_past_its_limit_is_killed_with_all_its_children(
    make: Make, tmp_path: Path
) -> None:
    marks: list[ProcessMark] = []
    outcome = make(STUBBORN).execute(timeout_s=1.5, on_start=marks.append)
    assert outcome.ending is Ending.TIMED_OUT
    for pid in (marks[0].pid, _child_of(tmp_path)):
        _wait_until_gone(pid)
    assert not (tmp_path / "run").exists()


def test_a_script_that_will_not_stop_is_killed_after_a_grace(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "STOP_GRACE_S", 0.2)
    execution = make(STUBBORN)

    def stop(_: ProcessMark) -> None:
        def when_there_is_a_child() -> None:
            _child_of(tmp_path)
            execution.stop()

        threading.Thread(target=when_there_is_a_child).start()

    assert execution.execute(timeout_s=60, on_start=stop).ending is Ending.STOPPED
    _wait_until_gone(_child_of(tmp_path))


def test_a_run_stopped_before_its_start_never_starts(make: Make) -> None:
    execution = make("raise SystemExit(1)")
    execution.stop()
    marks: list[ProcessMark] = []
    assert execution.execute(timeout_s=60, on_start=marks.append).ending is Ending.STOPPED
    assert not marks


def test_a_run_whose_start_cannot_be_recorded_leaves_no_process(make: Make) -> None:
    marks: list[ProcessMark] = []

    def full_disk(mark: ProcessMark) -> None:
        marks.append(mark)
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        make("import time; time.sleep(60)").execute(timeout_s=60, on_start=full_disk)
    _wait_until_gone(marks[0].pid)


def test_a_later_process_of_the_same_pid_is_not_ended() -> None:
    mine = marked(os.getpid())
    end_leftover(mine.model_copy(update={"create_time": mine.create_time - 1}))
