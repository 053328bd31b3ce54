"""The commands around the runs of Dagster: what was refused, and hours asked for by people.

Their modules are imported inside the commands, as in cli.py.
"""

from typing import Final

import click

from etl_platform.rendering import RowFormat, json_text, show, table
from etl_platform.settings import Settings


@click.command()
@click.option(
    "--last",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="How many to show at most.",
)
@click.option("--delete", is_flag=True, help="Delete those that are shown.")
@click.option(
    "--format",
    "row_format",
    type=click.Choice([RowFormat.TABLE.value, RowFormat.JSON.value]),
    default=RowFormat.TABLE.value,
    show_default=True,
    help="How to write them.",
)
def refused(last: int, delete: bool, row_format: str) -> None:
    """Show the messages that no run could be asked for, and why.

    They are kept for 14 days. What is wrong with them has to be corrected where they come from.
    """
    from etl_platform.aws.queue import Queue
    from etl_platform.ingest.dead_letters import LETTER_COLUMNS, letter_row, look, take

    queue = Queue(Settings.read().names.dead_letter_queue)
    rows = [letter_row(letter) for letter in (take if delete else look)(queue, last)]
    if row_format == RowFormat.JSON:
        click.echo(json_text(LETTER_COLUMNS, rows), nl=False)
    elif rows:
        show(table(LETTER_COLUMNS, rows))
    else:
        click.echo("nothing was refused", err=True)


COMMANDS: Final = (refused,)
