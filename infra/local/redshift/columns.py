"""The table of a COPY and the columns that it fills."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.local.redshift.backend import Backend
from infra.local.redshift.errors import RedshiftError
from infra.local.redshift.loads import Copy
from infra.local.redshift.quoting import compose, identifier, literal

_COLUMNS = """
    SELECT a.attrelid, a.attname, t.typname, format_type(a.atttypid, a.atttypmod), a.atttypmod,
           a.attnotnull, a.attidentity <> ''
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.attrelid = to_regclass({table}) AND a.attnum > 0 AND NOT a.attisdropped
      AND c.relkind = 'r'
    ORDER BY a.attnum
"""

# "numeric" and "18, 0": https://github.com/transferwise/pipelinewise-target-redshift/issues/8
_TYPE_NAMES = {"bpchar": "char", "jsonb": "super", "bytea": "varbyte"}


@dataclass(frozen=True)
class TableColumn:
    """A column of the table that is loaded."""

    name: str
    kind: str
    """PostgreSQL's name of the type."""
    declared: str
    """The type as the table's owner wrote it."""
    length_bytes: int | None
    precision: int | None
    scale: int | None
    not_null: bool

    @property
    def type_name(self) -> str:
        """The type as STL_LOAD_ERRORS names it, without its length."""
        return _TYPE_NAMES.get(self.kind, self.kind)

    @property
    def type_length(self) -> str:
        """The length as STL_LOAD_ERRORS has it: of a number its precision and scale."""
        if self.precision is not None:
            return f"{self.precision}, {self.scale}"
        return str(self.length_bytes or 0)


@dataclass(frozen=True)
class Target:
    """The table of a COPY and the columns it fills, in the order of the files."""

    relation: int
    columns: list[TableColumn]


async def target_of(backend: Backend, statement: Copy) -> Target:
    name = identifier(*statement.table)
    answer = await backend.query(compose(_COLUMNS, table=literal(name)))
    if not answer.rows:
        dotted = ".".join(statement.table)
        raise RedshiftError("42P01", f"Cannot COPY into nonexistent table {dotted}")
    relation = int(answer.rows[0][0] or 0)
    known = {str(row[1]): _column(row) for row in answer.rows}
    if not statement.columns:
        given_by_server = [row[6] == "t" and not statement.explicit_ids for row in answer.rows]
        taken = [
            column for column, own in zip(known.values(), given_by_server, strict=True) if not own
        ]
        return Target(relation, taken)
    identities = {str(row[1]) for row in answer.rows if row[6] == "t"}
    for column in statement.columns:
        if column not in known:
            raise RedshiftError(
                "42703", f'column "{column}" of relation "{statement.table[-1]}" does not exist'
            )
        if column in identities and not statement.explicit_ids:
            raise RedshiftError("42601", "cannot set an identity column to a value")
    return Target(relation, [known[column] for column in statement.columns])


def _column(row: Sequence[str | None]) -> TableColumn:
    kind, modifier = str(row[2]), int(row[4] or -1)
    text = kind in ("varchar", "bpchar") and modifier > 4
    number = kind == "numeric" and modifier > 4
    return TableColumn(
        name=str(row[1]),
        kind=kind,
        declared=str(row[3]),
        length_bytes=modifier - 4 if text else None,
        precision=(modifier - 4) >> 16 if number else None,
        scale=(modifier - 4) & 0x7FF if number else None,
        not_null=row[5] == "t",
    )
