"""The four calls of the Glue API that run jobs: what each accepts, refuses and sets in motion."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Set
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from infra.local.glue.errors import (
    ConcurrentRunsExceeded,
    EntityNotFound,
    InvalidInput,
    LaunchError,
)
from infra.local.glue.executor import Ending, Execution, Outcome, end_leftover
from infra.local.glue.jobs import JobDefinition
from infra.local.glue.knobs import Knobs, RunKnob
from infra.local.glue.runs import SLOT_STATES, JobRun, JobRunState, ProcessMark, RunStore

# Since Glue 5.0 a job without a Timeout has eight hours.
DEFAULT_TIMEOUT_MINUTES = 480
RUNS_A_PAGE = 200
RUNS_A_STOP = 25
QUEUE_LOOK_EVERY_S = 5.0

log = logging.getLogger(__name__)


class JobSource(Protocol):
    """Where job definitions are looked up: raises EntityNotFound for a job that is not there."""

    def __call__(self, job_name: str) -> JobDefinition: ...


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_pascal, extra="ignore")


_RequestT = TypeVar("_RequestT", bound=_Request)


class _StartJobRun(_Request):
    job_name: str = Field(min_length=1, max_length=255)
    job_run_id: str | None = None
    arguments: dict[str, str] = Field(default_factory=dict)
    timeout: int | None = Field(default=None, ge=1)
    max_capacity: float | None = None
    worker_type: str | None = None
    number_of_workers: int | None = Field(default=None, ge=1)
    security_configuration: str | None = None
    execution_class: str | None = None
    job_run_queuing_enabled: bool | None = None


class _GetJobRun(_Request):
    job_name: str
    run_id: str


class _GetJobRuns(_Request):
    job_name: str
    next_token: str | None = None
    max_results: int = Field(default=RUNS_A_PAGE, ge=1, le=RUNS_A_PAGE)


class _BatchStopJobRun(_Request):
    job_name: str
    job_run_ids: list[str] = Field(min_length=1, max_length=RUNS_A_STOP)


class JobRuns:
    """Every run that was asked for: the slots, the queue, and the processes under way."""

    def __init__(
        self,
        store: RunStore,
        job_named: JobSource,
        execution_of: Callable[[JobRun], Execution],
        knobs: Knobs,
    ) -> None:
        self._knobs = knobs
        self._forced: dict[str, RunKnob] = {}
        self._store = store
        self._job_named = job_named
        self._execution_of = execution_of
        self._lock = threading.RLock()
        self._executions: dict[str, Execution] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._closing = threading.Event()
        self._queue_look = threading.Event()
        self._end_leftovers()
        self._queue_thread = threading.Thread(target=self._watch_queue, name="glue-queue")
        self._queue_thread.start()

    def start_job_run(self, body: Mapping[str, Any]) -> dict[str, Any]:
        request = _parsed(_StartJobRun, body)
        job = self._job_named(request.job_name)
        run = _new_run(request, job)
        with self._lock:
            if request.job_run_id is not None:
                self._run_of(request.job_name, request.job_run_id)
            forced = self._knobs.of_run(job.name)
            if forced is not None:
                self._forced[run.run_id] = forced
            if forced is not None and forced.end is JobRunState.EXPIRED:
                self._store.put(run.model_copy(update={"state": JobRunState.WAITING}))
            elif self._count(job.name, SLOT_STATES) >= job.execution_property.max_concurrent_runs:
                if not run.queuing_enabled:
                    raise ConcurrentRunsExceeded(job.name)
                self._store.put(run)
            elif run.queuing_enabled and self._count(job.name, {JobRunState.WAITING}):
                # A slot came free this moment; it belongs to the run that waited first.
                self._store.put(run)
            else:
                self._begin(run)
        return {"JobRunId": run.run_id}

    def get_job_run(self, body: Mapping[str, Any]) -> dict[str, Any]:
        request = _parsed(_GetJobRun, body)
        with self._lock:
            return {"JobRun": self._run_of(request.job_name, request.run_id).described()}

    def get_job_runs(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Newest first. A token is the id of the last run of the page before."""
        request = _parsed(_GetJobRuns, body)
        with self._lock:
            runs = self._store.of_job(request.job_name)
        if not runs:
            self._job_named(request.job_name)
        first = 0
        if request.next_token is not None:
            ids = [run.run_id for run in runs]
            if request.next_token not in ids:
                raise InvalidInput("The NextToken is not valid")
            first = ids.index(request.next_token) + 1
        page = runs[first : first + request.max_results]
        answer: dict[str, Any] = {"JobRuns": [run.described() for run in page]}
        if first + len(page) < len(runs):
            answer["NextToken"] = page[-1].run_id
        return answer

    def batch_stop_job_run(self, body: Mapping[str, Any]) -> dict[str, Any]:
        request = _parsed(_BatchStopJobRun, body)
        submissions: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for run_id in request.job_run_ids:
            about = {"JobName": request.job_name, "JobRunId": run_id}
            try:
                self._stop(request.job_name, run_id)
                submissions.append(about)
            except (EntityNotFound, InvalidInput) as error:
                detail = {"ErrorCode": error.code, "ErrorMessage": str(error)}
                errors.append({**about, "ErrorDetail": detail})
        return {"SuccessfulSubmissions": submissions, "Errors": errors}

    def close(self) -> None:
        """End every process. Their runs are in ERROR: the service ended, not the scripts."""
        with self._lock:
            self._closing.set()
            self._queue_look.set()
            threads = list(self._threads.values())
            for execution in self._executions.values():
                execution.stop()
        for thread in (*threads, self._queue_thread):
            thread.join()

    def _stop(self, job_name: str, run_id: str) -> None:
        with self._lock:
            run = self._run_of(job_name, run_id)
            if run.is_terminal:
                raise InvalidInput(f"Job run {run_id} is in state {run.state}, not running")
            if run.state is JobRunState.WAITING:
                self._store.put(run.moved(JobRunState.STOPPED))
            elif run.state is not JobRunState.STOPPING:
                self._store.put(run.moved(JobRunState.STOPPING))
                self._executions[run_id].stop()

    def _run_of(self, job_name: str, run_id: str) -> JobRun:
        run = self._store.get(run_id)
        if run is None or run.job_name != job_name:
            raise EntityNotFound(f"Job run {run_id} of job {job_name} is not found")
        return run

    def _count(self, job_name: str, states: Set[JobRunState]) -> int:
        return sum(run.state in states for run in self._store.of_job(job_name))

    def _begin(self, run: JobRun) -> None:
        """Give a run its slot. The lock is held."""
        if run.state is JobRunState.WAITING:
            run = run.moved(JobRunState.STARTING)
        self._store.put(run)
        self._executions[run.run_id] = self._execution_of(run)
        thread = threading.Thread(target=self._carry_out, args=(run,), name=run.run_id[:12])
        self._threads[run.run_id] = thread
        thread.start()

    def _carry_out(self, run: JobRun) -> None:
        def started(process: ProcessMark) -> None:
            with self._lock:
                current = self._run_of(run.job_name, run.run_id)
                if current.state is JobRunState.STARTING:
                    current = current.moved(JobRunState.RUNNING)
                self._store.put(current.model_copy(update={"process": process}))

        forced = self._forced.get(run.run_id)
        timeout_s = forced.after_s if forced else run.timeout_minutes * 60.0
        try:
            outcome = self._executions[run.run_id].execute(timeout_s=timeout_s, on_start=started)
        except LaunchError as error:
            outcome = Outcome(Ending.FAILED, str(error))
        except Exception:
            # Whatever went wrong here is the runner's fault, and the run must still end.
            log.exception("run %s could not be carried out", run.run_id)
            outcome = None
        with self._lock:
            current = self._run_of(run.job_name, run.run_id)
            if forced is not None and current.state is JobRunState.RUNNING:
                ended = _forced_end(current, forced)
            else:
                ended = _ended(current, outcome, closing=self._closing.is_set())
            self._store.put(ended)
            del self._executions[run.run_id], self._threads[run.run_id]
        self._queue_look.set()

    def _serve_queue(self) -> None:
        """Start what waits, oldest first, while its job has slots; expire what waited too long."""
        with self._lock:
            waiting = {run.job_name for run in self._waiting()}
        # The emulator is asked without the lock: a slow answer must not hold up GetJobRun.
        slots = {job_name: self._slots_of(job_name) for job_name in waiting}
        with self._lock:
            if self._closing.is_set():
                return
            for run in self._waiting():
                forced = self._forced.get(run.run_id)
                longest_s = forced.after_s if forced else run.timeout_minutes * 60.0
                if time.time() - run.started_on > longest_s:
                    self._store.put(run.moved(JobRunState.EXPIRED))
                elif forced is None and self._has_slot(run.job_name, slots):
                    self._begin(run)

    def _has_slot(self, job_name: str, slots: Mapping[str, int]) -> bool:
        return self._count(job_name, SLOT_STATES) < slots.get(job_name, 0)

    def _waiting(self) -> list[JobRun]:
        return [run for run in self._store.all() if run.state is JobRunState.WAITING]

    def _slots_of(self, job_name: str) -> int:
        try:
            return self._job_named(job_name).execution_property.max_concurrent_runs
        except EntityNotFound:
            # A run of a deleted job waits until it expires.
            return 0

    def _watch_queue(self) -> None:
        # Also without a sign: a slot may come by a higher limit, or by a restart of the runner.
        while not self._closing.is_set():
            self._queue_look.wait(QUEUE_LOOK_EVERY_S)
            self._queue_look.clear()
            try:
                self._serve_queue()
            except Exception:
                log.exception("the queue could not be served; it is tried again")

    def _end_leftovers(self) -> None:
        """What a runner that died left: its processes are ended, its runs are in ERROR."""
        for run in self._store.all():
            if run.state in SLOT_STATES:
                if run.process is not None:
                    end_leftover(run.process)
                self._store.put(run.moved(JobRunState.ERROR, "The job runner ended under the run"))


