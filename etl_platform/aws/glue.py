"""Runs of AWS Glue jobs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from etl_platform.aws.clients import client, error_code, translated
from etl_platform.contract.errors import JobBusy

_BUSY = {"ConcurrentRunsExceededException", "ResourceNumberLimitExceededException"}
_RECENT_RUNS = 50
DPU_OF_WORKER = {
    "Standard": 1.0,
    "G.025X": 0.25,
    "G.1X": 1.0,
    "G.2X": 2.0,
    "G.4X": 4.0,
    "G.8X": 8.0,
    "G.12X": 12.0,
    "G.16X": 16.0,
    "R.1X": 1.0,
    "R.2X": 2.0,
    "R.4X": 4.0,
    "R.8X": 8.0,
    "Z.2X": 2.0,
}
"""Memory-optimised workers are billed in M-DPU, one for each DPU."""


class JobState(StrEnum):
    """The ten states of a job run, as GetJobRun names them."""

    WAITING = "WAITING"  # queued by Glue until a slot is free
    STARTING = "STARTING"  # resources are being made ready
    RUNNING = "RUNNING"  # the script runs
    STOPPING = "STOPPING"  # asked to stop, not yet ended
    STOPPED = "STOPPED"  # ended because it was asked to
    SUCCEEDED = "SUCCEEDED"  # the script returned
    FAILED = "FAILED"  # the script raised
    TIMEOUT = "TIMEOUT"  # ended by its time limit
    ERROR = "ERROR"  # the service failed
    EXPIRED = "EXPIRED"  # waited longer than Glue allows

    @property
    def ended(self) -> bool:
        return self not in _ACTIVE


_ACTIVE = {JobState.WAITING, JobState.STARTING, JobState.RUNNING, JobState.STOPPING}


@dataclass(frozen=True)
class GlueRun:
    """One run as Glue describes it; times are None until they are known."""

    job: str
    run_id: str
    state: JobState
    message: str
    arguments: Mapping[str, str]
    started_at: datetime | None
    ended_at: datetime | None
    execution_s: float
    dpu_seconds: float
    worker_type: str
    workers: int
    log_group: str


def start(job: str, arguments: Mapping[str, str], worker_type: str, workers: int) -> str:
    """Start a run on so many workers and give its id; raises JobBusy when every slot is taken."""
    with translated("glue", f"StartJobRun {job}"):
        try:
            answer = client("glue").start_job_run(
                JobName=job,
                Arguments=dict(arguments),
                WorkerType=worker_type,
                NumberOfWorkers=workers,
            )
        except ClientError as error:
            if error_code(error) in _BUSY:
                raise JobBusy(job, 0) from error
            raise
    return str(answer["JobRunId"])


def find(job: str, run_id: str) -> GlueRun:
    """The run as it is now."""
    with translated("glue", f"GetJobRun {run_id}"):
        return _run(client("glue").get_job_run(JobName=job, RunId=run_id)["JobRun"])


def recent(job: str) -> Iterator[GlueRun]:
    """The latest runs of a job, newest first; enough to see every one that is still active."""
    with translated("glue", f"GetJobRuns {job}"):
        answer = client("glue").get_job_runs(JobName=job, MaxResults=_RECENT_RUNS)
    yield from map(_run, answer["JobRuns"])


def stop(job: str, run_id: str) -> None:
    """Ask a run to end; a run that has ended already is no error."""
    with translated("glue", f"BatchStopJobRun {run_id}"):
        client("glue").batch_stop_job_run(JobName=job, JobRunIds=[run_id])


def _run(answer: dict[str, Any]) -> GlueRun:
    workers = int(answer.get("NumberOfWorkers") or 0)
    worker_type = answer.get("WorkerType") or ""
    dpu = workers * DPU_OF_WORKER.get(worker_type, 1.0)
    execution_s = float(answer.get("ExecutionTime") or 0)
    return GlueRun(
        job=answer["JobName"],
        run_id=answer["Id"],
        state=JobState(answer["JobRunState"]),
        message=answer.get("ErrorMessage") or "",
        arguments=answer.get("Arguments") or {},
        started_at=answer.get("StartedOn"),
        ended_at=answer.get("CompletedOn"),
        execution_s=execution_s,
        # Glue gives DPUSeconds for auto-scaled and flexible runs only; else it is this product.
        dpu_seconds=float(answer.get("DPUSeconds") or dpu * execution_s),
        worker_type=worker_type,
        workers=workers,
        log_group=answer.get("LogGroupName") or "/aws-glue/jobs",
    )
