"""The job definition: what a run takes from it, and the part of it that the emulator forgets."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal

from etl_platform.aws.glue import DPU_OF_WORKER
from infra.local.glue.errors import InvalidInput

# MiniStack drops these from CreateJob and UpdateJob, so the runner keeps them.
FORGOTTEN_BY_THE_EMULATOR = (
    "ExecutionClass",
    "ExecutionProperty",
    "JobMode",
    "JobRunQueuingEnabled",
    "MaintenanceWindow",
    "NotificationProperty",
)

# Settings of the service itself: Glue acts on them and does not hand them to the script.
SWALLOWED_ARGUMENTS = frozenset(
    {
        "--additional-python-modules",
        "--class",
        "--conf",
        "--continuous-log-conversionPattern",
        "--continuous-log-logGroup",
        "--continuous-log-logStreamPrefix",
        "--customer-driver-env-vars",
        "--customer-executor-env-vars",
        "--enable-auto-scaling",
        "--enable-continuous-cloudwatch-log",
        "--enable-continuous-log-filter",
        "--enable-glue-datacatalog",
        "--enable-job-insights",
        "--enable-metrics",
        "--enable-observability-metrics",
        "--enable-spark-ui",
        "--extra-files",
        "--extra-jars",
        "--extra-py-files",
        "--job-language",
        "--python-modules-installer-option",
        "--scriptLocation",
        "--spark-event-logs-path",
        "--user-jars-first",
    }
)


class _AwsShape(BaseModel):
    model_config = ConfigDict(
        frozen=True, alias_generator=to_pascal, populate_by_name=True, extra="ignore"
    )


class Command(_AwsShape):
    """What a job runs: `glueetl` has Spark, `pythonshell` has not."""

    name: str = "glueetl"
    script_location: str = ""


class ExecutionProperty(_AwsShape):
    max_concurrent_runs: int = 1


class JobDefinition(_AwsShape):
    """A job as GetJob describes it."""

    name: str
    command: Command = Command()
    default_arguments: dict[str, str] = Field(default_factory=dict)
    non_overridable_arguments: dict[str, str] = Field(default_factory=dict)
    timeout: int | None = None
    glue_version: str = "6.0"
    worker_type: str | None = None
    number_of_workers: int | None = None
    max_capacity: float | None = None
    security_configuration: str | None = None
    execution_property: ExecutionProperty = ExecutionProperty()
    execution_class: str = "STANDARD"
    job_run_queuing_enabled: bool = False

    def arguments_of_run(self, given: Mapping[str, str]) -> dict[str, str]:
        """Defaults, then what the run gives, then what no run may change."""
        return {**self.default_arguments, **given, **self.non_overridable_arguments}

    def capacity_dpu(self, worker_type: str | None, number_of_workers: int | None) -> float:
        """How many DPUs a run of this job holds."""
        if worker_type is not None and number_of_workers is not None:
            if worker_type not in DPU_OF_WORKER:
                raise InvalidInput(f"Worker type {worker_type} is not supported")
            return DPU_OF_WORKER[worker_type] * number_of_workers
        if self.max_capacity is not None:
            return self.max_capacity
        # What AWS gives a job that asks for nothing: 10 DPUs of Spark, 1/16 of a shell.
        return 0.0625 if self.command.name == "pythonshell" else 10.0


class ForgottenSettings:
    """The settings of jobs that the emulator forgets, kept in one file and merged into GetJob."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._by_job: dict[str, dict[str, Any]] = (
            json.loads(file.read_text()) if file.exists() else {}
        )

    def remember(self, job_name: str, settings: Mapping[str, Any]) -> None:
        kept = {name: settings[name] for name in FORGOTTEN_BY_THE_EMULATOR if name in settings}
        with self._lock:
            self._by_job[job_name] = kept
            self._write()

    def forget(self, job_name: str) -> None:
        with self._lock:
            self._by_job.pop(job_name, None)
            self._write()

    def merged_into(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The job as AWS would describe it."""
        with self._lock:
            return {**job, **self._by_job.get(str(job.get("Name")), {})}

    def _write(self) -> None:
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(self._by_job, indent=1, sort_keys=True))
        draft.replace(self._file)
