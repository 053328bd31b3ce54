"""Makes what refreshes need in a warehouse. Each part can be repeated, and changes nothing then.

The schemas are the admin's to make, the tables those of the service user, as in load/bootstrap.py.
"""

from collections.abc import Iterable, Mapping

from etl_platform.contract.aggregate import AggregateDefinition
from etl_platform.contract.errors import SettingInvalid, TargetDiffers
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import ddl
from etl_platform.load.quoting import Identifier, QualifiedName
from etl_platform.load.target import PLATFORM_SCHEMA
from etl_platform.publish import sql
from etl_platform.publish.refresh import REFRESH_COLUMNS
from etl_platform.publish.tables import REFRESHES_PREFIX, REFRESHES_VIEW, AggregateTable


def prepare_as_admin(
    warehouse: Warehouse, aggregates: Iterable[AggregateDefinition], *, user: str
) -> None:
    """Make the schemas, for the service user to make tables in."""
    for name in sorted({aggregate.contract.schema_name for aggregate in aggregates}):
        schema = Identifier(name)
        warehouse.execute(ddl.create_schema(schema), name=f"schema {name}")
        grant = ddl.grant_schema(schema, Identifier(user))
        warehouse.execute(grant, name=f"the grant on schema {name}")
    warehouse.commit()


def prepare_as_service(
    warehouse: Warehouse,
    aggregates: Iterable[AggregateDefinition],
    taken: Mapping[QualifiedName, str],
) -> tuple[QualifiedName, ...]:
    """Make the tables of each aggregate; the names of those that were new.

    `taken` are the tables of sources, with the names of these.
    """
    tables = [AggregateTable(aggregate) for aggregate in aggregates]
    owners = dict(taken)
    for table in tables:
        if owners.setdefault(table.table, table.name) != table.name:
            raise SettingInvalid(
                f"table of {table.name}",
                f"names {table.table}, which is the table of {owners[table.table]}",
                "a table of its own for each aggregate",
            )
    created = tuple(table.table for table in tables if _prepare(warehouse, table))
    _join_refreshes(warehouse)
    warehouse.commit()
    return created


def _join_refreshes(warehouse: Warehouse) -> None:
    """The view over all histories, those of aggregates that have no contract any more included."""
    schema = Identifier(PLATFORM_SCHEMA)
    found = warehouse.fetch(ddl.tables_in(schema, REFRESHES_PREFIX), name="the list of refreshes")
    histories = [QualifiedName.of(PLATFORM_SCHEMA, str(name)) for (name,) in found]
    if histories:
        names = [name for name, _ in REFRESH_COLUMNS]
        view = ddl.create_view_over(REFRESHES_VIEW, histories, names)
        warehouse.execute(view, name="the view over the refreshes")


def _prepare(warehouse: Warehouse, table: AggregateTable) -> bool:
    warehouse.execute(ddl.create_guard(table.guard), name=f"the guard of {table.table}")
    warehouse.execute(sql.create_seen(table.seen), name=f"the batches of {table.table}")
    refreshes = sql.create_refreshes(table.refreshes, REFRESH_COLUMNS)
    warehouse.execute(refreshes, name=f"the refreshes of {table.table}")
    rows = warehouse.fetch(ddl.columns_of(table.table), name=f"the columns of {table.table}")
    if rows:
        _refuse_differences(table, [(str(n), str(k), bool(r)) for n, k, r in rows])
        return False
    warehouse.execute(sql.create_table(table), name=f"table {table.table}")
    # A table that was dropped and made again has no rows: nothing beside it may say otherwise.
    for companion in (table.seen, table.refreshes):
        warehouse.execute(ddl.forget(companion), name=f"what belongs to {table.table}")
    return True


def _refuse_differences(table: AggregateTable, found: list[tuple[str, str, bool]]) -> None:
    wanted = [(c.name.name, c.catalog_type, c.required) for c in table.columns]
    if found != wanted:
        has = [_spell(*column) for column in found if column not in wanted]
        lacks = [_spell(*column) for column in wanted if column not in found]
        raise TargetDiffers(
            str(table.table),
            f"it has {', '.join(has) or 'not the same columns in order'}",
            f"{', '.join(lacks) or 'the columns of the contract'}; an aggregate may be dropped:"
            " bootstrap and the next refresh make it again",
        )


def _spell(name: str, kind: str, required: bool) -> str:
    return f"{name} {kind}{' not null' if required else ''}"
