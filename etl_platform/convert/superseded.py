"""The rows that newer ones of their key replace, for a contract that keeps them."""

import duckdb

from etl_platform.contract.source import SourceContract
from etl_platform.convert.parquet_files import BATCH_ROWS, Rows
from etl_platform.convert.parse import FILE_NO, RECORD
from etl_platform.convert.sql import compose, names


def superseded(connection: duckdb.DuckDBPyConnection, contract: SourceContract, count: int) -> Rows:
    """The rows that `finish` has marked, by file and record, of which there are `count`.

    It needs the table `files`.
    """
    query = compose(
        "SELECT {columns}, _url AS _file, {record} FROM rows"
        " SEMI JOIN superseded USING ({file_no}, {record}) JOIN files ON _no = {file_no}"
        " ORDER BY {file_no}, {record}",
        columns=names(c.name for c in contract.table_columns),
        file_no=FILE_NO,
        record=RECORD,
    )
    reader = connection.sql(query).to_arrow_reader(BATCH_ROWS)
    return Rows(reader, count, contract.superseded_schema)
