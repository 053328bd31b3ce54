"""The keys that a CREATE TABLE declares. Redshift enforces none of them and shows them all:
https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html
"""

from collections.abc import Iterator
from typing import Any

from sqlglot import exp

from infra.local.redshift.quoting import identifier


def declared_keys(schema: exp.Schema) -> list[dict[str, object]]:
    """Each key with its kind in the letters of pg_constraint, and a format for its definition."""
    return [_described(*found) for part in schema.expressions for found in _keys(part)]


def _keys(part: exp.Expr) -> Iterator[tuple[str, str | None, list[str], exp.Reference | None]]:
    if isinstance(part, exp.ColumnDef):
        for constraint in part.args.get("constraints") or ():
            kind = constraint.args.get("kind") or constraint
            if isinstance(kind, exp.PrimaryKeyColumnConstraint):
                yield "p", None, [part.name], None
            elif isinstance(kind, exp.UniqueColumnConstraint):
                yield "u", None, [part.name], None
            elif isinstance(kind, exp.Reference):
                yield "f", None, [part.name], kind
    elif isinstance(part, exp.Constraint):
        for inner in part.expressions:
            for kind, _, columns, reference in _keys(inner):
                yield kind, part.name, columns, reference
    elif isinstance(part, exp.PrimaryKey):
        yield "p", None, _names(part), None
    elif isinstance(part, exp.UniqueColumnConstraint):
        yield "u", None, _names(part.this), None
    elif isinstance(part, exp.ForeignKey):
        yield "f", None, _names(part), part.args.get("reference")


def _names(part: Any) -> list[str]:
    return [column.name for column in part.expressions]


def _described(
    kind: str, name: str | None, columns: list[str], reference: exp.Reference | None
) -> dict[str, object]:
    word, suffix = {
        "p": ("PRIMARY KEY", "pkey"),
        "u": ("UNIQUE", "_".join([*columns, "key"])),
        "f": ("FOREIGN KEY", "_".join([*columns, "fkey"])),
    }[kind]
    text, referred = f"{word} ({_list(columns)})".replace("%", "%%"), None
    if reference is not None:
        target = reference.this
        table = target.this if isinstance(target, exp.Schema) else target
        referred = identifier(*(part.name for part in table.parts))
        others = _names(target) if isinstance(target, exp.Schema) else columns
        text += f" REFERENCES %s({_list(others)})"
    return {
        "kind": kind,
        "name": name,
        "suffix": suffix,
        "columns": columns,
        "referred": referred,
        "definition": text,
    }


def _list(columns: list[str]) -> str:
    return ", ".join(map(_plain, columns))


def _plain(name: str) -> str:
    """A name with quotes only where it needs them, as PostgreSQL writes definitions."""
    return name if name.isidentifier() and name.islower() else identifier(name)
