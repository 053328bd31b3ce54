"""How the catalog describes landed files: the SerDe of the format, and every value as text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from etl_platform.contract.formats import CsvFormat, JsonFormat, ParquetFormat, XmlFormat
from etl_platform.contract.source import SourceContract

_TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT = "string"
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class RawTable:
    """The part of a catalog table that the format decides."""

    columns: Sequence[tuple[str, str]]
    serde: str
    serde_parameters: Mapping[str, str]
    parameters: Mapping[str, str]
    input_format: str = field(default=_TEXT_INPUT)


def raw_table(contract: SourceContract) -> RawTable:
    match contract.format:
        case CsvFormat() as csv:
            return _csv(contract, csv)
        case JsonFormat():
            return _json(contract)
        case XmlFormat() as xml:
            return _xml(contract, xml)
        case ParquetFormat():
            return _parquet(contract)


def _csv(contract: SourceContract, csv: CsvFormat) -> RawTable:
    """By position: this table is right for files whose columns stand in the contract's order."""
    return RawTable(
        columns=[(c.name, _TEXT) for c in contract.read_columns],
        serde="org.apache.hadoop.hive.serde2.OpenCSVSerde",
        serde_parameters={
            "separatorChar": csv.delimiter,
            "quoteChar": csv.quote,
            **({"escapeChar": "\\"} if csv.escape == "backslash" else {}),
            **({} if csv.encoding == "utf-8" else {"serialization.encoding": csv.encoding}),
        },
        parameters={
            "classification": "csv",
            "skip.header.line.count": str(csv.skip_lines + (csv.header == "present")),
        },
    )


def _json(contract: SourceContract) -> RawTable:
    return RawTable(
        columns=sorted(_fields([c.steps for c in contract.read_columns]).items()),
        serde="org.openx.data.jsonserde.JsonSerDe",
        serde_parameters={"ignore.malformed.json": "true"},
        parameters={"classification": "json"},
    )


def _parquet(contract: SourceContract) -> RawTable:
    return RawTable(
        columns=[(c.path or c.name, c.type.glue) for c in contract.read_columns],
        serde="org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        serde_parameters={"serialization.format": "1"},
        parameters={"classification": "parquet"},
        input_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    )


def _xml(contract: SourceContract, xml: XmlFormat) -> RawTable:
    """Athena reads no XML; this is the SerDe of Hive on EMR, and `rowTag` is for Glue's readers."""
    row = xml.row_steps[-1].rpartition("}")[2]
    return RawTable(
        columns=[(c.name, _TEXT) for c in contract.read_columns],
        serde="com.ibm.spss.hive.serde2.xml.XmlSerDe",
        serde_parameters={
            f"column.xpath.{c.name}": f"/{row}/{_xpath(c.steps)}" for c in contract.read_columns
        },
        parameters={
            "classification": "xml",
            "rowTag": row,
            "xmlinput.start": f"<{row}{_after_name(contract)}",
            "xmlinput.end": f"</{row}>",
        },
        input_format="com.ibm.spss.hive.serde2.xml.XmlInputFormat",
    )


def _after_name(contract: SourceContract) -> str:
    """What ends the name in a start tag, so that `<row` does not find `<rows>` as well."""
    return " " if any(c.steps[0].startswith("@") for c in contract.read_columns) else ">"


def _xpath(steps: Sequence[str]) -> str:
    return "/".join(steps) if steps[-1].startswith("@") else "/".join((*steps, "text()"))


def _fields(paths: Sequence[tuple[str, ...]]) -> dict[str, str]:
    """Names and types at the top of a record; the catalog folds names to small letters."""
    below: dict[str, list[tuple[str, ...]]] = {}
    for path in paths:
        below.setdefault(path[0].lower(), []).append(path[1:])
    return {name: _type(rest) for name, rest in below.items()}


def _type(paths: Sequence[tuple[str, ...]]) -> str:
    """A struct of what is read of it, or text where a name has no place in a struct."""
    if not all(paths) or not all(_FIELD_NAME.fullmatch(step) for path in paths for step in path):
        return _TEXT
    return f"struct<{','.join(f'{name}:{kind}' for name, kind in _fields(paths).items())}>"
