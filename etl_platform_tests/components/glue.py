"""Steps that launch Glue jobs on the local runner, in the words of its tests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from etl_platform.components.glue_jobs import GlueJobs, JobOutcome
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.order import Order
from etl_platform_tests.components.test_facts import BATCH, FEED
from etl_platform_tests.infra.local.glue.conftest import BUCKET, Runner
from infra.bundles import convert_modules, write_job_bundle

HOURS = [Hour.parse("2026-11-23-00").plus(number) for number in range(3)]

REPORTING = """
import sys, time
from etl_platform.aws.job import job_run
from etl_platform.contract.order import Report

with job_run(sys.argv[1:]) as run:
    for batch in run.order.batches:
        run.report(Report(hour=batch.hour, batch_id=batch.batch_id, outcome="done"))
        print("reported", batch.hour, flush=True)
{more}
"""


def reporting(more: str = "") -> str:
    """A script that reports on every hour of its order and then does `more`."""
    return REPORTING.format(more=more)


@dataclass(frozen=True)
class Launcher:
    """An installation of its own on the runner: one convert job, and steps that launch it."""

    runner: Runner
    names: Names
    settings: dict[str, Any]
    instance: dg.DagsterInstance

    @property
    def job(self) -> str:
        return self.names.convert_job

    @property
    def order(self) -> Order:
        batches = tuple(BATCH.model_copy(update={"hour": hour}) for hour in HOURS)
        return Order(
            stage="convert", namespace=self.names.namespace, contract=FEED, batches=batches
        )

    def with_script(self, script: str, bundle: str, **job: Any) -> None:
        self.runner.s3.put_object(Bucket=BUCKET, Key=f"{self.job}.py", Body=script.encode())
        defaults: dict[str, Any] = {
            "Role": "role",
            "Command": {"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/{self.job}.py"},
            "GlueVersion": "6.0",
            "WorkerType": "G.1X",
            "NumberOfWorkers": 2,
            "Timeout": 5,
            "DefaultArguments": {
                "--extra-py-files": bundle,
                "--additional-python-modules": convert_modules(),
            },
        }
        self.runner.glue.create_job(Name=self.job, **(defaults | job))

    def runs(self) -> list[dict[str, Any]]:
        """Every run of the job, newest first."""
        found: list[dict[str, Any]] = self.runner.glue.get_job_runs(JobName=self.job)["JobRuns"]
        return found

    def launch(self, run_id: str | None = None) -> "Launched":
        """Run a step that carries out the order, in a new run of Dagster or in one of this id."""
        kept: dict[str, Any] = {}

        @dg.op
        def step(context: dg.OpExecutionContext, glue_jobs: GlueJobs) -> None:
            try:
                kept["outcome"] = glue_jobs.run(context, self.order)
            except BaseException as error:
                kept["error"] = error
                raise

        settings = {"namespace": self.names.namespace, **self.settings}

        @dg.job(resource_defs={"glue_jobs": GlueJobs(**settings)})
        def launching() -> None:
            step()

        result = launching.execute_in_process(
            instance=self.instance, raise_on_error=False, run_id=run_id
        )
        said = [entry.user_message for entry in self.instance.all_logs(result.run_id)]
        return Launched(result, kept.get("outcome"), kept.get("error"), said)


@dataclass(frozen=True)
class Launched:
    """What came of a step."""

    result: dg.ExecuteInProcessResult
    outcome: JobOutcome | None
    error: BaseException | None
    said: list[str]


def bundle_in(runner: Runner, folder: Path) -> str:
    """The code of the jobs, in S3."""
    runner.s3.upload_file(str(write_job_bundle(folder)), BUCKET, "etl_platform.zip")
    return f"s3://{BUCKET}/etl_platform.zip"
