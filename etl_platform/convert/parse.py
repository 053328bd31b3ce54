"""One file to typed rows and rejects: every record is in exactly one of the two.

All records of a file go into the table `records` with their typed columns; one with a broken column
has its raw text and all its reasons there as well, and is no row.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from etl_platform.contract.columns import Column
from etl_platform.contract.commit import ReasonCount
from etl_platform.contract.errors import CountsDisagree
from etl_platform.contract.source import SourceContract
from etl_platform.convert.casts import cast, stored_as
from etl_platform.convert.readers import open_records
from etl_platform.convert.readers.records import STREAM
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, joined, names

FILE_NO: Final = Identifier("_file_no")
RECORD: Final = Identifier("_record")

_ROW_BATCH: Final = 65_536


def create_records(connection: duckdb.DuckDBPyConnection, contract: SourceContract) -> None:
    """Make the empty tables of a contract: `records`, and of them `rows` and `rejects`."""
    columns = joined(
        compose("{name} {kind}", name=Identifier(c.name), kind=stored_as(c.type))
        for c in contract.columns
    )
    connection.execute(
        compose(
            "CREATE TABLE records ({columns}, {file_no} INTEGER, {record} BIGINT, _raw VARCHAR,"
            ' _reasons STRUCT("column" VARCHAR, reason VARCHAR, "value" VARCHAR)[])',
            columns=columns,
            file_no=FILE_NO,
            record=RECORD,
        )
    )
    connection.execute(
        compose(
            "CREATE VIEW rows AS SELECT {columns}, {file_no}, {record} FROM records"
            " WHERE _reasons IS NULL",
            columns=names(c.name for c in contract.columns),
            file_no=FILE_NO,
            record=RECORD,
        )
    )
    connection.execute("CREATE VIEW rejects AS SELECT * FROM records WHERE _reasons IS NOT NULL")


def parse(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    file: Path,
    url: str,
    file_no: int,
) -> int:
    """Put every record of a file into `records`; how many there were.

    Raises FileUnreadable when the file is not in the format of its contract.
    """
    records = open_records(file, url, contract)
    connection.register(STREAM, records.reader())
    try:
        inserted = connection.execute(_insert(contract, records.query, file_no)).fetchone()
    except duckdb.Error:
        if records.error is not None:
            raise records.error from None
        raise
    finally:
        connection.unregister(STREAM)
    if inserted is None or inserted[0] != records.count:
        raise CountsDisagree(url, f"{inserted} records kept", f"the {records.count} of the file")
    return records.count


def tally(connection: duckdb.DuckDBPyConnection) -> tuple[int, tuple[ReasonCount, ...]]:
    """How many records are rejected, and how many of them for each reason."""
    rejected = connection.execute("SELECT count(*) FROM rejects").fetchall()[0][0]
    reasons = connection.execute(
        'SELECT r."column", r.reason, count(*) FROM'
        " (SELECT unnest(_reasons) AS r FROM rejects) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return rejected, tuple(
        ReasonCount(column=column, reason=reason, records=records)
        for column, reason, records in reasons
    )


def rejects_reader(
    connection: duckdb.DuckDBPyConnection, urls: Sequence[str]
) -> pa.RecordBatchReader:
    """The rejects in the order of files and records; `urls` names the files by their numbers."""
    connection.execute("CREATE OR REPLACE TABLE files (no INTEGER, url VARCHAR)")
    if urls:
        connection.executemany("INSERT INTO files VALUES (?, ?)", list(enumerate(urls)))
    query = compose(
        "SELECT url AS file, {record} AS record, _raw AS raw, _reasons AS reasons"
        " FROM rejects JOIN files ON no = {file_no} ORDER BY no, record",
        record=RECORD,
        file_no=FILE_NO,
    )
    reader: pa.RecordBatchReader = connection.sql(query).to_arrow_reader(_ROW_BATCH)
    return reader


def _insert(contract: SourceContract, records: Sql, file_no: int) -> Sql:
    """Three steps inside each other: null tokens to nulls, the casts, the reasons as a list."""
    columns = contract.columns
    return compose(
        "INSERT INTO records SELECT {columns}, {file_no}, record,"
        " CASE WHEN {broken} THEN raw END, CASE WHEN {broken} THEN {reasons} END"
        " FROM (SELECT record, raw, problem, {casts}"
        " FROM (SELECT record, raw, problem, {texts} FROM ({records})))",
        columns=names(c.name for c in columns),
        file_no=Literal(file_no),
        broken=compose(
            "coalesce(problem, {reasons}) IS NOT NULL",
            reasons=names(_reason_name(n) for n, _ in enumerate(columns)),
        ),
        reasons=_reasons(columns),
        casts=joined(_cast_column(n, column) for n, column in enumerate(columns)),
        texts=joined(_text(contract, n, column) for n, column in enumerate(columns)),
        records=records,
    )


def _text(contract: SourceContract, number: int, column: Column) -> Sql:
    tokens = contract.nulls_of(column)
    name = Identifier(column.name)
    value = name.sql
    if tokens:
        value = compose(
            "CASE WHEN {name} IN ({tokens}) THEN NULL ELSE {name} END",
            name=name,
            tokens=joined(Literal(token) for token in tokens),
        )
    return compose("{value} AS {name}", value=value, name=Identifier(_text_name(number)))


def _cast_column(number: int, column: Column) -> Sql:
    text = Identifier(_text_name(number)).sql
    typed = cast(column.type, text)
    missing = Literal(str(Reason.MISSING)) if column.required else Sql("NULL")
    return compose(
        "{text}, {value} AS {name},"
        " CASE WHEN {text} IS NULL THEN {missing} ELSE {reason} END AS {reason_name}",
        text=text,
        value=typed.value,
        name=Identifier(column.name),
        missing=missing,
        reason=typed.reason,
        reason_name=Identifier(_reason_name(number)),
    )


def _reasons(columns: Sequence[Column]) -> Sql:
    each = joined(
        compose(
            "CASE WHEN {reason} IS NOT NULL"
            ' THEN {{"column": {column}, reason: {reason}, "value": {text}}} END',
            reason=Identifier(_reason_name(n)),
            column=Literal(column.name),
            text=Identifier(_text_name(n)),
        )
        for n, column in enumerate(columns)
    )
    return compose(
        "CASE WHEN problem IS NOT NULL"
        ' THEN [{{"column": \'\', reason: problem, "value": NULL::VARCHAR}}]'
        " ELSE list_filter([{each}], lambda one: one IS NOT NULL) END",
        each=each,
    )


def _text_name(number: int) -> str:
    return f"_text_{number}"


def _reason_name(number: int) -> str:
    return f"_reason_{number}"
