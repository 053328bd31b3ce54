"""The commands of what is published from the tables of sources.

Their modules are imported inside the commands, as in cli.py.
"""

import uuid
from typing import TYPE_CHECKING, Final

import click

from etl_platform.rendering import show, table
from etl_platform.settings import Settings

if TYPE_CHECKING:
    from etl_platform.aws.warehouse import RedshiftWarehouse


@click.command()
@click.argument("name", required=False)
@click.option("--whole", is_flag=True, help="Make every row anew, whatever has changed.")
def aggregate(name: str | None, whole: bool) -> None:
    """Bring the aggregate NAME up to date, or every aggregate; say what was made anew."""
    from etl_platform.contract.aggregate_files import find_aggregate, read_aggregates
    from etl_platform.publish.refresh import Refresher
    from etl_platform.publish.tables import AggregateTable

    wanted = [find_aggregate(name)] if name else list(read_aggregates().values())
    run_id = f"by-hand-{uuid.uuid4().hex}"
    rows = []
    for one in wanted:
        done = Refresher(AggregateTable(one), run_id, _new_connection).refresh(whole=whole)
        rows.append(
            (
                one.contract.aggregate,
                done.made_anew,
                done.cause,
                len(done.hours) if done.hours else None,
                done.rows_deleted,
                done.rows_inserted,
            )
        )
    show(table(("aggregate", "made anew", "because", "hours", "deleted", "inserted"), rows))


def _new_connection() -> "RedshiftWarehouse":
    from etl_platform.aws.secrets import read_secret
    from etl_platform.aws.warehouse import connect

    return connect(read_secret(Settings.read().names.service_secret))


COMMANDS: Final = (aggregate,)
