"""`python -m infra.local.glue`: serve until SIGTERM, then end every job."""

import argparse
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import boto3
from botocore.config import Config

from infra.local.glue.errors import EntityNotFound
from infra.local.glue.executor import Execution
from infra.local.glue.jobs import ForgottenSettings, JobDefinition
from infra.local.glue.knobs import Knobs
from infra.local.glue.runs import JobRun, RunStore
from infra.local.glue.sandbox import Sandboxes
from infra.local.glue.server import GlueEndpoint, GlueServer, Upstream
from infra.local.glue.service import JobRuns


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    state_dir: Path = options.state_dir.resolve()
    state_dir.mkdir(parents=True, exist_ok=True)
    # The directories of runs that ended without the runner seeing it.
    shutil.rmtree(state_dir / "work", ignore_errors=True)
    settings = ForgottenSettings(state_dir / "jobs.json")
    knobs = Knobs()
    own_url = f"http://127.0.0.1:{options.port}"
    runs = _job_runs(options.upstream, own_url, state_dir, settings, knobs)
    endpoint = GlueEndpoint(
        {
            "StartJobRun": runs.start_job_run,
            "GetJobRun": runs.get_job_run,
            "GetJobRuns": runs.get_job_runs,
            "BatchStopJobRun": runs.batch_stop_job_run,
        },
        Upstream(options.upstream),
        settings,
        knobs,
    )
    server = GlueServer(options.port, endpoint)

    def stop(signal_number: int, frame: FrameType | None) -> None:
        # `shutdown` waits for the loop that this signal interrupted: another thread calls it.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sys.stdout.write(f"glue: ready on http://127.0.0.1:{options.port}\n")
    sys.stdout.flush()
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    runs.close()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local.glue", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="URL of the AWS endpoint")
    parser.add_argument("--state-dir", type=Path, required=True)
    return parser.parse_args(arguments)


def _job_runs(
    upstream: str, own_url: str, state_dir: Path, settings: ForgottenSettings, knobs: Knobs
) -> JobRuns:
    aws_environment = {
        "AWS_ENDPOINT_URL": upstream,
        "AWS_ENDPOINT_URL_GLUE": own_url,
        "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        "AWS_DEFAULT_REGION": os.environ["AWS_DEFAULT_REGION"],
        "AWS_REGION": os.environ["AWS_DEFAULT_REGION"],
    }
    glue, logs, s3 = (_client(name, upstream) for name in ("glue", "logs", "s3"))
    sandboxes = Sandboxes(state_dir / "sandboxes")

    def job_named(job_name: str) -> JobDefinition:
        try:
            job = glue.get_job(JobName=job_name)["Job"]
        except glue.exceptions.EntityNotFoundException as error:
            raise EntityNotFound(f"Job {job_name} is not found") from error
        return JobDefinition.model_validate(settings.merged_into(job))

    def execution_of(run: JobRun) -> Execution:
        return Execution(
            run,
            directory=state_dir / "work" / run.run_id,
            sandboxes=sandboxes,
            s3=s3,
            logs=logs,
            aws_environment=aws_environment,
        )

    return JobRuns(RunStore(state_dir / "runs"), job_named, execution_of, knobs)


def _client(service: str, endpoint_url: str) -> Any:
    # The endpoint is given outright, and path style keeps bucket names out of host names.
    config = Config(s3={"addressing_style": "path"}, retries={"mode": "standard"})
    return boto3.client(service, endpoint_url=endpoint_url, config=config)


if __name__ == "__main__":
    main()
