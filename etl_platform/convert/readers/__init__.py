"""Formats: each module turns one local file into records of text, one text a column."""

from pathlib import Path

from etl_platform.contract.formats import CsvFormat, JsonFormat, XmlFormat
from etl_platform.contract.source import SourceContract
from etl_platform.convert.readers import csv, json, parquet, xml
from etl_platform.convert.readers.records import Records


def open_records(
    file: Path, url: str, contract: SourceContract, records_before: int = 0
) -> Records:
    """The records of a file in the format of its contract, or of a part of it behind others.

    `url` and the records before are for messages.
    """
    if isinstance(contract.format, CsvFormat):
        return csv.open_records(file, url, contract, contract.format)
    if isinstance(contract.format, JsonFormat):
        return json.open_records(file, url, contract, contract.format, records_before)
    if isinstance(contract.format, XmlFormat):
        return xml.open_records(file, url, contract, contract.format)
    return parquet.open_records(file, url, contract)
