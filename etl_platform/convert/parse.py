"""One file to typed rows and rejects: every record is in exactly one of the two.

All records of a file go into the table `records` with their typed columns; one with a broken column
has its raw text and all its reasons there as well, and is no row.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from etl_platform.contract.commit import MOST_UNKNOWN_NAMED
from etl_platform.contract.errors import CountsDisagree, FieldsUnknown, FileUnreadable
from etl_platform.contract.source import SourceContract
from etl_platform.convert.casts import stored_as
from etl_platform.convert.columns import truncating
from etl_platform.convert.insertion import insertion
from etl_platform.convert.readers import open_records
from etl_platform.convert.readers.compression import plain_contents
from etl_platform.convert.readers.records import RECORDS_OF_A_FILE, STREAM, Records
from etl_platform.convert.reasons import Reason
from etl_platform.convert.rules import check_expressions
from etl_platform.convert.sql import Identifier, Literal, Sql, compose, joined, names

FILE_NO: Final = Identifier("_file_no")
RECORD: Final = Identifier("_record")

_MOST_TOGETHER_BYTES: Final = 256 * 1024**2


@dataclass(frozen=True)
class RawFile:
    """A raw file on the local disk; `url` is where it came from, for messages."""

    path: Path
    url: str
    file_no: int


@dataclass(frozen=True)
class Parsed:
    """Records of files, and names that their contract lacks, of which the first in order."""

    records: int = 0
    unknown_fields: tuple[str, ...] = ()

    def __add__(self, other: "Parsed") -> "Parsed":
        unknown = sorted({*self.unknown_fields, *other.unknown_fields})
        return Parsed(self.records + other.records, tuple(unknown[:MOST_UNKNOWN_NAMED]))


def create_records(connection: duckdb.DuckDBPyConnection, contract: SourceContract) -> None:
    """Make the empty tables of a contract: `records`, and of them `rows` and `rejects`.

    They are the connection's own, which may share its DuckDB with others.
    """
    columns = joined(
        compose("{name} {kind}", name=Identifier(c.name), kind=stored_as(c.type))
        for c in contract.table_columns
    )
    connection.execute(
        compose(
            "CREATE TEMP TABLE records ({columns}, {file_no} INTEGER, {record} BIGINT,"
            " _raw VARCHAR,"
            ' _reasons STRUCT("column" VARCHAR, reason VARCHAR, "value" VARCHAR)[] {truncated})',
            columns=columns,
            truncated=Sql(", _truncated VARCHAR[]" if truncating(contract.table_columns) else ""),
            file_no=FILE_NO,
            record=RECORD,
        )
    )
    connection.execute(
        compose(
            "CREATE TEMP VIEW rows AS SELECT {columns}, {file_no}, {record} FROM records"
            " WHERE _reasons IS NULL",
            columns=names(c.name for c in contract.table_columns),
            file_no=FILE_NO,
            record=RECORD,
        )
    )
    connection.execute(
        "CREATE TEMP VIEW rejects AS SELECT * FROM records WHERE _reasons IS NOT NULL"
    )


def parse(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    file: Path,
    url: str,
    file_no: int,
    records_before: int = 0,
) -> Parsed:
    """Put every record of a file, or of a part of it behind some records, into `records`.

    A file that is not in the format of its contract is one reject, or raises FileUnreadable, as the
    contract says. Raises ContractInvalid when an expression in the contract is none.
    """
    check_expressions(connection, contract)
    try:
        with plain_contents(file, url) as plain:
            return _insert_all(connection, contract, plain, url, file_no, records_before)
    except FileUnreadable as error:
        if contract.rejects.unreadable_files == "block" or isinstance(error, FieldsUnknown):
            raise
        # Nothing is to be taken back: a file is one statement, which has failed as a whole.
        return reject_file(connection, file_no, error)


def parse_together(
    connection: duckdb.DuckDBPyConnection, contract: SourceContract, files: Sequence[RawFile]
) -> list[Parsed]:
    """As `parse` for each of the files, whose numbers follow each other.

    If they are alike, it is one statement: to plan one takes as long as to read thousands of
    records.
    """
    if len(files) > 1:
        check_expressions(connection, contract)
        # Which file it is, and what the contract makes of it, is found when each is read alone.
        with suppress(FileUnreadable), ExitStack() as stack:
            several = _opened_together(stack, contract, files)
            if several is not None:
                return _insert_together(connection, contract, several, files)
    return [parse(connection, contract, file.path, file.url, file.file_no) for file in files]


def part_by_files(connection: duckdb.DuckDBPyConnection, counts: Iterable[int]) -> Iterator[int]:
    """Have `records`, and with it `rows` and `rejects`, show some of the files after the others.

    `counts` is how many files a part has, which are numbered from 0 in it. Each part is shown until
    the next one is asked for; what is given is the number that its first file had.
    """
    connection.execute("ALTER TABLE records RENAME TO records_of_all")
    first = 0
    for count in counts:
        connection.execute(
            compose(
                "CREATE OR REPLACE TEMP VIEW records AS"
                " SELECT * REPLACE (({file_no} - {first})::INTEGER AS {file_no})"
                " FROM records_of_all WHERE {file_no} >= {first} AND {file_no} < {next}",
                file_no=FILE_NO,
                first=Literal(first),
                next=Literal(first + count),
            )
        )
        yield first
        first += count


def reject_file(
    connection: duckdb.DuckDBPyConnection, file_no: int, error: FileUnreadable
) -> Parsed:
    """Put a whole file into `records` as one reject, with the number 0."""
    connection.execute(
        compose(
            "INSERT INTO records BY NAME SELECT {number} AS {file_no}, 0 AS {record},"
            " {error} AS _raw,"
            ' [{{"column": \'\', reason: {reason}, "value": NULL::VARCHAR}}] AS _reasons',
            number=Literal(file_no),
            file_no=FILE_NO,
            record=RECORD,
            error=Literal(str(error)),
            reason=Literal(str(Reason.UNREADABLE_FILE)),
        )
    )
    return Parsed(1)


def _insert_all(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    file: Path,
    url: str,
    file_no: int,
    records_before: int,
) -> Parsed:
    records = open_records(file, url, contract, records_before)
    record = compose("{before} + _record", before=Literal(records_before))
    _insert(connection, contract, records, url, Literal(file_no).sql, record)
    return Parsed(records.count, records.unknown.names)


def _opened_together(
    stack: ExitStack, contract: SourceContract, files: Sequence[RawFile]
) -> list[Records] | None:
    """The records of files that one statement can read and whose contents fit on the disk."""
    several: list[Records] = []
    size_bytes = 0
    for file in files:
        plain = stack.enter_context(plain_contents(file.path, file.url))
        size_bytes += plain.stat().st_size
        several.append(open_records(plain, file.url, contract))
        if size_bytes > _MOST_TOGETHER_BYTES or not several[0].is_like(several[-1]):
            return None
    return several


def _insert_together(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    several: Sequence[Records],
    files: Sequence[RawFile],
) -> list[Parsed]:
    together = Records.one_after_the_other(several)
    urls = f"{files[0].url} to {files[-1].url}"
    apart = Literal(RECORDS_OF_A_FILE)
    file_no = compose("{first} + _record // {apart}", first=Literal(files[0].file_no), apart=apart)
    record = compose("_record % {apart}", apart=apart)
    _insert(connection, contract, together, urls, file_no, record)
    return [Parsed(one.count, one.unknown.names) for one in several]


def _insert(
    connection: duckdb.DuckDBPyConnection,
    contract: SourceContract,
    records: Records,
    url: str,
    file_no: Sql,
    record: Sql,
) -> None:
    connection.register(STREAM, records.reader())
    try:
        inserted = connection.execute(insertion(contract, records, file_no, record)).fetchone()
    except duckdb.Error:
        if records.error is not None:
            raise records.error from None
        raise
    finally:
        connection.unregister(STREAM)
    if inserted is None or inserted[0] != records.count:
        raise CountsDisagree(url, f"{inserted} records kept", f"the {records.count} read")
