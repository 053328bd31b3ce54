"""One column of a contract: its name, its type, and where its value stands in a record."""

from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from etl_platform.contract.fields import Identifier, Model
from etl_platform.contract.types import ColumnType


def _column_type(value: Any) -> ColumnType:
    return value if isinstance(value, ColumnType) else ColumnType.parse(str(value))


class Column(Model):
    """One column of the table, and where its value stands in a record."""

    name: Identifier
    type: Annotated[
        ColumnType, BeforeValidator(_column_type, json_schema_input_type=str), PlainSerializer(str)
    ]
    required: bool = False
    path: str | None = None
    null_tokens: tuple[str, ...] | None = None
    description: str | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """The way into a record: a CSV header, or the nested names of a JSON or XML record."""
        return tuple((self.path or self.name).split("."))
