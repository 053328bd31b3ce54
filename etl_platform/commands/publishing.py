"""The commands of what is published from the tables of sources.

Their modules are imported inside the commands, as in cli.py.
"""

import uuid
from typing import TYPE_CHECKING, Final

import click

from etl_platform.commands.rendering import show, table
from etl_platform.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from etl_platform.aws.warehouse import RedshiftWarehouse
    from etl_platform.publish.shares import PublishedTable


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


@click.command()
@click.argument("share")
@click.argument("names", nargs=-1, required=True)
@click.option("--to", "consumer", required=True, help="The id of a namespace or of an account.")
def share(share: str, names: tuple[str, ...], consumer: str) -> None:
    """Print the DDL of a datashare SHARE with the tables of the sources and aggregates NAMES."""
    from etl_platform.publish.shares import datashare

    _print(datashare(share, _tables(names), consumer))


@click.command()
@click.argument("schema")
@click.option("--region", required=True, help="The Region of the Data Catalog.")
@click.option("--role", required=True, help="The ARN of the role that reads catalog and files.")
@click.option("--reader", "readers", multiple=True, help="A role that may read; repeatable.")
def spectrum(schema: str, region: str, role: str, readers: tuple[str, ...]) -> None:
    """Print the DDL of an external SCHEMA, which shows the Parquet hours in the warehouse."""
    from etl_platform.load.quoting import RoleArn
    from etl_platform.publish.shares import external_schema

    database = Settings.read().names.catalog_database
    _print(external_schema(schema, database, region, RoleArn(role), readers))


@click.command("views")
@click.argument("schema")
@click.argument("names", nargs=-1, required=True)
@click.option("--reader", "readers", multiple=True, help="A role that may read; repeatable.")
def view_ddl(schema: str, names: tuple[str, ...], readers: tuple[str, ...]) -> None:
    """Print the DDL of late-binding views in SCHEMA on the sources and aggregates NAMES."""
    from etl_platform.publish.shares import views

    _print(views(schema, _tables(names), readers))


def _tables(names: "Iterable[str]") -> "list[PublishedTable]":
    from etl_platform.contract.aggregate_files import read_aggregates
    from etl_platform.contract.errors import SourceUnknown
    from etl_platform.contract.reading import read_contracts
    from etl_platform.publish.shares import published

    tables = published(read_contracts().values(), read_aggregates().values())
    for name in names:
        if name not in tables:
            raise SourceUnknown(name, sorted(tables))
    return [tables[name] for name in dict.fromkeys(names)]


def _print(statements: "Iterable[str]") -> None:
    for statement in statements:
        click.echo(f"{statement};")


def _new_connection() -> "RedshiftWarehouse":
    from etl_platform.aws.secrets import read_secret
    from etl_platform.aws.warehouse import connect

    return connect(read_secret(Settings.read().names.service_secret))


COMMANDS: Final = (aggregate,)
WAREHOUSE_COMMANDS: Final = (share, spectrum, view_ddl)
