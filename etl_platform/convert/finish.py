"""The rows of one bucket to deduplicated, sorted Parquet.

The newest row of a key stays: by the version column, then by the later file of the manifest, then
by the later record. So the result does not depend on the order in which rows arrive.
"""

import duckdb

from etl_platform.contract.source import SourceContract
from etl_platform.convert.parquet_files import BATCH_ROWS, Rows
from etl_platform.convert.parse import FILE_NO, RECORD
from etl_platform.convert.sql import Identifier, Sql, compose, joined, names

_TEXTS = ("char", "varchar")


def finish(connection: duckdb.DuckDBPyConnection, contract: SourceContract) -> tuple[Rows, int]:
    """The newest of `rows` in the order of the files, and how many of them are superseded."""
    superseded = _mark_superseded(connection, contract)
    (count,) = connection.execute("SELECT count(*) FROM rows").fetchall()[0]
    reader = connection.sql(_newest_in_order(contract)).to_arrow_reader(BATCH_ROWS)
    return Rows(reader, count - superseded, contract.arrow_schema, _looked_up(contract)), superseded


def _looked_up(contract: SourceContract) -> tuple[str, ...]:
    """Texts of the key behind the first column of the order, by which row groups are apart.

    Numbers need no filter: those of a row group are one dictionary, which readers look into.
    """
    texts = {c.name for c in contract.table_columns if c.type.family in _TEXTS}
    first = _order(contract)[0] if contract.key else None
    return tuple(name for name in contract.key if name in texts and name != first)


def _mark_superseded(connection: duckdb.DuckDBPyConnection, contract: SourceContract) -> int:
    """Fill the table `superseded` with the rows that a newer one of their key replaces.

    Keys that occur twice are found first, because ordering every row of every key would cost more
    than all the rest, and most batches have no such key.
    """
    connection.execute(
        compose(
            "CREATE OR REPLACE TEMP TABLE superseded ({file_no} INTEGER, {record} BIGINT)",
            file_no=FILE_NO,
            record=RECORD,
        )
    )
    if not contract.key:
        return 0
    inserted = connection.execute(
        compose(
            "INSERT INTO superseded SELECT {file_no}, {record} FROM rows SEMI JOIN"
            " (SELECT {key} FROM rows GROUP BY {key} HAVING count(*) > 1) USING ({key})"
            " QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {newest}) > 1",
            file_no=FILE_NO,
            record=RECORD,
            key=names(contract.key),
            newest=newest_first(contract),
        )
    ).fetchone()
    return inserted[0] if inserted else 0


def newest_first(contract: SourceContract) -> Sql:
    """The order of the rows of one key, of which the first stays."""
    version = contract.load.version
    newest = [*([Identifier(version)] if version else []), FILE_NO, RECORD]
    return joined(compose("{column} DESC", column=column) for column in newest)


def _newest_in_order(contract: SourceContract) -> Sql:
    return compose(
        "SELECT {columns} FROM rows ANTI JOIN superseded USING ({file_no}, {record})"
        " ORDER BY {order}",
        columns=names(c.name for c in contract.table_columns),
        file_no=FILE_NO,
        record=RECORD,
        order=joined([*map(Identifier, _order(contract)), FILE_NO, RECORD]),
    )


def _order(contract: SourceContract) -> list[str]:
    return list(dict.fromkeys([*contract.load.sortkey, *contract.key]))
