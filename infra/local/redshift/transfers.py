"""COPY and UNLOAD as statements of a session: their transaction, record, counts and notices."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from infra.local.redshift.backend import Backend
from infra.local.redshift.copy import copy
from infra.local.redshift.errors import RedshiftError, query_cancelled
from infra.local.redshift.files import FileOutcome, Outcome
from infra.local.redshift.history import History, Run
from infra.local.redshift.loads import Copy, Unload
from infra.local.redshift.quoting import compose, literal
from infra.local.redshift.roles import Grants
from infra.local.redshift.s3 import Store
from infra.local.redshift.unload import unload

_KEEP = """
    SELECT set_config('redshift.last_copy_id', {copy_id}, false),
           set_config('redshift.last_copy_count', {count}, false),
           set_config('redshift.last_query_id', {query_id}, false)
"""


class Roles(Protocol):
    """Where the rights of an IAM role are looked up."""

    def assume(self, role: str, user: str) -> Grants:
        """What a role may do in S3 for a database user."""


class Transfers:
    """What a session's COPYs and UNLOADs leave behind for its later statements."""

    def __init__(self, history: History, roles: Roles, user: str, scratch: Path) -> None:
        self._history = history
        self._roles = roles
        self._user = user
        self._scratch = scratch
        self._copy_id = -1
        self._count = 0
        self._query_id = -1
        self._kept = True

    async def copy(self, backend: Backend, statement: Copy, query_id: int) -> list[str]:
        """Load, and say so in Redshift's words."""
        run = self._start(backend, query_id)
        self._copy_id = run.query_id
        self._count = 0
        outcome = Outcome()
        alone = backend.status == "I"
        try:
            if alone:
                await backend.query("BEGIN")
            store = await self._store(statement.role)
            await copy(backend, statement, store, self._scratch, outcome)
            if alone:
                await backend.query("COMMIT")
        except (RedshiftError, asyncio.CancelledError) as error:
            if alone and not backend.is_answering:
                await backend.query("ROLLBACK")
            failure = error if isinstance(error, RedshiftError) else query_cancelled()
            await self._history.record_copy(run, statement, outcome, error=failure)
            raise
        self._count = outcome.rows
        await self._history.record_copy(run, statement, outcome, inside=backend)
        await self._tell(backend)
        return _notices(statement.table[-1], outcome)

    async def unload(
        self, backend: Backend, statement: Unload, query: str, query_id: int
    ) -> list[str]:
        """Unload, and say so in Redshift's words."""
        run = self._start(backend, query_id)
        files: list[FileOutcome] = []
        try:
            store = await self._store(statement.role)
            await unload(backend, statement, query, store, self._scratch, files)
        except (RedshiftError, asyncio.CancelledError) as error:
            failure = error if isinstance(error, RedshiftError) else query_cancelled()
            await self._history.record_unload(run, statement, [], error=failure)
            raise
        await self._history.record_unload(run, statement, files, inside=backend)
        await self._tell(backend)
        rows = sum(file.rows for file in files)
        return [f"UNLOAD completed, {rows} record(s) unloaded successfully."]

    async def keep_counts(self, backend: Backend) -> None:
        """Say the counts again when a transaction is over: a rollback takes settings back."""
        if not self._kept and backend.status == "I":
            await self._tell(backend)
            self._kept = True

    def _start(self, backend: Backend, query_id: int) -> Run:
        self._query_id = query_id
        self._kept = False
        return Run(query_id, backend.pid, self._user, datetime.now(UTC))

    async def _store(self, role: str) -> Store:
        return Store(await asyncio.to_thread(self._roles.assume, role, self._user))

    async def _tell(self, backend: Backend) -> None:
        await backend.query(
            compose(
                _KEEP,
                copy_id=literal(str(self._copy_id)),
                count=literal(str(self._count)),
                query_id=literal(str(self._query_id)),
            )
        )


def _notices(table: str, outcome: Outcome) -> list[str]:
    done = f"Load into table '{table}' completed,"
    notices = [f"{done} {outcome.rows} record(s) loaded successfully."]
    if outcome.faults:
        notices.append(
            f"{done} {len(outcome.faults)} record(s) could not be loaded.  "
            "Check 'stl_load_errors' system table for details."
        )
    return notices
