"""One file to typed rows and rejects: every record is in exactly one of the two.

All records of a file go into the table `records` with their typed columns; one with a broken column
has its raw text and all its reasons there as well, and is no row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from etl_platform.contract.columns import Column
from etl_platform.contract.commit import ReasonCount
from etl_platform.contract.errors import CountsDisagree
from etl_platform.contract.source import SourceContract
from etl_platform.convert.casts import stored_as
from etl_platform.convert.cleansing import cleansed
from etl_platform.convert.columns import cast_column, is_too_long, truncating
from etl_platform.convert.readers import open_records
from etl_platform.convert.readers.compression import plain_contents
from etl_platform.convert.readers.records import STREAM, Records
from etl_platform.convert.reasons import Reason
from etl_platform.convert.rules import broken_rules, check_expressions
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, joined, names

FILE_NO: Final = Identifier("_file_no")
RECORD: Final = Identifier("_record")

_ROW_BATCH: Final = 65_536


def create_records(connection: duckdb.DuckDBPyConnection, contract: SourceContract) -> None:
    """Make the empty tables of a contract: `records`, and of them `rows` and `rejects`."""
    columns = joined(
        compose("{name} {kind}", name=Identifier(c.name), kind=stored_as(c.type))
        for c in contract.table_columns
    )
    connection.execute(
        compose(
            "CREATE TABLE records ({columns}, {file_no} INTEGER, {record} BIGINT, _raw VARCHAR,"
            ' _reasons STRUCT("column" VARCHAR, reason VARCHAR, "value" VARCHAR)[] {truncated})',
            columns=columns,
            truncated=Sql(", _truncated VARCHAR[]" if truncating(contract.table_columns) else ""),
            file_no=FILE_NO,
            record=RECORD,
        )
    )
    connection.execute(
        compose(
            "CREATE VIEW rows AS SELECT {columns}, {file_no}, {record} FROM records"
            " WHERE _reasons IS NULL",
            columns=names(c.name for c in contract.table_columns),
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

    Raises FileUnreadable when the file is not in the format of its contract, and ContractInvalid
    when an expression in the contract is none.
    """
    check_expressions(connection, contract)
    with plain_contents(file, url) as plain:
        return _insert_all(connection, contract, plain, url, file_no)


def _insert_all(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    file: Path,
    url: str,
    file_no: int,
) -> int:
    records = open_records(file, url, contract)
    connection.register(STREAM, records.reader())
    try:
        inserted = connection.execute(_insert(contract, records, file_no)).fetchone()
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


def _insert(contract: SourceContract, records: Records, file_no: int) -> Sql:
    """Four steps inside each other: cleansing, the casts, the rules, the reasons as a list."""
    columns = contract.table_columns
    rules = _rules(columns)
    said = [Identifier(_reason_name(n)) for n, _ in enumerate(columns)]
    return compose(
        "INSERT INTO records SELECT {columns}, {file_no}, _record,"
        " CASE WHEN {broken} THEN _raw END, CASE WHEN {broken} THEN {reasons} END {truncated}"
        " FROM (SELECT {with_rules} FROM (SELECT _record, _raw, _problem, _column_problems, {casts}"
        " FROM (SELECT _record, _raw, _problem, {column_problems}, {texts} FROM ({records}))))",
        columns=names(c.name for c in columns),
        file_no=Literal(file_no),
        broken=compose(
            "coalesce(_problem, {reasons}) IS NOT NULL OR _column_problems IS NOT NULL",
            reasons=joined([*said, *(Identifier(rule.name) for rule in rules)]),
        ),
        reasons=_reasons(columns, rules),
        truncated=_truncated(columns),
        with_rules=joined([Sql("*"), *(rule.aliased for rule in rules)]),
        casts=joined(_cast_column(n, column) for n, column in enumerate(columns)),
        texts=joined(_text(contract, n, column) for n, column in enumerate(columns)),
        column_problems=Sql(
            "_column_problems" if records.judges_columns else "NULL::VARCHAR[] AS _column_problems"
        ),
        records=records.query,
    )


def _text(contract: SourceContract, number: int, column: Column) -> Sql:
    return compose(
        "{value} AS {name}", value=cleansed(contract, column), name=Identifier(_text_name(number))
    )


def _cast_column(number: int, column: Column) -> Sql:
    text = Identifier(_text_name(number)).sql
    typed = cast_column(column, text)
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


@dataclass(frozen=True)
class _Rule:
    """One rule of the column `number`: the name under which its Reason, or null, is selected."""

    number: int
    name: str
    reason: Sql

    @property
    def aliased(self) -> Sql:
        return compose("{reason} AS {name}", reason=self.reason, name=Identifier(self.name))


def _rules(columns: Sequence[Column]) -> list[_Rule]:
    return [
        _Rule(n, f"_rule_{n}_{number}", reason)
        for n, column in enumerate(columns)
        for number, reason in enumerate(
            broken_rules(
                column,
                Identifier(_text_name(n)).sql,
                Identifier(column.name).sql,
                Identifier(_reason_name(n)).sql,
            )
        )
    ]


def _truncated(columns: Sequence[Column]) -> Sql:
    each = joined(
        compose(
            "CASE WHEN {too_long} THEN {column} END",
            too_long=is_too_long(column, Identifier(_text_name(n)).sql),
            column=Literal(column.name),
        )
        for n, column in truncating(columns)
    )
    if not each:
        return Sql("")
    return compose(", list_filter([{each}], lambda one: one IS NOT NULL)", each=each)


def _reasons(columns: Sequence[Column], rules: Sequence[_Rule]) -> Sql:
    each = joined(
        one
        for n, column in enumerate(columns)
        for one in (
            _judged(n, column),
            *(
                _said(n, column, name)
                for name in (_reason_name(n), *(rule.name for rule in rules if rule.number == n))
            ),
        )
    )
    return compose(
        "CASE WHEN _problem IS NOT NULL"
        ' THEN [{{"column": \'\', reason: _problem, "value": NULL::VARCHAR}}]'
        " ELSE list_filter([{each}], lambda one: one IS NOT NULL) END",
        each=each,
    )


def _judged(number: int, column: Column) -> Sql:
    """What the reader says of a column. What it found there has no spelling of its own."""
    return compose(
        "CASE WHEN _column_problems[{number}] IS NOT NULL"
        ' THEN {{"column": {column}, reason: _column_problems[{number}], "value": NULL::VARCHAR}}'
        " END",
        number=Literal(number + 1),
        column=Literal(column.name),
    )


def _said(number: int, column: Column, reason: str) -> Sql:
    """What a cast or a rule says of a column that holds a value at all."""
    return compose(
        "CASE WHEN _column_problems[{number}] IS NULL AND {reason} IS NOT NULL"
        ' THEN {{"column": {column}, reason: {reason}, "value": {text}}} END',
        number=Literal(number + 1),
        reason=Identifier(reason),
        column=Literal(column.name),
        text=Identifier(_text_name(number)),
    )


def _text_name(number: int) -> str:
    return f"_text_{number}"


def _reason_name(number: int) -> str:
    return f"_reason_{number}"
