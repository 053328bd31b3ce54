"""What a look at a table as a whole asks."""

from etl_platform.contract.types import CURRENT_COLUMN
from etl_platform.load.quoting import Identifier, Sql, compose, joined
from etl_platform.load.target import Target


def count_doubled_keys(target: Target) -> Sql:
    """How many keys have more than one row; of a history, more than one that is current.

    It reads the key columns of the whole table: Redshift takes a PRIMARY KEY and does not enforce
    it (https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html).
    """
    condition = Sql("")
    if target.is_history:
        condition = compose(" WHERE {current}", current=Identifier(CURRENT_COLUMN))
    return compose(
        "SELECT count(*) FROM (SELECT 1 FROM {table}{condition} GROUP BY {key}"
        " HAVING count(*) > 1) AS doubled",
        table=target.table,
        condition=condition,
        key=joined(target.key),
    )
