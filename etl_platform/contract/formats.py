"""The formats that a source may send, each with its options."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from etl_platform.contract.fields import Model, OneCharacter

Encoding = Literal["utf-8", "utf-16", "latin-1", "cp1252"]
"""How a file spells its text. UTF-16 says its byte order by a byte order mark."""


class CsvFormat(Model):
    """Delimited text, with a header line that names the columns in any order, or without one."""

    type: Literal["csv"]
    delimiter: OneCharacter = ","
    quote: OneCharacter = '"'
    escape: Literal["doubled", "backslash"] = "doubled"
    """How a quoted field holds a quote."""
    encoding: Encoding = "utf-8"
    header: Literal["present", "absent"] = "present"
    skip_lines: int = Field(default=0, ge=0, le=1000)
    comment: OneCharacter | None = None
    """A line that begins with it is no record, unless it stands within a quoted field."""

    @model_validator(mode="after")
    def _characters_differ(self) -> Self:
        used = [self.delimiter, self.quote, *(self.comment or "")]
        if self.escape == "backslash":
            used.append("\\")
        if len({*used, "\n", "\r", "\0"}) < len(used) + 3:
            raise ValueError(
                "delimiter, quote, comment and escape clash; expected different characters,"
                " none of them a line break or NUL"
            )
        return self


class JsonFormat(Model):
    """JSON objects, each one record."""

    type: Literal["json"]
    shape: Literal["lines", "array", "documents", "document"] = "lines"
    """How the objects stand in a file: one a line, in one array, one after the other, or alone."""


_XML_NAME: Final = r"(?:\{[^{}]*\})?[^\W\d][\w.-]*"


def _xml_row(value: str) -> str:
    if not re.fullmatch(rf"{_XML_NAME}|(?:/{_XML_NAME})+", value):
        raise ValueError(
            f"{value!r} is not the name or the path of an element; expected `item`,"
            " `/catalog/items/item`, or names with their namespace as `{urn:shop}item`"
        )
    return value


class XmlFormat(Model):
    """Repeated elements, each one record: all of one name, or those at one path from the root."""

    type: Literal["xml"]
    row: Annotated[str, AfterValidator(_xml_row)]

    @property
    def row_steps(self) -> tuple[str, ...]:
        """The names on the way to a record; only one where the place does not matter."""
        return tuple(re.findall(_XML_NAME, self.row))

    @property
    def is_anywhere(self) -> bool:
        """Whether a record is known by its name alone."""
        return not self.row.startswith("/")


class ParquetFormat(Model):
    """Parquet, whose columns have types of their own, found by their names."""

    type: Literal["parquet"]


Format = Annotated[CsvFormat | JsonFormat | XmlFormat | ParquetFormat, Field(discriminator="type")]
