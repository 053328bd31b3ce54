"""The rule that makes rows of batches: strategy, key and version, noted as a comment on the ledger.

A row that gave way by its key or its version is in no table any more, and within one hour in no
file either. So by another rule the same batches would have left other rows, and a table keeps the
rule of its first batch. No primary key is declared for it: Redshift believes one unseen, and would
answer the check for doubled keys from it
(https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html).
"""

from etl_platform.contract.errors import SchemaChangeRefused
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import ddl, ledger
from etl_platform.load.quoting import Literal, Sql
from etl_platform.load.target import Target


def noted(warehouse: Warehouse, target: Target) -> str | None:
    """The rule that the rows of the table go by."""
    comments = warehouse.fetch(
        ddl.comments_on(target.ledger), name=f"the rule of the rows of {target.table}"
    )
    return next((str(text) for column, text in comments if column is None), None)


def note(warehouse: Warehouse, target: Target) -> None:
    """Note the rule of the contract."""
    warehouse.execute(statement(target), name=f"the note on the rows of {target.table}")


def statement(target: Target) -> Sql:
    """What notes the rule of the contract."""
    return ddl.comment(target.ledger, None, Literal(target.row_rule))


def difference(warehouse: Warehouse, target: Target) -> str | None:
    """What a table without any batch has to take on. Raises SchemaChangeRefused for one that has
    batches; the DDL is what makes it anew."""
    rule = noted(warehouse, target)
    if rule in (None, target.row_rule):
        return None
    if ledger.latest(warehouse, target, 1):
        reason = f"its rows are {rule}, and {target.row_rule} would have kept others"
        raise SchemaChangeRefused(str(target.table), [reason], [ddl.drop_table(target.table)])
    return f"its rows are to be {target.row_rule} and no more {rule}"
