"""A query waits for a table that another transaction replaces, and only then takes its snapshot.

PostgreSQL does it the other way round. With the older snapshot it would find the new table, as
names have no snapshot, and none of its rows.
"""

from sqlglot import exp

from infra.local.redshift import leader
from infra.local.redshift.backend import Backend
from infra.local.redshift.errors import PostgresError, query_cancelled
from infra.local.redshift.quoting import Sql, compose, identifier
from infra.local.redshift.statements import Relay

_IN_A_TRANSACTION = "SAVEPOINT redshift_wait; {lock}; RELEASE redshift_wait"
_GIVE_UP = "ROLLBACK TO redshift_wait; RELEASE redshift_wait"
_ALONE = "BEGIN; {lock}; COMMIT"
_LOCK = "LOCK TABLE {tables} IN ACCESS SHARE MODE"


def relations_of(tree: exp.Expr) -> tuple[str, ...]:
    """The tables and views that a statement names, without those of the catalog."""
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    aliases = {table.alias for table in tree.find_all(exp.Table)}
    names = {
        identifier(*(part.name for part in table.parts))
        for table in tree.find_all(exp.Table)
        if isinstance(table.this, exp.Identifier)
        and not leader.is_catalog(table)
        and (table.db not in aliases if table.db else table.name not in own)
    }
    return tuple(sorted(names))


class Waiting:
    """The waiting of one session; `changing` has the processes of all that keep others waiting."""

    def __init__(self, backend: Backend, changing: set[int]) -> None:
        self._backend = backend
        self._changing = changing
        self._is_first = True
        """Nothing was sent since the last answer that ended a transaction or left one open."""

    async def before(self, relay: Relay) -> None:
        """Wait as long as the statement would, without a snapshot."""
        if relay.changes_tables:
            self._changing.add(self._backend.pid)
        elif relay.reads and self._others_are_changing and self._can_wait:
            await self._wait(relay.reads)
        self._is_first = False

    def settle(self) -> None:
        """The client is told that it may go on: nobody waits for it without a transaction."""
        self._is_first = True
        if self._backend.status == "I":
            self._changing.discard(self._backend.pid)

    @property
    def _others_are_changing(self) -> bool:
        return bool(self._changing - {self._backend.pid})

    @property
    def _can_wait(self) -> bool:
        # A pipeline is one transaction although PostgreSQL does not say so.
        return self._backend.status == "T" or (self._backend.status == "I" and self._is_first)

    async def _wait(self, tables: tuple[str, ...]) -> None:
        lock = compose(_LOCK, tables=Sql(", ".join(tables)))
        within = self._backend.status == "T"
        try:
            await self._backend.query(compose(_IN_A_TRANSACTION if within else _ALONE, lock=lock))
        except PostgresError as error:
            # A table that is not there, say: the statement itself tells that better.
            await self._backend.query(_GIVE_UP if within else "ROLLBACK")
            if error.sqlstate == query_cancelled().sqlstate:
                raise
