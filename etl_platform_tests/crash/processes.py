"""Stages as processes of their own, with a checkpoint armed, and what is seen of them."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from etl_platform.contract.checkpoints import REACHED, VARIABLE
from etl_platform.contract.order import Report

PATIENCE_S = 60.0
"""No step of a test takes as long; a slow machine is no failure."""


def until(what: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Return when something is so; fail if it does not become so."""
    give_up_at = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < give_up_at, "it did not become so"
        time.sleep(0.02)


@dataclass(frozen=True)
class Gate:
    """A file that a process waits for at a checkpoint."""

    file: Path

    @property
    def action(self) -> str:
        return f"wait:{self.file}"

    def reached(self) -> bool:
        return Path(f"{self.file}{REACHED}").exists()

    def open(self) -> None:
        self.file.touch()


@dataclass(frozen=True)
class Job:
    """A running stage."""

    process: "subprocess.Popen[str]"

    def finish(self) -> list[Report]:
        """Wait for a good end; what the job reported."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, err
        return [Report.model_validate_json(line) for line in out.splitlines()]

    def fail(self) -> str:
        """Wait for a bad end; what the job said to standard error."""
        _, err = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode != 0
        return err

    def go_on_to_the_end(self) -> list[Report]:
        """Continue a stopped process, as often as its checkpoint stops it; what it reported."""

        def ended() -> bool:
            if self.process.poll() is None and self.is_stopped():
                self.process.send_signal(signal.SIGCONT)
            return self.process.poll() is not None

        until(ended)
        return self.finish()

    def is_stopped(self) -> bool:
        return psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED


def step(
    name: str, document: Mapping[str, Any], armed: str | None = None
) -> AbstractContextManager[Job]:
    """A step of `steps.py` as its own process."""
    return started("etl_platform_tests.crash.steps", [name, json.dumps(document)], armed)


@contextmanager
def started(
    module: str,
    arguments: Sequence[str],
    armed: str | None = None,
    *,
    temporary: Path | None = None,
    largest_file_bytes: int = resource.RLIM_INFINITY,
) -> Iterator[Job]:
    """A stage as its own process, which is gone at the end of the `with`. A write beyond the
    largest file fails, as on a disk that is full."""
    environment = {**os.environ, **({} if armed is None else {VARIABLE: armed})}
    if temporary is not None:
        environment["TMPDIR"] = str(temporary)
    limits = (largest_file_bytes, resource.RLIM_INFINITY)
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits),
    )
    try:
        yield Job(process)
    finally:
        process.kill()
        process.communicate()
