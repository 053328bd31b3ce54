"""The formats that a source may send, each with its options."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from etl_platform.contract.fields import Model, OneCharacter


class CsvFormat(Model):
    """Delimited text with a header line that names the columns, in any order."""

    type: Literal["csv"]
    delimiter: OneCharacter = ","
    quote: OneCharacter = '"'

    @model_validator(mode="after")
    def _characters_differ(self) -> Self:
        if len({self.delimiter, self.quote, "\n", "\r"}) < 4:
            raise ValueError(
                "delimiter and quote clash; expected two characters, neither of them a line break"
            )
        return self


class JsonFormat(Model):
    """One JSON object a line."""

    type: Literal["json"]
    shape: Literal["lines"] = "lines"


class XmlFormat(Model):
    """Repeated elements, each one record."""

    type: Literal["xml"]
    row: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.-]*$")]


Format = Annotated[CsvFormat | JsonFormat | XmlFormat, Field(discriminator="type")]
