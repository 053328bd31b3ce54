"""The record of loads, on a connection of its own: it stays when the client rolls back."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

from infra.local.redshift.backend import Backend
from infra.local.redshift.errors import RedshiftError
from infra.local.redshift.postgres import SUPERUSER
from infra.local.redshift.quoting import Sql, compose, literal
from infra.local.redshift.statements import Copy

_LOAD = """
    INSERT INTO redshift_local.load_history VALUES ({query_id}, {user}, {database}, {table},
        {source}, {rows}, {status}, {message}, {start}, {end})
"""
_ERROR = """
    INSERT INTO redshift_local.load_error VALUES ({query_id}, {table}, {file}, {column}, {code},
        {message}, {start})
"""


class History:
    """Writes what each COPY did."""

    def __init__(self, socket: Path, database: str) -> None:
        self._socket = socket
        self._database = database
        self._lock = asyncio.Lock()

    async def next_query_id(self) -> int:
        """A number that no other query has."""
        async with self._lock:
            server = await Backend.trusted(self._socket, SUPERUSER, self._database)
            try:
                answer = await server.query("SELECT nextval('redshift_local.query_id')")
            finally:
                server.close()
        return int(answer.rows[0][0] or 0)

    async def record(
        self,
        query_id: int,
        user: str,
        statement: Copy,
        start: datetime,
        *,
        rows: int = 0,
        error: RedshiftError | None = None,
    ) -> None:
        """Keep the outcome of a load."""
        parts = {
            "query_id": literal(query_id),
            "user": literal(user),
            "database": literal(self._database),
            "table": literal(statement.table[-1]),
            "source": literal(statement.location),
            "rows": literal(rows),
            "status": literal("completed" if error is None else "failed"),
            "message": literal(None if error is None else explain(error)),
            "start": _timestamp(start),
            "end": _timestamp(datetime.now(UTC)),
        }
        changes = [compose(_LOAD, **parts)]
        if error is not None:
            changes.append(compose(_ERROR, **parts, **_where(error)))
        async with self._lock:
            server = await Backend.trusted(self._socket, SUPERUSER, self._database)
            try:
                await server.query(";".join(changes))
            finally:
                server.close()


def explain(error: RedshiftError) -> str:
    """The useful text of an error: the context in its detail if there is one."""
    context = re.search(r"context: +(.*)", error.detail or "")
    return f"{error.message}: {context.group(1)}" if context else error.message


def _where(error: RedshiftError) -> dict[str, Sql]:
    detail = error.detail or ""
    code = re.search(r"code: +(\d+)", detail)
    file = re.search(r"s3://[^\s',]+", detail)
    column = re.search(r"column '?(\w+)'?", detail)
    return {
        "code": literal(int(code.group(1)) if code else 0),
        "file": literal(file.group(0) if file else ""),
        "column": literal(column.group(1) if column else ""),
    }


def _timestamp(moment: datetime) -> Sql:
    return literal(moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" "))
