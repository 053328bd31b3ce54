"""The frame of both Glue jobs: read the order that the arguments name, report on each hour.

Reports go to Dagster through Pipes when Dagster started the job, and to standard output always,
so that a job started by hand says the same.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Final

from dagster_pipes import (
    PipesCliArgsParamsLoader,
    PipesMessage,
    PipesParams,
    PipesS3ContextLoader,
    PipesS3MessageWriter,
    PipesS3MessageWriterChannel,
    open_dagster_pipes,
)

from etl_platform.aws.clients import client, translated
from etl_platform.aws.s3 import S3
from etl_platform.contract.layout import Location
from etl_platform.contract.order import Order, Report

_UPLOAD_EVERY_S: Final = 2.0


@dataclass(frozen=True)
class JobRun:
    """One run of a job: what to do, and where to say what came of it."""

    order: Order
    report: Callable[[Report], None]


@contextmanager
def job_run(arguments: list[str]) -> Iterator[JobRun]:
    """Open a run from the command line; Glue adds arguments of its own, which are passed over."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--order", required=True, help="s3:// address of the order")
    known, _ = parser.parse_known_args(arguments)
    order = Order.model_validate_json(S3().read(Location.parse(known.order)))
    with _reporter() as send:

        def report(said: Report) -> None:
            sys.stdout.write(said.model_dump_json() + "\n")
            sys.stdout.flush()
            send(said)

        yield JobRun(order, report)


@contextmanager
def _reporter() -> Iterator[Callable[[Report], None]]:
    loader = PipesCliArgsParamsLoader()
    if not loader.is_dagster_pipes_process():
        yield lambda _: None
        return
    s3 = client("s3")
    with open_dagster_pipes(
        params_loader=loader,
        context_loader=PipesS3ContextLoader(s3),
        message_writer=_PromptWriter(s3),
    ) as pipes:
        yield lambda said: pipes.report_custom_message(said.model_dump(mode="json"))


class _PromptWriter(PipesS3MessageWriter):
    def make_channel(self, params: PipesParams) -> PipesS3MessageWriterChannel:
        return _PromptChannel(
            client=self._client,
            bucket=params["bucket"],
            key_prefix=params["key_prefix"],
            interval=_UPLOAD_EVERY_S,
        )


class _PromptChannel(PipesS3MessageWriterChannel):
    """Uploads what has gathered with a message, and the rest when the session closes.

    The loop of the base looks once a second, so that each job ends up to a second later.
    """

    _uploaded_at = 0.0

    def write_message(self, message: PipesMessage) -> None:
        super().write_message(message)
        if time.monotonic() - self._uploaded_at >= self._interval:
            self._upload()

    @contextmanager
    def buffered_upload_loop(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._upload()

    def _upload(self) -> None:
        messages = self.flush_messages()
        if messages:
            payload = "\n".join(json.dumps(message) for message in messages)
            with translated("s3", f"PutObject {self._key_prefix}/{self._counter}.json"):
                self.upload_messages_chunk(StringIO(payload), self._counter)
            self._counter += 1
            self._uploaded_at = time.monotonic()
