"""The types that turn names and values into DuckDB SQL, and the only way to compose a statement."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import LiteralString


class Sql(str):
    """Text that is SQL, as opposed to text that may be anything."""

    __slots__ = ()


@dataclass(frozen=True)
class Identifier:
    """The name of a column or a table."""

    name: str

    @property
    def sql(self) -> Sql:
        return Sql('"' + self.name.replace('"', '""') + '"')


@dataclass(frozen=True)
class Literal:
    """A value. DuckDB reads a backslash in a literal as itself; a NUL would end the statement."""

    value: str | int

    @property
    def sql(self) -> Sql:
        if isinstance(self.value, int):
            return Sql(int(self.value))
        if "\0" in self.value:
            raise ValueError("a literal has no NUL character")
        return Sql("'" + self.value.replace("'", "''") + "'")


Part = Identifier | Literal | Sql


def compose(template: LiteralString, **parts: Part) -> Sql:
    """Fill the `{names}` of a constant template with quoted parts."""
    return Sql(template.format(**{name: _sql(part) for name, part in parts.items()}))


def joined(parts: Iterable[Part], separator: LiteralString = ", ") -> Sql:
    """Quoted parts in a row."""
    return Sql(separator.join(_sql(part) for part in parts))


def names(columns: Iterable[str]) -> Sql:
    """Quoted names in a row."""
    return joined(Identifier(column) for column in columns)


def _sql(part: Part) -> Sql:
    if isinstance(part, Sql):
        return part
    if isinstance(part, Identifier | Literal):
        return part.sql
    raise TypeError(f"a {type(part).__name__} is not SQL; quote it first")
