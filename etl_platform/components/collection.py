"""A schedule for each source without manifests: it writes them, by the clock."""

from collections import Counter

import dagster as dg

from etl_platform.components.s3_to_redshift import job_name
from etl_platform.components.sensor import Clock, utc_now
from etl_platform.contract.errors import PlatformError
from etl_platform.contract.layout import Names
from etl_platform.contract.source import SourceContract
from etl_platform.contract.storage import Storage
from etl_platform.ingest.arrivals import Contracts
from etl_platform.ingest.collecting import Collected, Found, collect, hours_to_collect


def collections(
    contracts: Contracts, storage: Storage, names: Names, clock: Clock = utc_now
) -> list[dg.ScheduleDefinition]:
    """The schedules of all sources that have one in their contracts."""
    return [
        _collection(contract, contract.arrives.schedule, storage, names, clock)
        for contract in contracts.values()
        if contract.arrives is not None
    ]


def _collection(
    contract: SourceContract, cron: str, storage: Storage, names: Names, clock: Clock
) -> dg.ScheduleDefinition:
    source = contract.source

    @dg.schedule(
        name=f"collect_{source}",
        cron_schedule=cron,
        job_name=job_name(source),
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        tags={"source": source},
        description=f"Writes the manifests of the hours of {source} whose files have come. Their"
        " runs are asked for as those of all hours are: a tick here starts none itself.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.SkipReason:
        now = clock()
        done: list[Collected] = []
        try:
            for one in collect(storage, names, contract, hours_to_collect(contract, now), now):
                done.append(one)
                if one.found is Found.WRITTEN:
                    context.log.info(f"{source} {one.hour}: a manifest of {one.files} files")
        except PlatformError as error:
            # The next tick looks at the same hours again.
            context.log.error(str(error))
            return dg.SkipReason(f"{told(done)}; then {error}")
        return dg.SkipReason(told(done))

    return schedule


def told(done: list[Collected]) -> str:
    """What was found, in one line."""
    counts = Counter(one.found for one in done)
    if not counts:
        return "no hour to look at"
    return ", ".join(
        f"{counts[found]} hours: {found}" for found in reversed(Found) if counts[found]
    )
