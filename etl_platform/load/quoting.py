"""The types that turn names and values into SQL, and the only way to put them into a statement.

Redshift reads a backslash in a literal as an escape and PostgreSQL reads it as itself. No value of
the platform needs one, so a literal with a backslash or a control character is refused.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import LiteralString

from etl_platform.contract.errors import SettingInvalid

NAME_BYTES = 127
"""Redshift's limit for a name; longer ones would be cut off without a word."""

_ROLE_ARN = re.compile(
    r"arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}", re.ASCII
)


class Sql(str):
    """Text that is SQL, as opposed to text that may be anything."""

    __slots__ = ()


@dataclass(frozen=True)
class Identifier:
    """The name of a column, a user, a schema or a temporary table."""

    name: str

    def __post_init__(self) -> None:
        if not self.name or not self.name.isprintable() or len(self.name.encode()) > NAME_BYTES:
            raise ValueError(
                f"{self.name!r} is no name; expected 1 to {NAME_BYTES} printable bytes"
            )

    @property
    def sql(self) -> Sql:
        return Sql('"' + self.name.replace('"', '""') + '"')


@dataclass(frozen=True)
class QualifiedName:
    """A table or view in its schema. Temporary tables have none."""

    schema: Identifier
    table: Identifier

    @classmethod
    def of(cls, schema: str, table: str) -> "QualifiedName":
        return cls(Identifier(schema), Identifier(table))

    @property
    def sql(self) -> Sql:
        return Sql(f"{self.schema.sql}.{self.table.sql}")

    def __str__(self) -> str:
        return f"{self.schema.name}.{self.table.name}"


@dataclass(frozen=True)
class Literal:
    """A value. Its repr hides the text, which may be a password."""

    value: str | int | float | date | datetime | None

    def __repr__(self) -> str:
        return f"Literal({type(self.value).__name__})"

    @property
    def sql(self) -> Sql:
        if self.value is None:
            return Sql("NULL")
        if isinstance(self.value, datetime):
            moment = self.value.astimezone(UTC).replace(tzinfo=None)
            return Sql(f"TIMESTAMP '{moment.isoformat(sep=' ', timespec='microseconds')}'")
        if isinstance(self.value, date):
            return Sql(f"DATE '{self.value.isoformat()}'")
        if isinstance(self.value, bool):
            return Sql("TRUE" if self.value else "FALSE")
        if isinstance(self.value, int):
            return Sql(int(self.value))
        if isinstance(self.value, float):
            if not math.isfinite(self.value):
                raise ValueError(f"{self.value} is no number")
            return Sql(float(self.value))
        if "\\" in self.value or not self.value.isprintable():
            raise ValueError("a literal has no backslash and no control character")
        return Sql("'" + self.value.replace("'", "''") + "'")


@dataclass(frozen=True)
class RoleArn:
    """The IAM role that COPY takes on."""

    arn: str

    def __post_init__(self) -> None:
        if not _ROLE_ARN.fullmatch(self.arn):
            raise SettingInvalid(
                "copy_role_arn", f"is {self.arn!r}", "arn:aws:iam::<account>:role/<name>"
            )

    @property
    def sql(self) -> Sql:
        return Literal(self.arn).sql


Part = Identifier | QualifiedName | Literal | RoleArn | Sql


def compose(template: LiteralString, **parts: Part) -> Sql:
    """Fill the `{names}` of a constant template with quoted parts."""
    return Sql(template.format(**{name: _sql(part) for name, part in parts.items()}))


def joined(parts: Iterable[Part], separator: LiteralString = ", ") -> Sql:
    """Quoted parts in a row."""
    return Sql(separator.join(_sql(part) for part in parts))


def _sql(part: Part) -> Sql:
    if isinstance(part, Sql):
        return part
    if isinstance(part, Identifier | QualifiedName | Literal | RoleArn):
        return part.sql
    raise TypeError(f"a {type(part).__name__} is not SQL; quote it first")
