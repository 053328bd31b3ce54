"""The commands that bring tables to what their contracts ask for.

Their modules are imported inside the commands, as in cli.py.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click

from etl_platform.contract.errors import Terminal
from etl_platform.settings import Settings

if TYPE_CHECKING:
    from etl_platform.aws.warehouse import RedshiftWarehouse
    from etl_platform.load.evolution import Change
    from etl_platform.load.target import Target


@click.command()
@click.argument("source", required=False)
def plan(source: str | None) -> None:
    """Print the statements that `apply` would send for SOURCE, or for every source."""
    from etl_platform.load import evolution

    def planned(target: "Target") -> "list[Change]":
        with _new_connection() as warehouse:
            return evolution.plan(warehouse, target)

    _each(source, planned)


@click.command()
@click.argument("source", required=False)
def apply(source: str | None) -> None:
    """Bring the tables of SOURCE, or of every source, to what the contracts ask for."""
    from etl_platform.load import evolution

    _each(source, lambda target: evolution.apply(_new_connection, target))


def _each(source: str | None, work: "Callable[[Target], list[Change]]") -> None:
    """Print what came of each source. One that is refused does not stop the others."""
    from etl_platform.contract.reading import find_contract, read_contracts
    from etl_platform.load.target import Target

    contracts = [find_contract(source)] if source else list(read_contracts().values())
    refused = False
    for contract in contracts:
        try:
            changes = work(Target(contract))
        except Terminal as error:
            click.echo(f"-- {contract.source}: {error}", err=True)
            refused = True
        else:
            _print(contract.source, changes)
    if refused:
        raise SystemExit(1)


def _print(source: str, changes: "list[Change]") -> None:
    click.echo(f"-- {source}: {len(changes)} statements" if changes else f"-- {source}: no change")
    for change in changes:
        where = ", outside of a transaction" if change.alone else ""
        click.echo(f"-- {change.why}{where}\n{change.statement};")


def _new_connection() -> "RedshiftWarehouse":
    from etl_platform.aws.secrets import read_secret
    from etl_platform.aws.warehouse import connect

    return connect(read_secret(Settings.read().names.service_secret))


WAREHOUSE_COMMANDS: Final = (plan, apply)
