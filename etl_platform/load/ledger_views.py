"""The two views of bootstrap: the ledgers of all sources as one, and what they say of each hour.

A ledger of an older release gets the columns that it lacks, its rows with nulls in them.
"""

from collections.abc import Sequence

from etl_platform.contract.errors import ViewsDepend
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import ddl, ledger, ledger_sql, replacement
from etl_platform.load.quoting import Identifier, QualifiedName, Sql
from etl_platform.load.target import HOURS_VIEW, LEDGER_PREFIX, LEDGER_VIEW, PLATFORM_SCHEMA

_COLUMNS = {LEDGER_VIEW: ledger.COLUMN_NAMES, HOURS_VIEW: ledger_sql.HOUR_COLUMNS}


def make(warehouse: Warehouse) -> None:
    """Make the views, over the ledgers of sources that have no contract any more too."""
    ledgers = _ledgers(warehouse)
    if not ledgers:
        return
    for name, columns in ledgers.items():
        _add_missing(warehouse, name, columns)
    # Redshift replaces a view only by one of the same columns:
    # https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
    grants = _dropped(warehouse) if any(_is_old(warehouse, view) for view in _COLUMNS) else []
    joined = ddl.create_view_over(LEDGER_VIEW, ledgers, ledger.COLUMN_NAMES)
    warehouse.execute(joined, name="the view over the ledgers")
    hours = ledger_sql.create_hours(HOURS_VIEW, LEDGER_VIEW)
    warehouse.execute(hours, name="the view of the hours")
    for grant in grants:
        warehouse.execute(grant, name="a grant on a view")


def _ledgers(warehouse: Warehouse) -> dict[QualifiedName, list[str]]:
    """The columns of each ledger."""
    statement = ddl.columns_in(Identifier(PLATFORM_SCHEMA), LEDGER_PREFIX)
    found: dict[QualifiedName, list[str]] = {}
    for table, column in warehouse.fetch(statement, name="the columns of the ledgers"):
        found.setdefault(QualifiedName.of(PLATFORM_SCHEMA, table), []).append(str(column))
    return found


def _add_missing(warehouse: Warehouse, name: QualifiedName, columns: Sequence[str]) -> None:
    for column, definition in ledger.COLUMNS:
        if column.name not in columns:
            statement = ddl.add_column_to(name, column, definition)
            warehouse.execute(statement, name=f"the column {column.name} of {name}")


def _is_old(warehouse: Warehouse, view: QualifiedName) -> bool:
    """Whether the view is there with other columns."""
    rows = warehouse.fetch(ddl.columns_of(view), name=f"the columns of {view}")
    return bool(rows) and [row[0] for row in rows] != [name.name for name in _COLUMNS[view]]


def _dropped(warehouse: Warehouse) -> list[Sql]:
    """Drop both views; the grants to make again. Raises ViewsDepend if others stand on them."""
    own = {str(view) for view in _COLUMNS}
    grants: list[Sql] = []
    for view in _COLUMNS:
        rows = warehouse.fetch(ddl.views_on(view), name=f"the views on {view}")
        others = {f"{schema}.{name}" for schema, name in rows} - own
        if others:
            raise ViewsDepend(str(view), sorted(others))
        grants += replacement.grants_on(warehouse, view)
    for view in reversed(_COLUMNS):
        warehouse.execute(ddl.drop_view(view), name=f"the drop of {view}")
    return grants
