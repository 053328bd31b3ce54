"""Everything that Dagster knows: the sources and aggregates of etl_platform/defs, the sensors, the
resources."""

from pathlib import Path

import dagster as dg

from etl_platform.aws.athena import Athena
from etl_platform.aws.queue import Queue
from etl_platform.aws.s3 import S3
from etl_platform.aws.secrets import read_secret
from etl_platform.aws.warehouse import RedshiftWarehouse, connect
from etl_platform.components.aggregate import aggregates_sensor
from etl_platform.components.checks.definitions import Edges, checks
from etl_platform.components.collection import collections
from etl_platform.components.forgotten import ledgers
from etl_platform.components.glue_jobs import GlueJobs
from etl_platform.components.retention import retention
from etl_platform.components.sensor import Queues, manifest_sensor
from etl_platform.components.sweep import manifest_sweep
from etl_platform.contract.aggregate_files import read_aggregates
from etl_platform.contract.reading import read_contracts
from etl_platform.settings import Settings, apply_environment_file


@dg.definitions
def defs() -> dg.Definitions:
    apply_environment_file()
    settings = Settings.read()
    # First, because they name the line of a mistake: Dagster would tell of it in its own way, and
    # it reads one file at a time, where two may have one table.
    contracts = read_contracts()
    read_aggregates()
    sources = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    names, jobs = settings.names, list(sources.jobs or ())
    queues = Queues(Queue(names.queue), Queue(names.dead_letter_queue))
    athena = Athena(settings.namespace, names.catalog_database)

    def new_connection() -> RedshiftWarehouse:
        return connect(read_secret(names.service_secret))

    sensors = [
        manifest_sensor(contracts, queues, jobs),
        manifest_sweep(contracts, S3(), names, ledgers(new_connection), jobs),
        aggregates_sensor(),
    ]
    return dg.Definitions.merge(
        sources,
        retention(),
        checks(contracts, Edges(names, S3(), new_connection, athena.count_rows)),
        dg.Definitions(
            sensors=sensors,
            schedules=collections(contracts, S3(), names),
            resources={"glue_jobs": GlueJobs(namespace=settings.namespace)},
            # The steps only wait for Glue: a process for each would cost seconds and memory.
            executor=dg.in_process_executor,
        ),
    )
