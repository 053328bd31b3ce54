"""The rows that newer ones of their key replace, for a contract that keeps them."""

from pathlib import Path

import duckdb

from etl_platform.contract.source import SourceContract
from etl_platform.convert.finish import ROW_GROUP_ROWS, Stamp, write
from etl_platform.convert.parse import FILE_NO, RECORD
from etl_platform.convert.sql import compose, names


def write_superseded(
    connection: duckdb.DuckDBPyConnection, contract: SourceContract, stamp: Stamp, file: Path
) -> int:
    """Write the rows that `finish` has marked, by file and record; how many there were.

    It needs the table `files`, which `rejects_reader` makes.
    """
    query = compose(
        "SELECT {columns}, _url AS _file, {record} FROM rows"
        " SEMI JOIN superseded USING ({file_no}, {record}) JOIN files ON _no = {file_no}"
        " ORDER BY {file_no}, {record}",
        columns=names(c.name for c in contract.table_columns),
        file_no=FILE_NO,
        record=RECORD,
    )
    reader = connection.sql(query).to_arrow_reader(ROW_GROUP_ROWS)
    return write(reader, contract.superseded_schema, stamp, file)
