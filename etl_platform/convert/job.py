"""The Glue job `convert`: raw files of an order to committed Parquet."""

import sys

from etl_platform.aws.catalog import GlueCatalog
from etl_platform.aws.job import job_run
from etl_platform.aws.s3 import S3
from etl_platform.contract.layout import Names
from etl_platform.convert.conversion import convert, engine_for


def main(arguments: list[str]) -> None:
    """Carry out the order that the arguments name, with a report on every hour."""
    with job_run(arguments) as run:
        catalog = GlueCatalog(Names(run.order.namespace).catalog_database)
        for report in convert(run.order, engine_for(run.order), S3(), catalog):
            run.report(report)


if __name__ == "__main__":
    main(sys.argv[1:])
