"""Follow a run of a Glue job to its end: its state, its output, how long it may take."""

import logging
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from etl_platform.aws import glue
from etl_platform.aws.glue import GlueRun, JobState
from etl_platform.aws.job_logs import JobLog
from etl_platform.contract.errors import (
    JobBusy,
    JobCutShort,
    PlatformError,
    ServiceUnavailable,
    job_ended,
)

_TAIL_LINES: Final = 40
_TAIL_WAIT_S: Final = 5.0
"""CloudWatch shows a line a few seconds after it was written."""


@dataclass(frozen=True)
class Patience:
    """How often a run is looked at, and when it is given up; all in seconds."""

    first_poll_s: float
    slowest_poll_s: float
    slot_wait_s: float
    blind_s: float
    longest_run_s: float
    log_interval_s: float
    most_log_lines: int

    def pauses(self) -> Iterator[float]:
        """Waits that grow from the first to the slowest, without end."""
        pause_s = self.first_poll_s
        while True:
            # Jitter: a hundred runs that start together must not ask Glue together for ever.
            yield pause_s * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret
            pause_s = min(pause_s * 1.2, self.slowest_poll_s)


@dataclass(frozen=True)
class Watch:
    """One run that is waited for."""

    job: str
    run_id: str
    patience: Patience
    log: logging.Logger

    def to_the_end(self) -> GlueRun:
        """The run once it has succeeded; its output is copied to ours.

        Raises JobFailed or JobCutShort for another end, JobBusy if it never got a slot,
        ServiceUnavailable if Glue was not to be reached for too long. It is not stopped here.
        """
        run = self._followed()
        if run.state is JobState.SUCCEEDED:
            return run
        raise job_ended(self.job, self.run_id, run.state, run.message, self._last_errors(run))

    def _followed(self) -> GlueRun:
        began = seen = time.monotonic()
        output: _Output | None = None
        state: JobState | None = None
        for pause_s in self.patience.pauses():
            try:
                run = glue.find(self.job, self.run_id)
            except ServiceUnavailable as error:
                if time.monotonic() - seen > self.patience.blind_s:
                    raise
                self.log.warning(f"{error}; the run is looked at again")
                time.sleep(pause_s)
                continue
            seen = time.monotonic()
            if run.state is not state:
                state = run.state
                self.log.info(f"Glue run {self.run_id} is {state}")
            output = output or _Output(
                self.patience, self.log, JobLog(run.log_group, self.run_id, "output")
            )
            output.copy(is_last=state.ended)
            if state.ended:
                return run
            self._give_up(run, seen - began)
            time.sleep(pause_s)
        raise AssertionError("the pauses never end")

    def _give_up(self, run: GlueRun, waited_s: float) -> None:
        """Raise if the run has had all the time that it gets."""
        if run.state is JobState.WAITING and waited_s > self.patience.slot_wait_s:
            raise JobBusy(self.job, waited_s)
        if waited_s > self.patience.longest_run_s:
            raise JobCutShort(self.job, self.run_id, run.state, f"no end within {waited_s:.0f} s")

    def _last_errors(self, run: GlueRun) -> Sequence[str]:
        errors = JobLog(run.log_group, self.run_id, "error")
        deadline = time.monotonic() + _TAIL_WAIT_S
        try:
            while not (lines := errors.last(_TAIL_LINES)) and time.monotonic() < deadline:
                if run.execution_s == 0:
                    return ()  # its script never ran
                time.sleep(0.5)
        except PlatformError as error:
            self.log.warning(f"The log of the run cannot be read: {error}")
            return ()
        return lines


@dataclass
class _Output:
    """Copies what a job prints to our own output, which Dagster keeps as the step's compute log."""

    patience: Patience
    log: logging.Logger
    source: JobLog
    _copied: int = 0
    _due: float = field(default_factory=time.monotonic)
    _is_open: bool = True

    def copy(self, *, is_last: bool) -> None:
        """Copy what is new, if it is time for it."""
        if not self._is_open or (time.monotonic() < self._due and not is_last):
            return
        try:
            while self._is_open and (lines := self.source.more()):
                self._write(lines)
        except PlatformError as error:
            # The log is for people. The run goes on without it.
            self.log.warning(f"The output of the run is no longer followed: {error}")
            self._is_open = False
        self._due = time.monotonic() + self.patience.log_interval_s

    def _write(self, lines: Sequence[str]) -> None:
        left = self.patience.most_log_lines - self._copied
        text = [*lines[:left], *(["… the rest is in CloudWatch"] if len(lines) > left else [])]
        sys.stdout.write("\n".join(text) + "\n")
        sys.stdout.flush()
        self._copied += len(lines)
        self._is_open = self._copied <= self.patience.most_log_lines
