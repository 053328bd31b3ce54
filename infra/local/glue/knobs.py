"""Faults that the runner shows when it is told to: calls that fail, answers that are lost, runs
that end as no script ends them. docs/local-glue.md tells how they are set.
"""

import threading
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.local.glue.errors import GlueError, InvalidInput
from infra.local.glue.runs import JobRunState


class CallKnob(BaseModel):
    """The next `times` calls of an operation fail."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    operation: Literal["StartJobRun", "GetJobRun", "GetJobRuns", "BatchStopJobRun"]
    times: int = Field(default=1, ge=1)
    is_carried_out: bool = False
    """Whether the call takes effect, and only its answer is lost: the connection is closed."""
    code: str = "ThrottlingException"
    status: int = Field(default=400, ge=400, le=599)
    message: str = "Rate exceeded"


class RunKnob(BaseModel):
    """The next `times` runs of a job end in a state, whatever their script does."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    job_name: str
    times: int = Field(default=1, ge=1)
    state: Literal["FAILED", "TIMEOUT", "ERROR", "EXPIRED", "STOPPED"]
    """EXPIRED: it waits for a slot all that time. The others: its script runs, and is killed."""
    after_s: float = Field(default=0.0, ge=0)
    message: str = ""

    @property
    def end(self) -> JobRunState:
        return JobRunState(self.state)


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    calls: list[CallKnob] = []
    runs: list[RunKnob] = []


class AnswerLost(Exception):
    """The call was carried out, and its answer must not reach the client."""


class KnobError(GlueError):
    """A refusal that was asked for."""

    def __init__(self, knob: CallKnob) -> None:
        super().__init__(knob.message)
        self.code = knob.code
        self.status = knob.status


class Knobs:
    """The faults that are still to be shown."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[CallKnob] = []
        self._runs: list[RunKnob] = []

    def set(self, document: Mapping[str, Any]) -> None:
        """Take these and forget all others. Raises InvalidInput."""
        try:
            settings = _Settings.model_validate(document)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InvalidInput(f"{where}: {first['msg']}") from error
        with self._lock:
            self._calls = [knob for knob in settings.calls for _ in range(knob.times)]
            self._runs = [knob for knob in settings.runs for _ in range(knob.times)]

    def of_call(self, operation: str) -> CallKnob | None:
        """The fault of this call, which is then shown and forgotten."""
        with self._lock:
            for knob in self._calls:
                if knob.operation == operation:
                    self._calls.remove(knob)
                    return knob
        return None

    def of_run(self, job_name: str) -> RunKnob | None:
        """The end of this run, which is then shown and forgotten."""
        with self._lock:
            for knob in self._runs:
                if knob.job_name == job_name:
                    self._runs.remove(knob)
                    return knob
        return None
