"""DDL that publishes beyond the own schemas, as text for an administrator to look at and run.

Datashares and external schemas act on other warehouses and on the account, and need rights that
neither user of the platform has: so they are printed, and no command runs them.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from etl_platform.contract.aggregate import AggregateDefinition
from etl_platform.contract.errors import SettingInvalid
from etl_platform.contract.source import SourceContract
from etl_platform.load.quoting import (
    Identifier,
    Literal,
    QualifiedName,
    RoleArn,
    Sql,
    compose,
    joined,
)
from etl_platform.load.target import Target
from etl_platform.publish.tables import AggregateTable

_NAMESPACE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]", re.ASCII)


@dataclass(frozen=True)
class PublishedTable:
    """A table of a source or of an aggregate, with the columns that people read."""

    name: QualifiedName
    columns: tuple[Identifier, ...]


def published(
    contracts: Iterable[SourceContract], aggregates: Iterable[AggregateDefinition]
) -> dict[str, PublishedTable]:
    """Every table that can be published, by the name of its source or aggregate."""
    tables: dict[str, Target | AggregateTable] = {c.source: Target(c) for c in contracts}
    tables |= {one.contract.aggregate: AggregateTable(one) for one in aggregates}
    return {
        name: PublishedTable(of.table, tuple(column.name for column in of.columns))
        for name, of in tables.items()
    }


def datashare(share: str, tables: Sequence[PublishedTable], consumer: str) -> list[Sql]:
    """Share tables, live and without a copy, with another namespace or account.

    `consumer` is the id of a Redshift namespace or of an AWS account. Syntax:
    https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_DATASHARE.html and its neighbours. Raises
    SettingInvalid for any other consumer.
    """
    name = Identifier(share)
    schemas = dict.fromkeys(table.name.schema for table in tables)
    return [
        compose("CREATE DATASHARE {share}", share=name),
        *(
            compose("ALTER DATASHARE {share} ADD SCHEMA {schema}", share=name, schema=schema)
            for schema in schemas
        ),
        *(
            compose("ALTER DATASHARE {share} ADD TABLE {table}", share=name, table=table.name)
            for table in tables
        ),
        compose(
            "GRANT USAGE ON DATASHARE {share} TO {consumer}",
            share=name,
            consumer=_consumer(consumer),
        ),
    ]


def _consumer(consumer: str) -> Sql:
    if _NAMESPACE.fullmatch(consumer):
        return compose("NAMESPACE {id}", id=Literal(consumer))
    if _ACCOUNT.fullmatch(consumer):
        return compose("ACCOUNT {id}", id=Literal(consumer))
    raise SettingInvalid(
        "--to", f"is {consumer!r}", "the id of a Redshift namespace, or an account of 12 digits"
    )


def external_schema(
    schema: str, database: str, region: str, role: RoleArn, readers: Sequence[str]
) -> list[Sql]:
    """Show the Parquet of the Data Catalog's database in the warehouse, through Spectrum.

    Syntax: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_EXTERNAL_SCHEMA.html. The right
    to read is given on the whole schema: SELECT on one external table cannot be granted.
    """
    if not _REGION.fullmatch(region):
        raise SettingInvalid("--region", f"is {region!r}", "a Region of AWS, as eu-west-1")
    return [
        compose(
            "CREATE EXTERNAL SCHEMA IF NOT EXISTS {schema} FROM DATA CATALOG DATABASE {database}"
            " REGION {region} IAM_ROLE {role}",
            schema=Identifier(schema),
            database=Literal(database),
            region=Literal(region),
            role=role,
        ),
        *(
            compose(
                "GRANT USAGE ON SCHEMA {schema} TO ROLE {role}",
                schema=Identifier(schema),
                role=Identifier(reader),
            )
            for reader in readers
        ),
    ]


def views(schema: str, tables: Sequence[PublishedTable], readers: Sequence[str]) -> list[Sql]:
    """Views that keep their names and their grants when the tables behind them are made again.

    WITH NO SCHEMA BINDING, a view looks its table up when it is read, so that no view stands in the
    way of a DROP (https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html).
    """
    shelf = Identifier(schema)
    made = [compose("CREATE SCHEMA IF NOT EXISTS {schema}", schema=shelf)]
    for table in tables:
        made.append(
            compose(
                "CREATE OR REPLACE VIEW {view} AS SELECT {columns} FROM {table}"
                " WITH NO SCHEMA BINDING",
                view=QualifiedName(shelf, table.name.table),
                columns=joined(table.columns),
                table=table.name,
            )
        )
    for reader in readers:
        role = Identifier(reader)
        made.append(
            compose("GRANT USAGE ON SCHEMA {schema} TO ROLE {role}", schema=shelf, role=role)
        )
        made += [
            compose(
                "GRANT SELECT ON {view} TO ROLE {role}",
                view=QualifiedName(shelf, table.name.table),
                role=role,
            )
            for table in tables
        ]
    return made
