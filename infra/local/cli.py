"""The commands of the laptop, `etl-platform local` and `etl-platform demo`."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from etl_platform.commands.rendering import table
from infra.local.errors import LocalStackError

CHECKOUT = Path(__file__).parents[2]

state_dir_option = click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=CHECKOUT / ".etl",
    show_default=".etl in the checkout",
    help="Where everything that the laptop holds is kept.",
)


@click.group()
def local() -> None:
    """Run the platform's AWS on this machine."""


@local.command()
@state_dir_option
def up(state_dir: Path) -> None:
    """Start everything that does not run yet, and deploy what has changed.

    A Dagster that the demo left running reads its definitions again.
    """
    from infra.local.laptop import bring_up, reload_dagster

    console = Console(stderr=True)
    with _said():
        bring_up(state_dir, console)
        reload_dagster(state_dir, console)
    _print_status(state_dir)


@local.command()
@state_dir_option
def status(state_dir: Path) -> None:
    """Show the servers and where they listen; exit 1 if one does not run."""
    if not _print_status(state_dir):
        raise click.exceptions.Exit(1)


@local.command()
@state_dir_option
@click.option("--reset", is_flag=True, help="Delete everything that the laptop holds, too.")
def down(state_dir: Path, reset: bool) -> None:
    """Stop everything; its data stays for the next time."""
    from infra.local.laptop import take_down

    with _said():
        take_down(state_dir, Console(stderr=True), reset=reset)


@local.command()
@state_dir_option
def env(state_dir: Path) -> None:
    """Print the variables of the laptop's AWS, for `eval "$(etl-platform local env)"`."""
    from infra.local.stack import LocalStack

    with _said():
        variables = LocalStack(state_dir).environment()
    for name, value in variables.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@local.command()
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the data are kept; without it they are gone at the end.",
)
@click.option("--port", default=5439, show_default=True, help="0 takes a free one.")
@click.option("--database", default="dev", show_default=True)
@click.option("--user", default="admin", show_default=True, help="A superuser.")
@click.option("--password", default="Laptop-Admin-1", show_default=True)
@click.option(
    "--isolation",
    type=click.Choice(["snapshot", "serializable"], case_sensitive=False),
    default="snapshot",
    show_default=True,
    help="The level of new clusters, or of clusters made before May 2024.",
)
@click.option("--s3-endpoint", help="The URL of the S3 of COPY and UNLOAD; AWS's own if left out.")
def redshift(
    state_dir: Path | None,
    port: int,
    database: str,
    user: str,
    password: str,
    isolation: str,
    s3_endpoint: str | None,
) -> None:
    """Run the laptop's Redshift alone, until Ctrl-C."""
    from infra.local.redshift import command
    from infra.local.redshift.service import Service

    if s3_endpoint is not None:
        command.use_s3(s3_endpoint)
    with _said(), command.state_of(state_dir) as folder:
        command.serve(Service(folder, port, database, user, password, isolation.upper()))


@click.command()
@state_dir_option
@click.option("--stop", is_flag=True, help="End what an earlier demo has left running.")
def demo(state_dir: Path, stop: bool) -> None:
    """Land two days of real data and watch the platform load them; the UI is left running."""
    from infra.local.demo.story import tell
    from infra.local.laptop import take_down

    console = Console()
    with _said():
        if stop:
            take_down(state_dir, console)
        elif not tell(state_dir, console):
            raise click.exceptions.Exit(1)


def _print_status(state_dir: Path) -> bool:
    from infra.local.stack import LocalStack

    servers = LocalStack(state_dir).status()
    rows = [
        (
            server.name,
            "running" if server.is_running else "stopped",
            f"127.0.0.1:{server.port}" if server.is_running else None,
            server.pid,
            str(server.log_file),
        )
        for server in servers
    ]
    Console().print(table(("server", "state", "address", "pid", "log"), rows))
    return all(server.is_running for server in servers)


@contextmanager
def _said() -> Iterator[None]:
    """Say what is wrong with the laptop in one message."""
    try:
        yield
    except LocalStackError as error:
        raise click.ClickException(str(error)) from error
