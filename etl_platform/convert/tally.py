"""What the table `records` says once the files are parsed: how many, why not, and the rejects."""

from collections.abc import Sequence

import duckdb

from etl_platform.contract.commit import (
    MOST_EXAMPLES,
    MOST_UNREADABLE_NAMED,
    Example,
    ReasonCount,
)
from etl_platform.contract.source import SourceContract
from etl_platform.convert.columns import truncating
from etl_platform.convert.parquet_files import BATCH_ROWS, Rows
from etl_platform.convert.parse import FILE_NO, RECORD
from etl_platform.convert.reasons import REJECT_SCHEMA
from etl_platform.convert.sql import Literal, compose


def tally(connection: duckdb.DuckDBPyConnection) -> tuple[int, tuple[ReasonCount, ...]]:
    """How many records are rejected, and how many of them for each reason, with the first few."""
    rejected = connection.execute("SELECT count(*) FROM rejects").fetchall()[0][0]
    if not rejected:
        return 0, ()
    reasons = connection.execute(
        compose(
            'SELECT r."column", r.reason, count(*), min(place, {most}) FROM'
            " (SELECT unnest(_reasons) AS r, {{file_no: {file_no}, record: {record}}} AS place"
            " FROM rejects) GROUP BY ALL ORDER BY 1, 2",
            most=Literal(MOST_EXAMPLES),
            file_no=FILE_NO,
            record=RECORD,
        )
    ).fetchall()
    return rejected, tuple(
        ReasonCount(
            column=column,
            reason=reason,
            records=records,
            examples=tuple(Example.model_validate(place) for place in first),
        )
        for column, reason, records, first in reasons
    )


def unreadable_files(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """What is wrong with each of the first files that are rejects as a whole."""
    found = connection.execute(
        compose(
            "SELECT _raw FROM rejects WHERE {record} = 0 ORDER BY _raw LIMIT {most}",
            record=RECORD,
            most=Literal(MOST_UNREADABLE_NAMED),
        )
    ).fetchall()
    return tuple(error for (error,) in found)


def count_truncated(
    connection: duckdb.DuckDBPyConnection, contract: SourceContract
) -> dict[str, int]:
    """How many values of each column were cut, in records that are not rejected."""
    if not truncating(contract.table_columns):
        return {}
    counted = connection.execute(
        "SELECT name, count(*) FROM"
        " (SELECT unnest(_truncated) AS name FROM records WHERE _reasons IS NULL)"
        " GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return dict(counted)


def name_files(connection: duckdb.DuckDBPyConnection, urls: Sequence[str]) -> None:
    """Make the table `files`: the names of the files by their numbers."""
    connection.execute("CREATE OR REPLACE TEMP TABLE files (_no INTEGER, _url VARCHAR)")
    if urls:
        connection.executemany("INSERT INTO files VALUES (?, ?)", list(enumerate(urls)))


def rejects(connection: duckdb.DuckDBPyConnection, count: int) -> Rows:
    """The rejects in the order of files and records, of which there are `count`.

    It needs the table `files`.
    """
    query = compose(
        "SELECT _url AS file, {record} AS record, _raw AS raw, _reasons AS reasons"
        " FROM rejects JOIN files ON _no = {file_no} ORDER BY {file_no}, {record}",
        record=RECORD,
        file_no=FILE_NO,
    )
    return Rows(connection.sql(query).to_arrow_reader(BATCH_ROWS), count, REJECT_SCHEMA)
