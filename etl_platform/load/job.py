"""The Glue entry of the load: Parquet files of an order to rows in Redshift."""

import argparse
import sys
import uuid
from collections.abc import Iterator

from etl_platform.aws.job import job_run
from etl_platform.aws.s3 import S3
from etl_platform.aws.secrets import read_secret
from etl_platform.aws.warehouse import RedshiftWarehouse, connect
from etl_platform.contract.layout import Names
from etl_platform.contract.order import Order, Report
from etl_platform.load.converted import read_commits
from etl_platform.load.ledger import Run
from etl_platform.load.locking import USUAL, Patience
from etl_platform.load.quoting import RoleArn
from etl_platform.load.target import Target
from etl_platform.load.transaction import Loader


def load_order(
    order: Order,
    role: RoleArn,
    run_id: str,
    dagster_run_id: str | None = None,
    patience: Patience = USUAL,
) -> Iterator[Report]:
    """Load the batches of an order, and say of each hour what came of it."""
    names, storage = Names(order.namespace), S3()

    def new_connection() -> RedshiftWarehouse:
        # Read for each connection: a password that was rotated meanwhile is the new one.
        return connect(read_secret(names.service_secret))

    commits, blocked = read_commits(order, storage)
    yield from blocked
    loader = Loader(
        Target(order.contract),
        names,
        role,
        Run(order.order_id, run_id, dagster_run_id),
        new_connection,
        storage,
        patience=patience,
    )
    yield from loader.load(commits)


def main(arguments: list[str]) -> None:
    """Run the job; Glue gives JOB_RUN_ID, a run by hand gets an id of its own."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--copy_role_arn", required=True, help="the role that COPY takes on")
    parser.add_argument("--JOB_RUN_ID", default=f"by-hand-{uuid.uuid4().hex}")
    parser.add_argument("--dagster_run", help="the run of Dagster that asks; none by hand")
    parser.add_argument("--lock_wait_s", type=_positive, default=USUAL.at_most_s)
    parser.add_argument("--lock_look_every_s", type=_positive, default=USUAL.look_every_s)
    parser.add_argument("--lock_lease_s", type=_positive, default=USUAL.lease_s)
    known, _ = parser.parse_known_args(arguments)
    role = RoleArn(known.copy_role_arn)
    patience = Patience(known.lock_wait_s, known.lock_look_every_s, known.lock_lease_s)
    with job_run(arguments) as run:
        for report in load_order(run.order, role, known.JOB_RUN_ID, known.dagster_run, patience):
            run.report(report)


def _positive(text: str) -> int:
    if (seconds := int(text)) < 1:
        raise ValueError
    return seconds


if __name__ == "__main__":
    main(sys.argv[1:])
