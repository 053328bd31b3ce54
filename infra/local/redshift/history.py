"""The record of loads and unloads, on a connection of its own: a rollback does not take it."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from infra.local.redshift.backend import Backend
from infra.local.redshift.errors import RedshiftError
from infra.local.redshift.faults import Fault, LoadRefused
from infra.local.redshift.files import FileOutcome, Outcome
from infra.local.redshift.loads import Copy, Unload
from infra.local.redshift.postgres import SUPERUSER
from infra.local.redshift.quoting import Sql, compose, literal

_COPY = """
    INSERT INTO redshift_local.{own}copy_run VALUES ({query_id}, {session}, {user}, {database},
        {table_id}, {table}, {source}, {format}, {rows}, {status}, {start}, {end})
"""
_COPY_FILE = """
    INSERT INTO redshift_local.{own}copy_file VALUES ({query_id}, {file}, {size}, {records}, {rows})
"""
_FAULT = """
    INSERT INTO redshift_local.{own}copy_fault VALUES ({query_id}, {file}, {line}, {column}, {type},
        {length}, {raw_line}, {raw_value}, {code}, {reason})
"""
_UNLOAD = """
    INSERT INTO redshift_local.{own}unload_run VALUES ({query_id}, {session}, {user}, {database},
        {location}, {format}, {compression}, {status}, {message}, {start}, {end})
"""
_UNLOAD_FILE = """
    INSERT INTO redshift_local.{own}unload_file VALUES ({query_id}, {file}, {size}, {rows})
"""
_EVERYONE, _OWN = Sql(""), Sql("own_")


@dataclass(frozen=True)
class Run:
    """Which COPY or UNLOAD a record is of."""

    query_id: int
    session_id: int
    user: str
    start: datetime


class History:
    """Writes what each COPY and UNLOAD did."""

    def __init__(self, socket: Path, database: str) -> None:
        self._socket = socket
        self._database = database
        self._lock = asyncio.Lock()

    async def record_copy(
        self,
        run: Run,
        statement: Copy,
        outcome: Outcome,
        *,
        inside: Backend | None = None,
        error: RedshiftError | None = None,
    ) -> None:
        """Keep the outcome of a load, for all and inside of the transaction that goes on."""
        faults = list(outcome.faults)
        if error is not None and not isinstance(error, LoadRefused):
            faults.append(_fault_of(error, outcome))
        parts = self._parts(run, error) | {
            "table_id": literal(outcome.table_id),
            "table": literal(statement.table[-1]),
            "source": literal(statement.location),
            "format": literal(statement.format.name),
            "rows": literal(outcome.rows),
        }

        def changes(own: Sql) -> list[Sql]:
            return [
                compose(_COPY, own=own, **parts),
                *(compose(_COPY_FILE, own=own, **_file_parts(run, file)) for file in outcome.files),
                *(compose(_FAULT, own=own, **_fault_parts(run, fault)) for fault in faults),
            ]

        await self._keep(changes, inside)

    async def record_unload(
        self,
        run: Run,
        statement: Unload,
        files: Sequence[FileOutcome],
        *,
        inside: Backend | None = None,
        error: RedshiftError | None = None,
    ) -> None:
        """Keep the outcome of an unload, for all and inside of the transaction that goes on."""
        compression = statement.text.compression if statement.text else None
        parts = self._parts(run, error) | {
            "location": literal(statement.location),
            "format": literal(statement.format_name),
            "compression": literal((compression or "none").lower()),
            "message": literal(None if error is None else explain(error)),
        }

        def changes(own: Sql) -> list[Sql]:
            return [
                compose(_UNLOAD, own=own, **parts),
                *(compose(_UNLOAD_FILE, own=own, **_file_parts(run, file)) for file in files),
            ]

        await self._keep(changes, inside)

    async def _keep(self, changes: Callable[[Sql], list[Sql]], inside: Backend | None) -> None:
        await self._run(";".join(changes(_EVERYONE)))
        if inside is None or inside.status != "T":
            return
        # An UNLOAD may be part of a transaction that only reads.
        answer = await inside.query("SHOW transaction_read_only")
        if answer.rows[0][0] == "off":
            await inside.query(";".join(changes(_OWN)))

    def _parts(self, run: Run, error: RedshiftError | None) -> dict[str, Sql]:
        return {
            "query_id": literal(run.query_id),
            "session": literal(run.session_id),
            "user": literal(run.user),
            "database": literal(self._database),
            "status": literal("completed" if error is None else "aborted"),
            "start": _timestamp(run.start),
            "end": _timestamp(datetime.now(UTC)),
        }

    async def _run(self, sql: str) -> None:
        async with self._lock:
            server = await Backend.trusted(self._socket, SUPERUSER, self._database)
            try:
                await server.query(sql)
            finally:
                server.close()


def explain(error: RedshiftError) -> str:
    """The useful text of an error: the context in its detail if there is one."""
    context = re.search(r"context: +(.*)", error.detail or "")
    return f"{error.message}: {context.group(1)}" if context else error.message


def _fault_of(error: RedshiftError, outcome: Outcome) -> Fault:
    detail = error.detail or ""
    code = re.search(r"code: +(\d+)", detail)
    file = re.search(r"s3://[^\s',]+", detail)
    column = re.search(r"column '?(\w+)'?", detail)
    last_file = outcome.files[-1].url if outcome.files else ""
    return Fault(
        code=int(code.group(1)) if code else 0,
        reason=explain(error),
        file=file.group(0) if file else last_file,
        column=column.group(1) if column else "",
    )


def _file_parts(run: Run, file: FileOutcome) -> dict[str, Sql]:
    return {
        "query_id": literal(run.query_id),
        "file": literal(file.url),
        "size": literal(file.size_bytes),
        "records": literal(file.records),
        "rows": literal(file.rows),
    }


def _fault_parts(run: Run, fault: Fault) -> dict[str, Sql]:
    return {
        "query_id": literal(run.query_id),
        "file": literal(fault.file),
        "line": literal(fault.line_number),
        "column": literal(fault.column),
        "type": literal(fault.type),
        "length": literal(fault.length),
        # A period stands for every multibyte character of the line.
        "raw_line": _raw(re.sub(r"[^\0-\x7f]", ".", fault.raw_line)),
        "raw_value": _raw(fault.raw_value),
        "code": literal(fault.code),
        "reason": _raw(fault.reason),
    }


def _raw(text: str) -> Sql:
    """A piece of a file, of which PostgreSQL takes neither NUL nor what is no UTF-8."""
    return literal(text.replace("\0", "").encode(errors="replace").decode())


def _timestamp(moment: datetime) -> Sql:
    return literal(moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" "))
