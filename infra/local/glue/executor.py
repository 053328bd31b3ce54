"""One run as a process of its own: its directory, its environment, its end."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import IO, Any, cast

import psutil
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.glue.errors import LaunchError
from infra.local.glue.jobs import SWALLOWED_ARGUMENTS
from infra.local.glue.logs import ErrorTail, LogStream, pump
from infra.local.glue.runs import LOG_GROUP, JobRun, ProcessMark
from infra.local.glue.sandbox import Sandboxes
from infra.local.glue.spark import spark_environment

STOP_GRACE_S = 5.0
PIPE_GRACE_S = 5.0


class Ending(Enum):
    """Why the process of a run is no more."""

    SUCCEEDED = auto()  # exit code 0
    FAILED = auto()  # another exit code, or a signal that nobody here sent
    TIMED_OUT = auto()  # killed at its time limit
    STOPPED = auto()  # ended by `Execution.stop`


@dataclass(frozen=True)
class Outcome:
    ending: Ending
    error_message: str | None = None


class Execution:
    """The process of one run, from the fetch of its script to the removal of its directory."""

    def __init__(
        self,
        run: JobRun,
        *,
        directory: Path,
        sandboxes: Sandboxes,
        s3: Any,
        logs: Any,
        aws_environment: Mapping[str, str],
    ) -> None:
        self._run = run
        self._directory = directory
        self._sandboxes = sandboxes
        self._s3 = s3
        self._logs = logs
        self._aws_environment = aws_environment
        self._stop_asked = threading.Event()
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def execute(self, *, timeout_s: float, on_start: Callable[[ProcessMark], None]) -> Outcome:
        """Run to the end. Raises LaunchError if there is nothing to run."""
        try:
            for folder in ("tmp", "modules"):
                (self._directory / folder).mkdir(parents=True)
            command, environment = self._prepared()
            with self._lock:
                if self._stop_asked.is_set():
                    return Outcome(Ending.STOPPED)
                process = self._process = subprocess.Popen(  # noqa: S603 - running the job's script is the purpose
                    command,
                    cwd=self._directory,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
            on_start(marked(process.pid))
            return self._watched(process, timeout_s)
        finally:
            self._ended.set()
            if self._process is not None:
                # Also when something went wrong between its start and its end.
                _signal_group(self._process.pid, signal.SIGKILL)
            shutil.rmtree(self._directory, ignore_errors=True)

    def stop(self) -> None:
        """Ask the process to end; kill it after a grace. Returns at once."""
        with self._lock:
            already = self._stop_asked.is_set()
            self._stop_asked.set()
            process = self._process
        if process is None or already:
            return
        _signal_group(process.pid, signal.SIGTERM)
        threading.Thread(target=self._kill_after_grace, args=(process.pid,), daemon=True).start()

    def _kill_after_grace(self, pid: int) -> None:
        if not self._ended.wait(STOP_GRACE_S):
            _signal_group(pid, signal.SIGKILL)

    def _watched(self, process: subprocess.Popen[bytes], timeout_s: float) -> Outcome:
        # Both were asked for as pipes.
        stdout, stderr = cast(IO[bytes], process.stdout), cast(IO[bytes], process.stderr)
        tail = ErrorTail()
        output = LogStream(self._logs, f"{LOG_GROUP}/output", self._run.run_id)
        errors = LogStream(self._logs, f"{LOG_GROUP}/error", self._run.run_id)
        pumps = [
            threading.Thread(target=pump, args=(stdout, output.write), daemon=True),
            threading.Thread(target=pump, args=(stderr, errors.write, tail.read), daemon=True),
        ]
        for thread in pumps:
            thread.start()
        timed_out = False
        try:
            exit_code = process.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
            _signal_group(process.pid, signal.SIGKILL)
            exit_code = process.wait()
        # What the script left behind (Spark's JVM, workers) holds the pipes open.
        _signal_group(process.pid, signal.SIGKILL)
        for thread in pumps:
            # A child that left the group could hold a pipe open without end.
            thread.join(PIPE_GRACE_S)
        for stream in (output, errors):
            stream.close()
        if self._stop_asked.is_set():
            return Outcome(Ending.STOPPED)
        if timed_out:
            return Outcome(Ending.TIMED_OUT)
        if exit_code == 0:
            return Outcome(Ending.SUCCEEDED)
        return Outcome(Ending.FAILED, tail.message or f"Command failed with exit code {exit_code}")

    def _prepared(self) -> tuple[list[str], dict[str, str]]:
        arguments = self._run.all_arguments
        python = self._sandboxes.python_for(arguments.get("--additional-python-modules", ""))
        script = self._fetched(self._run.script_location, self._directory)
        modules = [
            self._fetched(location.strip(), self._directory / "modules")
            for location in arguments.get("--extra-py-files", "").split(",")
            if location.strip()
        ]
        # A zip stays a zip, as on Glue: code that needs its modules as files fails here too.
        search_path = [str(self._directory / "modules"), *map(str, modules)]
        environment = {
            **inherited_environment(),
            **self._aws_environment,
            "GLUE_VERSION": self._run.glue_version,
            "HOME": str(self._directory),
            "TMPDIR": str(self._directory / "tmp"),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(search_path),
            "PYTHONUNBUFFERED": "1",
        }
        if self._run.command_name == "glueetl":
            environment |= spark_environment(self._directory, python, arguments.get("--conf", ""))
        return [str(python), str(script), *script_arguments(self._run)], environment

    def _fetched(self, location: str, folder: Path) -> Path:
        scheme, _, rest = location.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not bucket or not key or key.endswith("/"):
            raise LaunchError(f"{location!r} is not the S3 address of a file")
        target = folder / key.rpartition("/")[2]
        try:
            self._s3.download_file(bucket, key, str(target))
        except (ClientError, BotoCoreError) as error:
            raise LaunchError(f"{location} cannot be read: {error}") from error
        return target


def inherited_environment() -> dict[str, str]:
    """The little that a job has of the environment of the runner."""
    return {name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ}


def script_arguments(run: JobRun) -> list[str]:
    """The arguments as Glue hands them to the script."""
    passed = {
        "--JOB_ID": f"j_{run.run_id.removeprefix('jr_')}",
        "--JOB_RUN_ID": run.run_id,
        "--JOB_NAME": run.job_name,
        **{
            name: value
            for name, value in run.all_arguments.items()
            if name not in SWALLOWED_ARGUMENTS
        },
    }
    return [word for pair in passed.items() for word in pair]


def marked(pid: int) -> ProcessMark:
    """A mark of a process that runs now; a process already gone gets a mark nothing matches."""
    try:
        return ProcessMark(pid=pid, create_time=psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return ProcessMark(pid=pid, create_time=0.0)


def end_leftover(mark: ProcessMark) -> None:
    """Kill the group of a process that outlived the runner, and no other that has its pid now."""
    if marked(mark.pid) == mark:
        _signal_group(mark.pid, signal.SIGKILL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    # The process began its own session, so its pid is the id of its group too.
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
