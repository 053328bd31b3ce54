"""COPY and UNLOAD as statements of a session: their transaction, record, counts and notices."""

from datetime import UTC, datetime
from pathlib import Path

from infra.local.redshift.backend import Backend
from infra.local.redshift.copy import copy
from infra.local.redshift.errors import RedshiftError
from infra.local.redshift.history import History
from infra.local.redshift.quoting import compose, literal
from infra.local.redshift.statements import Copy, Unload
from infra.local.redshift.unload import unload

_KEEP = """
    SELECT set_config('redshift.last_copy_id', {copy_id}, false),
           set_config('redshift.last_copy_count', {count}, false),
           set_config('redshift.last_query_id', {query_id}, false)
"""


class Transfers:
    """What a session's COPYs and UNLOADs leave behind for its later statements."""

    def __init__(self, history: History, user: str, scratch: Path) -> None:
        self._history = history
        self._user = user
        self._scratch = scratch
        self._copy_id = -1
        self._count = 0
        self._query_id = -1
        self._kept = True

    async def copy(self, backend: Backend, statement: Copy) -> str:
        """Load, and say so in Redshift's words."""
        start = datetime.now(UTC)
        self._copy_id = self._query_id = query_id = await self._history.next_query_id()
        self._count = 0
        self._kept = False
        alone = backend.status == "I"
        try:
            if alone:
                await backend.query("BEGIN")
            rows = await copy(backend, statement, self._scratch)
            if alone:
                await backend.query("COMMIT")
        except RedshiftError as error:
            if alone:
                await backend.query("ROLLBACK")
            await self._history.record(query_id, self._user, statement, start, error=error)
            raise
        self._count = rows
        await self._history.record(query_id, self._user, statement, start, rows=rows)
        await self._tell(backend)
        return (
            f"Load into table '{statement.table[-1]}' completed, "
            f"{rows} record(s) loaded successfully."
        )

    async def unload(self, backend: Backend, statement: Unload, query: str) -> str:
        """Unload, and say so in Redshift's words."""
        self._query_id = await self._history.next_query_id()
        self._kept = False
        rows = await unload(backend, statement, query, self._scratch)
        await self._tell(backend)
        return f"UNLOAD completed, {rows} record(s) unloaded successfully."

    async def keep_counts(self, backend: Backend) -> None:
        """Say the counts again when a transaction is over: a rollback takes settings back."""
        if not self._kept and backend.status == "I":
            await self._tell(backend)
            self._kept = True

    async def _tell(self, backend: Backend) -> None:
        await backend.query(
            compose(
                _KEEP,
                copy_id=literal(str(self._copy_id)),
                count=literal(str(self._count)),
                query_id=literal(str(self._query_id)),
            )
        )
