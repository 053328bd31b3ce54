"""What one session runs, told to the log of all statements as each of them ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from infra.local.redshift.backend import Backend
from infra.local.redshift.errors import RedshiftError
from infra.local.redshift.postgres import SUPERUSER
from infra.local.redshift.statement_log import SessionLabels, Statement, StatementLog

CANCELLED = "57014"
_NO_LABEL = "default"
_IDS_AT_ONCE = 1000


class QueryIds:
    """Numbers that no other query has, some of them fetched at a time."""

    def __init__(self, socket: Path, database: str) -> None:
        self._socket = socket
        self._database = database
        self._lock = asyncio.Lock()
        self._left = range(0)

    async def next(self) -> int:
        async with self._lock:
            if not self._left:
                self._left = await self._fetch()
            found, self._left = self._left[0], self._left[1:]
            return found

    async def _fetch(self) -> range:
        server = await Backend.trusted(self._socket, SUPERUSER, self._database)
        try:
            answer = await server.query(
                "SELECT setval('redshift_local.query_id',"
                f" nextval('redshift_local.query_id') + {_IDS_AT_ONCE})"
            )
        finally:
            server.close()
        last = int(answer.rows[0][0] or 0)
        return range(last - _IDS_AT_ONCE, last)


@dataclass
class Ending:
    """The number of a statement, and how it ended; without a tag and an error it goes on."""

    query_id: int = 0
    tag: str = ""
    error: RedshiftError | None = None


class Recorder:
    """Follows the statements of a session."""

    def __init__(
        self, log: StatementLog, labels: SessionLabels, ids: QueryIds, user: str, database: str
    ) -> None:
        self._log = log
        self._labels = labels
        self._ids = ids
        self._user = user
        self._database = database
        self._label = _NO_LABEL
        self._label_is_known = True
        self._has_had_label = False
        self._transaction = 0
        self._sql: dict[str, str] = {}
        self._portals: dict[str, str] = {}
        self._begun: dict[str, datetime] = {}

    def parsed(self, statement: str, sql: str) -> None:
        """Remember the text of a prepared statement."""
        self._sql[statement] = sql

    def bound(self, portal: str, statement: str) -> None:
        """Remember which statement a portal carries out."""
        self._portals[portal] = self._sql.get(statement, "")
        self._begun.pop(portal, None)

    @asynccontextmanager
    async def executing(self, portal: str, backend: Backend) -> AsyncIterator[Ending]:
        """A portal at work; it may be asked for its rows in parts."""
        start = self._begun.setdefault(portal, datetime.now(UTC))
        async with self.running(self._portals.get(portal, ""), backend, start) as ending:
            yield ending

    @asynccontextmanager
    async def running(
        self, sql: str, backend: Backend, start: datetime | None = None
    ) -> AsyncIterator[Ending]:
        """A statement at work. The caller says how it ended, or raises a RedshiftError."""
        start = start or datetime.now(UTC)
        ending = Ending(await self._ids.next())
        if backend.status == "I":
            self._transaction = ending.query_id
        try:
            yield ending
        except RedshiftError as error:
            ending.error = error
            raise
        finally:
            if sql and (ending.tag or ending.error):
                self._write(sql, backend, start, ending)

    async def look_at_label(self, backend: Backend) -> None:
        """Ask for the label if a statement may have changed it."""
        if self._label_is_known or backend.status == "E":
            return
        # SHOW takes no snapshot, which a SELECT would before the first query of the client.
        answer = await backend.query("SHOW redshift.query_group")
        self._label = answer.rows[0][0] or _NO_LABEL
        self._labels.put(backend.pid, self._label)
        self._label_is_known = True

    def _write(self, sql: str, backend: Backend, start: datetime, ending: Ending) -> None:
        if ending.tag in ("SET", "RESET") and "query_group" in sql.lower():
            self._has_had_label = True
            self._label_is_known = False
        elif ending.tag == "ROLLBACK" and self._has_had_label:
            # It takes a label back that was set in its transaction.
            self._label_is_known = False
        error = ending.error
        self._log.append(
            Statement(
                query_id=ending.query_id,
                transaction_id=self._transaction,
                session_id=backend.pid,
                user_name=self._user,
                database_name=self._database,
                label=self._label,
                text=sql,
                start_time=start,
                end_time=datetime.now(UTC),
                rows=_rows(ending.tag),
                error=error.message if error else None,
                cancelled=error is not None and error.sqlstate == CANCELLED,
            )
        )


def _rows(tag: str) -> int:
    """The rows sent to the client, as the tag of the statement says."""
    verb, _, count = tag.rpartition(" ")
    return int(count) if verb in ("SELECT", "FETCH") else 0
