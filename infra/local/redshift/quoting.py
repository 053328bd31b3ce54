"""The only place where the server's own SQL is put together: from a fixed text and quoted parts."""

from collections.abc import Sequence
from typing import LiteralString


class Sql(str):
    """SQL that is ready to run, or a quoted part of it."""

    __slots__ = ()


def compose(template: LiteralString, **parts: Sql) -> Sql:
    """The template with its `{name}`s replaced by quoted parts."""
    return Sql(template.format(**parts))


def identifier(*names: str) -> Sql:
    """A quoted name, dotted if there are several."""
    return Sql(".".join('"' + name.replace('"', '""') + '"' for name in names))


def identifiers(names: list[str]) -> Sql:
    """Quoted names with commas between."""
    return Sql(", ".join(identifier(name) for name in names))


def array(values: Sequence[str]) -> Sql:
    """A quoted array of texts."""
    return Sql(f"ARRAY[{', '.join(literal(value) for value in values)}]::text[]")


def literal(value: str | int | None) -> Sql:
    """A quoted value."""
    if value is None:
        return Sql("NULL")
    if isinstance(value, int):
        return Sql(value)
    doubled = value.replace("\\", "\\\\").replace("'", "''")
    return Sql(f"E'{doubled}'" if "\\" in value else f"'{doubled}'")
