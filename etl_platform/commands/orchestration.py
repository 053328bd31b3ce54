"""The commands around the runs of Dagster: what was refused, and hours asked for by people.

Their modules are imported inside the commands, as in cli.py.
"""

from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from etl_platform.commands.rendering import RowFormat, json_text, show, table
from etl_platform.contract.hour import Hour
from etl_platform.settings import Settings

if TYPE_CHECKING:
    from etl_platform.components.backfill import Look


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


@click.command()
@click.argument("source")
@click.argument("first")
@click.argument("last")
def backfill(source: str, first: str, last: str) -> None:
    """Load the hours of SOURCE from FIRST to LAST (UTC, as in 2026-11-23-03) that are not loaded.

    It asks the Dagster at ETL_DAGSTER_URL for as few runs as the contract allows, behind all
    others, and follows them. Ended early, it leaves them to go on; given again, it asks for what
    is left.
    """
    from etl_platform.aws.s3 import S3
    from etl_platform.aws.secrets import read_secret
    from etl_platform.aws.warehouse import connect
    from etl_platform.components.backfill import Backfill, Look
    from etl_platform.contract.reading import find_contract
    from etl_platform.dagster_api import DagsterApi
    from etl_platform.status import StatusReader

    settings, contract = Settings.read(), find_contract(source)
    reader = StatusReader(S3(), settings.names, contract)
    hours = (Hour.parse(first), Hour.parse(last))
    with connect(read_secret(settings.names.service_secret)) as warehouse:
        asked = Backfill(contract, reader, warehouse, DagsterApi(settings.dagster_url))
        landed = asked.landed(*hours)
        run_ids = asked.ask(landed)
        with Progress(*_COLUMNS, console=Console(stderr=True)) as progress:
            task = progress.add_task(f"{source} {first} to {last}", total=len(landed), runs=0)

            def show(look: Look) -> None:
                through = len(landed) - len(look.left)
                progress.update(task, completed=through, runs=look.runs_under_way)

            look = asked.follow(landed, run_ids, show)
            show(look)
    _tell(look, len(run_ids))


@click.command()
@click.argument("source")
@click.argument("first", required=False)
@click.argument("last", required=False)
def collect(source: str, first: str | None, last: str | None) -> None:
    """Write the manifests of hours of SOURCE whose files are there, for a source that writes none.

    FIRST to LAST (UTC) is for hours that the schedule of the source no longer looks at. A manifest
    that lists just the files that are there is left as it is.
    """
    from datetime import UTC, datetime

    from etl_platform.aws.s3 import S3
    from etl_platform.contract.reading import find_contract
    from etl_platform.ingest.collecting import Found, hours_to_collect
    from etl_platform.ingest.collecting import collect as collected

    contract, now = find_contract(source), datetime.now(UTC)
    if first is not None:
        hours = list(Hour.parse(first).through(Hour.parse(last or first)))
    else:
        hours = list(hours_to_collect(contract, now))
    if not hours:
        raise click.UsageError(f"{source} has no `arrives` in its contract: say which hours")
    for one in collected(S3(), Settings.read().names, contract, hours, now):
        if one.found is not Found.NOTHING:
            click.echo(f"{one.hour}: {one.files} files; {one.found}")


_COLUMNS: Final = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("hours, {task.fields[runs]} runs under way"),
    TimeElapsedColumn(),
)


def _tell(look: "Look", runs: int) -> None:
    for hour, why in look.blocked.items():
        click.echo(f"blocked: {hour}: {why}", err=True)
    for failure in look.failures:
        click.echo(f"a run failed: {failure}", err=True)
    click.echo(
        f"{len(look.landed)} hours landed, {len(look.loaded)} loaded, {len(look.blocked)} blocked,"
        f" {len(look.left)} left; {runs} runs"
    )
    if not look.is_whole:
        raise click.exceptions.Exit(1)


COMMANDS: Final = (refused, backfill, collect)
