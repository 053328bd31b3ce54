"""A job run as a value, the moves that its state may make, and the files that keep it."""

import logging
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

LOG_GROUP = "/aws-glue/jobs"
RUNS_KEPT_OF_A_JOB = 500

log = logging.getLogger(__name__)


class JobRunState(StrEnum):
    """The ten states of the Glue API."""

    WAITING = "WAITING"  # every slot of the job is taken, and the run may queue for one
    STARTING = "STARTING"  # it has a slot; script and modules are being fetched
    RUNNING = "RUNNING"  # its process runs
    STOPPING = "STOPPING"  # a stop was asked for; the process has not ended yet
    STOPPED = "STOPPED"  # it ended because a stop was asked for
    SUCCEEDED = "SUCCEEDED"  # the script ended with exit code 0
    FAILED = "FAILED"  # the script ended with another exit code, or could not be launched
    TIMEOUT = "TIMEOUT"  # it ran longer than its Timeout and was killed
    ERROR = "ERROR"  # the service failed, not the script: the runner ended under the run
    EXPIRED = "EXPIRED"  # it waited for a slot longer than its Timeout


_MOVES: dict[JobRunState, frozenset[JobRunState]] = {
    JobRunState.WAITING: frozenset(
        {JobRunState.STARTING, JobRunState.STOPPED, JobRunState.EXPIRED}
    ),
    JobRunState.STARTING: frozenset(
        {JobRunState.RUNNING, JobRunState.STOPPING, JobRunState.FAILED, JobRunState.ERROR}
    ),
    JobRunState.RUNNING: frozenset(
        {
            JobRunState.SUCCEEDED,
            JobRunState.FAILED,
            JobRunState.TIMEOUT,
            JobRunState.STOPPING,
            JobRunState.ERROR,
        }
    ),
    JobRunState.STOPPING: frozenset({JobRunState.STOPPED, JobRunState.ERROR}),
}

TERMINAL_STATES = frozenset(JobRunState) - _MOVES.keys()
SLOT_STATES = frozenset({JobRunState.STARTING, JobRunState.RUNNING, JobRunState.STOPPING})


class IllegalMove(RuntimeError):
    """A move that `_MOVES` does not hold: a fault of the runner, never of a client."""

    def __init__(self, run_id: str, before: JobRunState, after: JobRunState) -> None:
        super().__init__(f"run {run_id} cannot go from {before} to {after}")


class ProcessMark(BaseModel):
    """Tells a process from a later one that was given the same pid."""

    model_config = ConfigDict(frozen=True)

    pid: int
    create_time: float


class JobRun(BaseModel):
    """One run. Times are seconds since the epoch, as the Glue API writes them."""

    model_config = ConfigDict(frozen=True)

    run_id: str = Field(default_factory=lambda: f"jr_{uuid4().hex}{uuid4().hex}")
    job_name: str
    command_name: str
    script_location: str
    arguments: dict[str, str]
    """What StartJobRun was given."""
    all_arguments: dict[str, str]
    """The same with the job's defaults: what the script gets."""
    state: JobRunState
    timeout_minutes: int
    worker_type: str | None = None
    number_of_workers: int | None = None
    capacity_dpu: float
    glue_version: str
    execution_class: str
    security_configuration: str | None = None
    queuing_enabled: bool = False
    started_on: float = Field(default_factory=time.time)
    modified_on: float = Field(default_factory=time.time)
    running_since: float | None = None
    completed_on: float | None = None
    error_message: str | None = None
    process: ProcessMark | None = None

    @property
    def is_terminal(self) -> bool:
        return self.state in TERMINAL_STATES

    @property
    def execution_time_s(self) -> int:
        """Whole seconds since the process began; waiting for a slot is not counted."""
        if self.running_since is None:
            return 0
        return max(0, round((self.completed_on or time.time()) - self.running_since))

    def moved(self, state: JobRunState, error_message: str | None = None) -> Self:
        """This run in its next state."""
        if state not in _MOVES.get(self.state, frozenset()):
            raise IllegalMove(self.run_id, self.state, state)
        now = time.time()
        changes: dict[str, Any] = {"state": state, "modified_on": now}
        if state is JobRunState.RUNNING:
            changes["running_since"] = now
        if state in TERMINAL_STATES:
            changes |= {"completed_on": now, "process": None}
        if error_message is not None:
            changes["error_message"] = error_message
        return self.model_copy(update=changes)

    def described(self) -> dict[str, Any]:
        """The `JobRun` structure of the Glue API; what is not known is left out."""
        description: dict[str, Any] = {
            "Id": self.run_id,
            "Attempt": 0,
            "JobName": self.job_name,
            "JobMode": "SCRIPT",
            "JobRunQueuingEnabled": self.queuing_enabled,
            "StartedOn": self.started_on,
            "LastModifiedOn": self.modified_on,
            "CompletedOn": self.completed_on,
            "JobRunState": self.state.value,
            "Arguments": self.arguments,
            "ErrorMessage": self.error_message,
            "PredecessorRuns": [],
            "AllocatedCapacity": max(1, round(self.capacity_dpu)),
            "ExecutionTime": self.execution_time_s,
            "Timeout": self.timeout_minutes,
            "MaxCapacity": self.capacity_dpu,
            "WorkerType": self.worker_type,
            "NumberOfWorkers": self.number_of_workers,
            "SecurityConfiguration": self.security_configuration or None,
            "LogGroupName": LOG_GROUP,
            "GlueVersion": self.glue_version,
            "DPUSeconds": self.execution_time_s * self.capacity_dpu,
            "ExecutionClass": self.execution_class,
        }
        return {name: value for name, value in description.items() if value is not None}


class RunStore:
    """Every run, in memory and as one JSON file each. The caller holds the lock."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        runs = sorted(self._read(), key=lambda run: run.started_on)
        self._runs = {run.run_id: run for run in runs}

    def get(self, run_id: str) -> JobRun | None:
        return self._runs.get(run_id)

    def all(self) -> list[JobRun]:
        return list(self._runs.values())

    def of_job(self, job_name: str) -> list[JobRun]:
        """The runs of a job, newest first, as GetJobRuns lists them."""
        return [run for run in reversed(self._runs.values()) if run.job_name == job_name]

    def put(self, run: JobRun) -> None:
        """Keep a run; the oldest ended runs of its job make room for it."""
        self._runs[run.run_id] = run
        draft = self._file(run.run_id).with_suffix(".draft")
        draft.write_text(run.model_dump_json(indent=1))
        draft.replace(self._file(run.run_id))
        for old in self.of_job(run.job_name)[RUNS_KEPT_OF_A_JOB:]:
            if old.is_terminal:
                del self._runs[old.run_id]
                self._file(old.run_id).unlink(missing_ok=True)

    def _file(self, run_id: str) -> Path:
        return self._directory / f"{run_id}.json"

    def _read(self) -> Iterator[JobRun]:
        for file in self._directory.glob("*.json"):
            try:
                yield JobRun.model_validate_json(file.read_bytes())
            except ValidationError:
                # One spoilt file must not keep every other run from being answered for.
                log.warning("the run file %s is not readable and is left out", file)
