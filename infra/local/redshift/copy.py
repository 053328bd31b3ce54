"""COPY of Parquet files from S3 into a table, in the client's session and transaction."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.redshift import s3
from infra.local.redshift.backend import Backend
from infra.local.redshift.errors import RedshiftError
from infra.local.redshift.parquet import Encoder, LoadOptions, TableColumn
from infra.local.redshift.quoting import compose, identifier, identifiers, literal
from infra.local.redshift.s3 import DataFile
from infra.local.redshift.statements import Copy

_COLUMNS = """
    SELECT a.attrelid, a.attname, t.typname, format_type(a.atttypid, a.atttypmod), a.atttypmod,
           a.attnotnull, a.attidentity <> ''
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.attrelid = to_regclass({table}) AND a.attnum > 0 AND NOT a.attisdropped
      AND c.relkind = 'r'
    ORDER BY a.attnum
"""


@dataclass(frozen=True)
class _Target:
    """The table of a COPY and the columns it fills."""

    relation: int
    columns: list[TableColumn]


async def copy(backend: Backend, statement: Copy, scratch: Path) -> int:
    """Load the files; the number of rows. The caller ends or fails the transaction."""
    target = await _target(backend, statement)
    client = s3.client()
    files = await asyncio.to_thread(
        s3.list_files, client, statement.location, manifest=statement.manifest
    )
    await backend.query(
        compose("SELECT redshift_local.lock_for_load({table})", table=literal(target.relation))
    )
    options = LoadOptions(
        serialize_to_json=statement.serialize_to_json,
        accept_invalid_characters=statement.accept_invalid_characters,
        fill_record=statement.fill_record,
    )
    encoder = Encoder(target.columns, options)
    load = compose(
        "COPY {table} ({columns}) FROM STDIN (FORMAT binary)",
        table=identifier(*statement.table),
        columns=identifiers([column.name for column in target.columns]),
    )
    return await backend.copy_in(load, _rows(client, files, encoder, scratch))


async def _target(backend: Backend, statement: Copy) -> _Target:
    name = identifier(*statement.table)
    answer = await backend.query(compose(_COLUMNS, table=literal(name)))
    if not answer.rows:
        dotted = ".".join(statement.table)
        raise RedshiftError("42P01", f"Cannot COPY into nonexistent table {dotted}")
    relation = int(answer.rows[0][0] or 0)
    known = {str(row[1]): _column(row) for row in answer.rows}
    if not statement.columns:
        given_by_server = [row[6] == "t" and not statement.explicit_ids for row in answer.rows]
        taken = [
            column for column, own in zip(known.values(), given_by_server, strict=True) if not own
        ]
        return _Target(relation, taken)
    for column in statement.columns:
        if column not in known:
            raise RedshiftError(
                "42703", f'column "{column}" of relation "{statement.table[-1]}" does not exist'
            )
    return _Target(relation, [known[column] for column in statement.columns])


def _column(row: Sequence[str | None]) -> TableColumn:
    kind, modifier = str(row[2]), int(row[4] or -1)
    text = kind in ("varchar", "bpchar") and modifier > 4
    number = kind == "numeric" and modifier > 4
    return TableColumn(
        name=str(row[1]),
        kind=kind,
        declared=str(row[3]),
        length_bytes=modifier - 4 if text else None,
        precision=(modifier - 4) >> 16 if number else None,
        scale=(modifier - 4) & 0x7FF if number else None,
        not_null=row[5] == "t",
    )


async def _rows(
    client: Any, files: Sequence[DataFile], encoder: Encoder, scratch: Path
) -> AsyncIterator[bytes]:
    """The bytes of all files, one file at a time on disk and one batch in memory."""
    yield encoder.header()
    for file in files:
        with tempfile.NamedTemporaryFile(dir=scratch, suffix=".parquet") as local:
            path = Path(local.name)
            if not await asyncio.to_thread(s3.fetch, client, file, path):
                continue
            batches = encoder.file(path, file.location.url)
            while (batch := await asyncio.to_thread(_next, batches)) is not None:
                yield batch
    yield encoder.footer()


def _next(batches: Iterator[bytes]) -> bytes | None:
    return next(batches, None)