def _parsed(shape: type[_RequestT], body: Mapping[str, Any]) -> _RequestT:
    try:
        return shape.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{where}: {first['msg']}") from error


def _new_run(request: _StartJobRun, job: JobDefinition) -> JobRun:
    """The run that a request asks for, if the job and its limits allow it."""
    if job.command.name not in ("glueetl", "pythonshell"):
        raise InvalidInput(f"Command {job.command.name} is not supported on the laptop")
    if bad := [name for name in request.arguments if not name.startswith("--")]:
        raise InvalidInput(f"Argument names begin with two dashes: {', '.join(bad)}")
    workers = (request.worker_type, request.number_of_workers)
    if request.max_capacity is not None and workers != (None, None):
        raise InvalidInput(
            "Please do not set Max Capacity if using Worker Type and Number of Workers."
        )
    if request.max_capacity is not None:
        worker_type, number_of_workers = None, None
        capacity_dpu = request.max_capacity
    else:
        worker_type = request.worker_type or job.worker_type
        number_of_workers = request.number_of_workers or job.number_of_workers
        capacity_dpu = job.capacity_dpu(worker_type, number_of_workers)
    if job.command.name == "glueetl" and number_of_workers == 1:
        raise InvalidInput("Number of workers must be at least 2")
    queuing = request.job_run_queuing_enabled
    queuing = job.job_run_queuing_enabled if queuing is None else queuing
    return JobRun(
        job_name=job.name,
        command_name=job.command.name,
        script_location=job.command.script_location,
        arguments=request.arguments,
        all_arguments=job.arguments_of_run(request.arguments),
        state=JobRunState.WAITING if queuing else JobRunState.STARTING,
        timeout_minutes=request.timeout or job.timeout or DEFAULT_TIMEOUT_MINUTES,
        worker_type=worker_type,
        number_of_workers=number_of_workers,
        capacity_dpu=capacity_dpu,
        glue_version=job.glue_version,
        execution_class=request.execution_class or job.execution_class,
        security_configuration=request.security_configuration or job.security_configuration,
        queuing_enabled=queuing,
    )


def _forced_end(run: JobRun, forced: RunKnob) -> JobRun:
    if forced.end is JobRunState.STOPPED:
        run = run.moved(JobRunState.STOPPING)
    return run.moved(forced.end, forced.message or None)


def _ended(run: JobRun, outcome: Outcome | None, *, closing: bool) -> JobRun:
    """The run in the state that its end calls for."""
    if outcome is None:
        return run.moved(JobRunState.ERROR, "The job runner failed; its log has the cause")
    if run.state is JobRunState.STOPPING:
        return run.moved(JobRunState.STOPPED)
    if outcome.ending is Ending.STOPPED:
        reason = "The job runner was stopped" if closing else "The process was stopped"
        return run.moved(JobRunState.ERROR, reason)
    state = {
        Ending.SUCCEEDED: JobRunState.SUCCEEDED,
        Ending.FAILED: JobRunState.FAILED,
        Ending.TIMED_OUT: JobRunState.TIMEOUT,
    }[outcome.ending]
    return run.moved(state, outcome.error_message)
