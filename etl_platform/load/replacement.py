"""A table that takes the place of another: its name meanwhile, and what it takes over."""

import hashlib

from etl_platform.contract.errors import SchemaChangeRefused, ViewsDepend
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load import ddl
from etl_platform.load.quoting import Identifier, Literal, QualifiedName, Sql


def name_beside(table: QualifiedName) -> QualifiedName:
    """What the new table is called until it takes the name of the old one."""
    digest = hashlib.sha256(str(table).encode()).hexdigest()[:16]
    return QualifiedName(table.schema, Identifier(f"_etl_copy_{digest}"))


def refuse_views(warehouse: Warehouse, table: QualifiedName) -> None:
    """Raise ViewsDepend where views would keep the table from being dropped.

    Late-binding views are not among them: Redshift notes no dependency of theirs.
    """
    views = warehouse.fetch(ddl.views_on(table), name=f"the views on {table}")
    if views:
        raise ViewsDepend(str(table), [f"{schema}.{view}" for schema, view in views])


def grants_on(warehouse: Warehouse, relation: QualifiedName) -> list[Sql]:
    """What makes the grants on a table or a view, and on its columns, again."""
    whole = warehouse.fetch(ddl.grants_on(relation), name=f"the grants on {relation}")
    columns = warehouse.fetch(
        ddl.column_grants_on(relation), name=f"the grants on columns of {relation}"
    )
    return [
        *(
            ddl.grant(relation, str(privilege), str(identity), str(kind), may_give=bool(may_give))
            for privilege, identity, kind, may_give in whole
        ),
        *(ddl.grant_on_column(relation, *map(str, of_column)) for of_column in columns),
    ]


def restored(warehouse: Warehouse, table: QualifiedName) -> list[Sql]:
    """What people put on the table, for the one that takes its place: grants, comments, owner."""
    comments = warehouse.fetch(ddl.comments_on(table), name=f"the comments on {table}")
    # Behind the grants, which only an owner may make.
    owners = warehouse.fetch(ddl.other_owner_of(table), name=f"the owner of {table}")
    return [
        *grants_on(warehouse, table),
        *(
            _comment(table, Identifier(column) if column else None, text)
            for column, text in comments
        ),
        *(ddl.give_to(table, Identifier(owner)) for (owner,) in owners),
    ]


def _comment(table: QualifiedName, column: Identifier | None, text: str) -> Sql:
    try:
        return ddl.comment(table, column, Literal(text))
    except ValueError:
        what = f"the comment on {column.name if column else 'the table'} has a line break or \\"
        by_hand = ddl.comment(table, column, Literal(None))
        raise SchemaChangeRefused(str(table), [what], [by_hand]) from None
