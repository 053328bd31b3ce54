"""ALTER TABLE … ALTER DISTKEY, DISTSTYLE, SORTKEY, ENCODE; and a layout whose columns are altered.

PostgreSQL has no layout, so a change travels in a comment before an ALTER TABLE that changes
nothing and takes the lock that Redshift's takes; `alter_layout` in layout.sql carries it out.
https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
"""

from collections.abc import Mapping
from typing import Any, Final

from infra.local.redshift.errors import RedshiftError, syntax_error
from infra.local.redshift.quoting import compose, identifier
from infra.local.redshift.statements import Words
from infra.local.redshift.tables import as_comment

_MOST_SORTKEYS: Final = 400
_STYLES: Final = {"ALL": "ALL", "EVEN": "EVEN", "AUTO": "AUTO(ALL)"}
_UNCHANGED: Final = "ALTER TABLE {table} REPLICA IDENTITY DEFAULT"
_DROP: Final = "ALTER TABLE {table} DROP COLUMN {column}"
_RENAME: Final = "ALTER TABLE {table} RENAME COLUMN {old} TO {new}"

Clause = Mapping[str, Any]


def read_layout(words: Words) -> str | None:
    """The statement for PostgreSQL, or None for an ALTER TABLE that is about something else."""
    if not words.take("ALTER", "TABLE"):
        return None
    table = words.dotted_name()
    if words.take("DROP"):
        if words.take("CONSTRAINT"):
            return None
        words.take("COLUMN")
        column = words.name()
        cascade = " CASCADE" if words.take("CASCADE") else ""
        words.take("RESTRICT")
        words.end()
        drop = compose(_DROP, table=identifier(*table), column=identifier(column))
        return as_comment({"dropped": column}) + drop + cascade
    if words.take("RENAME", "COLUMN"):
        return _rename(table, words)
    first = _clause(words)
    if first is None:
        return None
    clauses = [first]
    while words.take(","):
        clauses.append(_clause(words) or {})
    words.end()
    if len(clauses) > 1 and not _go_together(clauses):
        raise syntax_error('syntax error at or near ","')
    layout = {name: value for clause in clauses for name, value in clause.items()}
    if "encodings" in layout:
        layout["encodings"] = dict(clause["encodings"] for clause in clauses)
    return as_comment({"layout": layout}) + compose(_UNCHANGED, table=identifier(*table))


def _rename(table: tuple[str, ...], words: Words) -> str:
    old = words.name()
    words.expect("TO")
    new = words.name()
    words.end()
    rename = compose(_RENAME, table=identifier(*table), old=identifier(old), new=identifier(new))
    return as_comment({"renamed": old, "to": new}) + rename


def _clause(words: Words) -> Clause | None:
    if words.take("ALTER", "COLUMN"):
        column = words.name()
        return {"encodings": (column, words.word().lower())} if words.take("ENCODE") else None
    if words.take("ALTER", "ENCODE", "AUTO"):
        return {"chosen_encodings": True}
    if words.take("ALTER", "DISTKEY"):
        return {"diststyle": "KEY", "distkey": words.name()}
    if words.take("ALTER", "DISTSTYLE", "KEY"):
        words.expect("DISTKEY")
        return {"diststyle": "KEY", "distkey": words.name()}
    if words.take("ALTER", "DISTSTYLE"):
        style = words.word()
        if style not in _STYLES:
            raise syntax_error(f'syntax error at or near "{style}"')
        return {"diststyle": _STYLES[style], "distkey": None}
    if words.take("ALTER", "SORTKEY", "AUTO"):
        return {"sortstyle": "auto"}
    if words.take("ALTER", "SORTKEY", "NONE"):
        return {"sortstyle": "none", "sortkeys": []}
    if words.take("ALTER", "SORTKEY") or words.take("ALTER", "COMPOUND", "SORTKEY"):
        columns = words.names_in_brackets()
        if not columns:
            raise syntax_error(f'syntax error at or near "{words.current}"')
        if len(columns) > _MOST_SORTKEYS:
            raise RedshiftError("54011", f"a sort key has at most {_MOST_SORTKEYS} columns")
        return {"sortstyle": "compound", "sortkeys": columns}
    return None


def _go_together(clauses: list[Clause]) -> bool:
    """A list of sort keys, with a DISTKEY or with DISTSTYLE ALL; or encodings of columns."""
    if all("encodings" in clause for clause in clauses):
        return True
    kinds = {clause.get("sortstyle") or clause.get("diststyle") for clause in clauses}
    return len(clauses) == 2 and kinds in ({"compound", "KEY"}, {"compound", "ALL"})
