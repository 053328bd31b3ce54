"""A Dagster Pipes session for a job that reports on hours.

`open_pipes_session` of Dagster demands that the step yields every output it declares. The assets of
a source never do (see `components/events.py`), so the session is put together here from its parts.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import dagster as dg
from dagster_aws.pipes import PipesS3ContextInjector
from dagster_pipes import (
    DAGSTER_PIPES_MESSAGES_CLI_ARGUMENT,
    PipesContextData,
    PipesMessage,
    PipesParams,
    decode_param,
)

from etl_platform.aws.clients import client
from etl_platform.aws.s3 import S3
from etl_platform.contract.errors import ObjectMissing
from etl_platform.contract.layout import Location

_CUSTOM: Final = "report_custom_message"


@contextmanager
def pipes_session(context: dg.OpExecutionContext, folder: Location) -> Iterator[dg.PipesSession]:
    """Open a session whose context and messages lie in `folder`; they are read when it closes.

    The job is told the run only: what it has to do stands in its order.
    """
    s3 = client("s3")
    injector = PipesS3ContextInjector(bucket=folder.bucket, client=s3, key_prefix=folder.key)
    reader = _FolderReader(folder)
    handler = dg.PipesMessageHandler(context, reader)
    told = PipesContextData(
        asset_keys=None,
        code_version_by_asset_key=None,
        provenance_by_asset_key=None,
        partition_key=None,
        partition_key_range=None,
        partition_time_window=None,
        run_id=context.run_id,
        job_name=context.job_name,
        retry_number=context.retry_number,
        extras={},
    )
    with injector.inject_context(told) as place, handler.handle_messages() as messages:
        yield dg.PipesSession(
            context_data=told,
            message_handler=handler,
            context_injector_params=place,
            message_reader_params=messages,
            context=context,
        )


class _FolderReader(dg.PipesMessageReader):
    """Reads what a job has written below a folder, once it has ended.

    The reader of dagster-aws scatters messages over the root of the bucket, where no policy lets a
    job write and no rule expires them; its threads look once a second, so that each job would seem
    to end some seconds later than it did.
    """

    def __init__(self, folder: Location) -> None:
        self._params = {"bucket": folder.bucket, "key_prefix": f"{folder.key}messages"}

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[PipesParams]:
        yield self._params
        for message in _messages(self._params):
            handler.handle_message(message)

    def no_messages_debug_text(self) -> str:
        return f"Expected messages below s3://{self._params['bucket']}."


def messages_of(arguments: Mapping[str, str]) -> list[Any]:
    """What a job that was started with these arguments has reported; for a run that another
    session began."""
    told = arguments.get(DAGSTER_PIPES_MESSAGES_CLI_ARGUMENT)
    messages = _messages(decode_param(told)) if told else ()
    return [(said["params"] or {})["payload"] for said in messages if said["method"] == _CUSTOM]


def _messages(params: Mapping[str, Any]) -> Iterator[PipesMessage]:
    number = 1
    while True:
        chunk = Location(params["bucket"], f"{params['key_prefix']}/{number}.json")
        try:
            lines = S3().read(chunk).decode().splitlines()
        except ObjectMissing:
            return
        yield from map(json.loads, lines)
        number += 1
