"""Runs of AWS Glue jobs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from etl_platform.aws.clients import client, error_code, translated
from etl_platform.contract.errors import JobBusy, ServiceUnavailable

_BUSY = {"ConcurrentRunsExceededException", "ResourceNumberLimitExceededException"}
_RUNS_A_PAGE = 200
_ATTEMPTS_OF_A_LOOK = 3
DEFAULT_LOG_GROUP = "/aws-glue/jobs"
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
    attempt: int

    @property
    def waited_s(self) -> float:
        """From the request to the end, without the time that the script ran; 0 until it ended."""
        if self.started_at is None or self.ended_at is None:
            return 0.0
        whole_s = (self.ended_at - self.started_at).total_seconds()
        return round(max(0.0, whole_s - self.execution_s), 1)


def start(job: str, arguments: Mapping[str, str], worker_type: str, workers: int) -> str:
    """Start a run on so many workers and give its id.

    Raises JobBusy when every slot is taken, ServiceRefused for a job that cannot be started, and
    ServiceUnavailable when the answer is lost: then there may be a run.
    """
    with translated("glue", f"StartJobRun {job}"):
        try:
            # Sent once: each StartJobRun is a run, and a lost answer would make two.
            answer = client("glue", 1).start_job_run(
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


def default_argument(job: str, name: str) -> str:
    """What a job is given where its run says nothing else; empty if it is given nothing."""
    with translated("glue", f"GetJob {job}"):
        answer = client("glue").get_job(JobName=job)
    return str(answer["Job"].get("DefaultArguments", {}).get(name, ""))


def find(job: str, run_id: str) -> GlueRun:
    """The run as it is now. Who asks again and again is told soon that there is no answer."""
    with translated("glue", f"GetJobRun {run_id}"):
        return _run(
            client("glue", _ATTEMPTS_OF_A_LOOK).get_job_run(JobName=job, RunId=run_id)["JobRun"]
        )


def since(job: str, moment: datetime) -> Iterator[GlueRun]:
    """The runs of a job that were asked for at a moment or later, newest first."""
    with translated("glue", f"GetJobRuns {job}"):
        pages = (
            client("glue")
            .get_paginator("get_job_runs")
            .paginate(JobName=job, PaginationConfig={"PageSize": _RUNS_A_PAGE})
        )
        for page in pages:
            for answer in page["JobRuns"]:
                run = _run(answer)
                if run.started_at is not None and run.started_at < moment:
                    return
                yield run


def stop(job: str, run_id: str) -> None:
    """Ask a run to end; a run that has ended already is no error."""
    with translated("glue", f"BatchStopJobRun {run_id}"):
        answer = client("glue").batch_stop_job_run(JobName=job, JobRunIds=[run_id])
    for refused in answer.get("Errors", ()):
        if not find(job, run_id).state.ended:
            detail = refused.get("ErrorDetail", {})
            message = f"{detail.get('ErrorCode', '')} {detail.get('ErrorMessage', '')}"
            raise ServiceUnavailable("glue", f"BatchStopJobRun {run_id}", message)


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
        log_group=answer.get("LogGroupName") or DEFAULT_LOG_GROUP,
        attempt=int(answer.get("Attempt") or 0),
    )
