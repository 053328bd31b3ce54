"""A real runner in front of MiniStack, and the few steps that every test of it begins with."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from infra.local.processes import Processes
from infra.local.servers import client, glue_runner, url_of

BUCKET = "glue-tests"
TERMINAL = ("STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT", "ERROR", "EXPIRED")


@dataclass(frozen=True)
class Runner:
    """A running Glue endpoint, seen through unchanged boto3 clients."""

    url: str
    glue: Any
    s3: Any
    logs: Any
    state_dir: Path
    restart: Callable[[], None]
    kill: Callable[[], None]

    def job(self, script: str, **settings: Any) -> str:
        """A job with this script, in S3 and in Glue."""
        name = f"job-{uuid4().hex[:8]}"
        self.s3.put_object(Bucket=BUCKET, Key=f"{name}.py", Body=script.encode())
        command = {"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/{name}.py"}
        defaults = {
            "Role": "role",
            "Command": command,
            "GlueVersion": "6.0",
            "WorkerType": "G.2X",
            "NumberOfWorkers": 3,
            "Timeout": 5,
        }
        self.glue.create_job(Name=name, **(defaults | settings))
        return name

    def zip(self, files: Mapping[str, str]) -> str:
        """A zip of modules in S3, by its address."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
        key = f"{uuid4().hex}.zip"
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=buffer.getvalue())
        return f"s3://{BUCKET}/{key}"

    def turn(self, **knobs: list[dict[str, Any]]) -> None:
        """Set the faults that the runner is to show; those that were set before are forgotten."""
        connection = HTTPConnection(self.url.removeprefix("http://"))
        connection.request("PUT", "/knobs", json.dumps(knobs))
        answer = connection.getresponse()
        connection.close()
        if answer.status != 200:
            raise ValueError(f"the runner answered {answer.status}")

    def start(self, job: str, **arguments: Any) -> str:
        return str(self.glue.start_job_run(JobName=job, **arguments)["JobRunId"])

    def run(self, job: str, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
        return found

    def wait(self, job: str, run_id: str, *states: str) -> dict[str, Any]:
        """The run once it is in one of the states, or in any state that it cannot leave."""
        while True:
            run = self.run(job, run_id)
            if run["JobRunState"] in (states or TERMINAL) or run["JobRunState"] in TERMINAL:
                return run
            time.sleep(0.05)

    def output(self, run_id: str, kind: str = "output") -> list[str]:
        events = self.logs.get_log_events(
            logGroupName=f"/aws-glue/jobs/{kind}", logStreamName=run_id, startFromHead=True
        )["events"]
        return [event["message"] for event in events]


@pytest.fixture(scope="session")
def runner(aws_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    state_dir = tmp_path_factory.mktemp("runner")
    processes = Processes(state_dir)
    server = glue_runner(state_dir / "glue", aws_port)
    port = processes.ensure(server)

    def restart() -> None:
        processes.end(server.name, server.stop_within_s)
        assert processes.ensure(server) == port

    def kill() -> None:
        processes.end(server.name, 0)
        assert processes.ensure(server) == port

    s3 = client("s3", aws_port)
    s3.create_bucket(Bucket=BUCKET)
    yield Runner(
        url_of(port),
        client("glue", port),
        s3,
        client("logs", aws_port),
        state_dir / "glue",
        restart,
        kill,
    )
    processes.end(server.name, server.stop_within_s)
