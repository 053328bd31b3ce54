"""Makes what loads need in a warehouse. Each part can be repeated, and changes nothing then.

The admin makes schemas and the service user. The service user makes and owns the tables, so that
no load ever has the rights of the admin.
"""

from collections.abc import Iterable, Sequence

from etl_platform.contract.errors import SettingInvalid, TargetDiffers
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import ddl, evolution, ledger, ledger_views, row_rule
from etl_platform.load.quoting import Identifier, Literal, QualifiedName
from etl_platform.load.target import PLATFORM_SCHEMA, Target


def prepare_as_admin(
    warehouse: Warehouse,
    contracts: Iterable[SourceContract],
    *,
    user: str,
    password: str,
    database: str,
) -> None:
    """Make the schemas, and the service user with its grants."""
    service, schemas = Identifier(user), {PLATFORM_SCHEMA, *(c.load.schema_name for c in contracts)}
    known = warehouse.fetch(ddl.USER_EXISTS, [user], name="the look for the service user")
    give = ddl.alter_user if known else ddl.create_user
    warehouse.execute(give(service, Literal(password)), name="the service user")
    warehouse.execute(ddl.CLOSE_PUBLIC, name="the revoke on schema public")
    temporary = ddl.grant_temporary(Identifier(database), service)
    warehouse.execute(temporary, name="the grant of temporary tables")
    for schema in sorted(schemas):
        warehouse.execute(ddl.create_schema(Identifier(schema)), name=f"schema {schema}")
        grant = ddl.grant_schema(Identifier(schema), service)
        warehouse.execute(grant, name=f"the grant on schema {schema}")
    warehouse.commit()


def prepare_as_service(
    warehouse: Warehouse, contracts: Iterable[SourceContract]
) -> tuple[QualifiedName, ...]:
    """Make the tables of each contract; the names of the targets that were new."""
    targets = [Target(contract) for contract in contracts]
    _refuse_shared_tables(targets)
    created = tuple(target.table for target in targets if _prepare(warehouse, target))
    ledger_views.make(warehouse)
    warehouse.commit()
    return created


def _refuse_shared_tables(targets: Sequence[Target]) -> None:
    owners: dict[QualifiedName, str] = {}
    for target in targets:
        source = target.contract.source
        if owners.setdefault(target.table, source) != source:
            raise SettingInvalid(
                f"load.table of {source}",
                f"names {target.table}, which is the table of {owners[target.table]}",
                "a table of its own for each source",
            )


def _prepare(warehouse: Warehouse, target: Target) -> bool:
    warehouse.execute(ddl.create_guard(target.guard), name=f"the guard of {target.table}")
    ledger_of_target = ddl.create_ledger(target.ledger, ledger.COLUMNS)
    warehouse.execute(ledger_of_target, name=f"the ledger of {target.table}")
    if target.tombstones:
        beside = ddl.create_beside(target.tombstones, target.tombstone_columns, target)
        warehouse.execute(beside, name=f"the tombstones of {target.table}")
    if target.journal:
        _refuse_late_journal(warehouse, target, target.journal)
        beside = ddl.create_beside(target.journal, target.journal_columns, target)
        warehouse.execute(beside, name=f"the journal of {target.table}")
    if warehouse.fetch(ddl.columns_of(target.table), name=f"the columns of {target.table}"):
        evolution.check(warehouse, target)
        if row_rule.noted(warehouse, target) is None:
            row_rule.note(warehouse, target)
        return False
    warehouse.execute(ddl.create_target(target), name=f"table {target.table}")
    row_rule.note(warehouse, target)
    # A table that was dropped and made again has no rows: nothing beside it may say otherwise.
    for companion in filter(None, (target.ledger, target.tombstones, target.journal)):
        warehouse.execute(ddl.forget(companion), name=f"what belongs to {target.table}")
    return True


def _refuse_late_journal(warehouse: Warehouse, target: Target, journal: QualifiedName) -> None:
    """A journal that does not know the rows of its table would let them vanish with the next
    change of their keys."""
    name = f"the columns of {target.table}"
    is_new = not warehouse.fetch(ddl.columns_of(journal), name=name)
    if is_new and warehouse.fetch(ddl.columns_of(target.table), name=name):
        raise TargetDiffers(
            str(target.table),
            "its rows are in no journal",
            "a table made after the contract asked for null_means, corrected or scd2:"
            " drop it and replay its hours",
        )
