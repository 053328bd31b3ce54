"""A Dagster Pipes session for a job that reports on hours.

`open_pipes_session` of Dagster demands that the step yields every output it declares. The assets of
a source never do (see `components/events.py`), so the session is put together here from its parts.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster_aws.pipes import PipesS3ContextInjector, PipesS3MessageReader
from dagster_pipes import PipesContextData

from etl_platform.aws.clients import client
from etl_platform.contract.layout import Location


@contextmanager
def pipes_session(
    context: dg.OpExecutionContext, folder: Location, interval_s: float
) -> Iterator[dg.PipesSession]:
    """Open a session whose context and messages lie in `folder`; messages are read every interval.

    The job is told the run only: what it has to do stands in its order.
    """
    s3 = client("s3")
    injector = PipesS3ContextInjector(bucket=folder.bucket, client=s3, key_prefix=folder.key)
    # A reader counts the messages of one session: a shared one would miss the first ones.
    reader = PipesS3MessageReader(bucket=folder.bucket, client=s3, interval=interval_s)
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
