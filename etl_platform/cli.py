"""The command `etl-platform`. Its work is done in the modules that it names; here is only talk.

They are imported inside the commands: `--help` does not wait for boto3 and pyarrow.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from etl_platform.commands import conversion, orchestration, publishing, schema
from etl_platform.commands.rendering import RowFormat, csv_text, json_text, show, table
from etl_platform.contract.errors import PlatformError
from etl_platform.contract.hour import Hour
from etl_platform.settings import Settings, apply_environment_file

_LAPTOP_COMMANDS = {"local", "demo"}
_INTERRUPTED = 130


class PlatformGroup(click.Group):
    """Says expected errors in one message, and takes the laptop's commands from infra/local."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PlatformError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            # The reader, `head` say, has enough. Click ends quietly.
            raise
        except OSError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            # Click itself would end with 1, as if the command had failed.
            ctx.exit(_INTERRUPTED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_LAPTOP_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LAPTOP_COMMANDS:
            return super().get_command(ctx, cmd_name)
        try:
            command: click.Command = getattr(import_module("infra.local.cli"), cmd_name)
        except ModuleNotFoundError as error:
            return _unavailable(cmd_name, str(error.name))
        return command


def _unavailable(name: str, module: str) -> click.Command:
    @click.command(name, short_help="Not installed here.", add_help_option=False)
    @click.argument("_", nargs=-1, type=click.UNPROCESSED)
    def refuse(_: tuple[str, ...]) -> None:
        raise click.ClickException(
            f"`etl-platform {name}` needs a checkout with its extra `local`, and {module} is not"
            " installed. Run: pip install -e '.[local]'"
        )

    refuse.ignore_unknown_options = True
    return refuse


@click.group(cls=PlatformGroup)
@click.version_option(package_name="etl-platform")
def cli() -> None:
    """Hourly files in Amazon S3 to rows in Amazon Redshift."""
    apply_environment_file()


@cli.command()
@click.argument("source")
@click.argument("hour")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def land(source: str, hour: str, files: tuple[Path, ...]) -> None:
    """Upload FILES as the HOUR (UTC, as in 2026-11-23-03) of SOURCE, then its manifest."""
    from etl_platform.aws.s3 import S3
    from etl_platform.contract.reading import find_contract
    from etl_platform.ingest.landing import Landing

    landing = Landing(S3(), Settings.read().names, find_contract(source))
    landing.check(Hour.parse(hour), files)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        total = sum(file.stat().st_size for file in files)
        task = progress.add_task(f"{source} {hour}", total=total)
        landed = landing.land(
            Hour.parse(hour), files, lambda size_bytes: progress.advance(task, size_bytes)
        )
    click.echo(landed.manifest)


_format_option = click.option(
    "--format",
    "row_format",
    type=click.Choice([choice.value for choice in RowFormat]),
    default=RowFormat.TABLE.value,
    help="How to write the rows.",
)


@cli.command()
@click.argument("statement")
@_format_option
def sql(statement: str, row_format: str) -> None:
    """Run one SQL STATEMENT in the warehouse as the service user."""
    from etl_platform.aws.secrets import read_secret
    from etl_platform.aws.warehouse import connect

    with connect(read_secret(Settings.read().names.service_secret)) as warehouse:
        answer = warehouse.ask(statement)
    if answer.columns:
        _write(answer.columns, answer.rows, row_format)
    else:
        click.echo(f"{answer.rows_changed} rows changed", err=True)


@cli.command()
@click.argument("source")
@click.option(
    "--last",
    type=click.IntRange(1, 100_000),
    default=48,
    show_default=True,
    help="How many batches to show, those that were loaded last.",
)
@click.option("--all", "every", is_flag=True, help="Every column, as CSV and JSON always have.")
@_format_option
def ledger(source: str, last: int, every: bool, row_format: str) -> None:
    """Print the ledger of SOURCE: what was loaded, when, of which manifest and by which run."""
    from etl_platform.aws.secrets import read_secret
    from etl_platform.aws.warehouse import connect
    from etl_platform.contract.reading import find_contract
    from etl_platform.load import ledger as entries
    from etl_platform.load.target import Target

    target = Target(find_contract(source))
    with connect(read_secret(Settings.read().names.service_secret)) as warehouse:
        found = entries.latest(warehouse, target, last)
    if row_format == RowFormat.TABLE and not every:
        rows = [entry.narrow for entry in found]
        show(table(entries.NARROW, rows, title=f"{source}, by when it was loaded (UTC)"))
    else:
        _write(entries.SHOWN, [entry.shown for entry in found], row_format)


@cli.command()
@click.argument("source")
@click.argument("hour")
@click.argument("hour_to", required=False)
@click.option("--rows", is_flag=True, help="Compare every row with the Parquet files, too.")
def reconcile(source: str, hour: str, hour_to: str | None, rows: bool) -> None:
    """Count HOUR of SOURCE (or all hours up to HOUR_TO) again: raw, Parquet, ledger and table.

    Ends with 1 if a difference has no explanation, or if no hour of these has landed.
    """
    from etl_platform import reconcile as counting
    from etl_platform.aws import glue
    from etl_platform.aws.s3 import S3
    from etl_platform.aws.secrets import read_secret
    from etl_platform.aws.warehouse import connect
    from etl_platform.contract.reading import find_contract
    from etl_platform.load.quoting import RoleArn
    from etl_platform.status import StatusReader

    names, contract = Settings.read().names, find_contract(source)
    first, last = Hour.parse(hour), Hour.parse(hour_to or hour)
    reader = StatusReader(S3(), names, contract)
    hours = [landed for landed in reader.landed_hours() if first <= landed <= last]
    role = RoleArn(glue.default_argument(names.load_job, "--copy_role_arn")) if rows else None
    with connect(read_secret(names.service_secret)) as warehouse:
        counts = [
            (one, counting.findings(contract, one))
            for one in counting.recount(reader, warehouse, hours, role)
        ]
        counted = [one for one, _ in counts]
        strangers = counting.strangers(contract, warehouse, counted) if rows else []
    title = f"{source}, by hour (UTC){', every row compared' if rows else ''}"
    shown = [*(counting.row(one, found) for one, found in counts), *strangers]
    show(table(counting.COLUMNS, shown, title=title))
    is_explained = all(one.is_explained for _, found in counts for one in found)
    if not counts or strangers or not is_explained:
        raise SystemExit(1)


def _write(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    row_format: str,
    title: str | None = None,
) -> None:
    if row_format == RowFormat.CSV:
        click.echo(csv_text(columns, rows), nl=False)
    elif row_format == RowFormat.JSON:
        click.echo(json_text(columns, rows), nl=False)
    else:
        show(table(columns, rows, title))


@cli.command()
@click.argument("source", required=False)
@click.option(
    "--last",
    type=click.IntRange(1, 1000),
    default=48,
    show_default=True,
    help="How many hours to look at, the newest landed ones.",
)
def status(source: str | None, last: int) -> None:
    """Show how far the hours of SOURCE have come, or in sum those of every source."""
    from etl_platform import status as report
    from etl_platform.aws.s3 import S3
    from etl_platform.aws.secrets import read_secret
    from etl_platform.aws.warehouse import connect
    from etl_platform.contract.reading import find_contract, read_contracts

    names = Settings.read().names
    contracts = [find_contract(source)] if source else list(read_contracts().values())
    with connect(read_secret(names.service_secret)) as warehouse:
        hours = {
            contract.source: report.StatusReader(S3(), names, contract).newest(warehouse, last)
            for contract in contracts
        }
    if source:
        rows = [report.hour_row(hour) for hour in hours[source]]
        show(table(report.HOUR_COLUMNS, rows, title=f"{source}, by hour (UTC)"))
    else:
        rows = [report.summary_row(name, statuses) for name, statuses in hours.items()]
        show(table(report.SUMMARY_COLUMNS, rows, title=f"The newest {last} landed hours"))


@cli.command()
@click.argument("source")
@click.argument("first", required=False)
@click.argument("last", required=False)
@_format_option
def hours(source: str, first: str | None, last: str | None, row_format: str) -> None:
    """Say which hours of SOURCE are loaded, corrected, stale, landed, blocked or missing.

    FIRST to LAST (UTC); without them, the hours that its contract says are due now. An hour is
    missing if it is due and has no manifest, and stale if a newer manifest waits.
    """
    from datetime import UTC, datetime

    from etl_platform import hour_states
    from etl_platform.aws.s3 import S3
    from etl_platform.aws.secrets import read_secret
    from etl_platform.aws.warehouse import connect
    from etl_platform.contract.reading import find_contract
    from etl_platform.load import ledger as entries
    from etl_platform.load.target import Target
    from etl_platform.status import StatusReader

    contract, now = find_contract(source), datetime.now(UTC)
    expected, limits = contract.expected, (contract.starts, contract.ends, now)
    if first is not None:
        wanted = list(Hour.parse(first).through(Hour.parse(last or first)))
    else:
        wanted = expected.due(*limits)
    if not wanted:
        raise click.UsageError(
            f"there is no hour to look at: none of {source} is due now, or LAST is before FIRST"
        )
    due = {hour for hour in wanted if expected.is_due(hour, *limits)}
    names = Settings.read().names
    with connect(read_secret(names.service_secret)) as warehouse:
        known = entries.between(warehouse, Target(contract), wanted[0], wanted[-1])
    found = hour_states.look(StatusReader(S3(), names, contract), wanted, due, known)
    rows = list(hour_states.rows(found))
    _write(hour_states.COLUMNS, rows, row_format, f"{source}, by stretches of hours (UTC)")


@cli.group()
def warehouse() -> None:
    """Prepare the warehouse, and print what publishes from it."""


@warehouse.command()
def bootstrap() -> None:
    """Make schemas, the service user and every table; what is there stays."""
    from etl_platform.preparation import prepare_warehouse

    created = prepare_warehouse(Settings.read().names)
    click.echo(f"created {', '.join(created)}" if created else "every table was there already")


for command in (*conversion.COMMANDS, *orchestration.COMMANDS, *publishing.COMMANDS):
    cli.add_command(command)
for command in (*publishing.WAREHOUSE_COMMANDS, *schema.WAREHOUSE_COMMANDS):
    warehouse.add_command(command)


def main() -> None:
    """The entry point."""
    cli()
