"""The lock of a guard table, with an end to every wait.

The open transaction is the lease: who holds the guard has changed nothing that anybody sees, and
loses all of it with its session. docs/crashes.md has the reasons.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from etl_platform.contract.errors import TableLocked, WarehouseConflict
from etl_platform.contract.warehouse import STATEMENT_TIMEOUT_S, Warehouse
from etl_platform.load import locking_sql
from etl_platform.load.quoting import QualifiedName

LOAD: Final = "etl-platform load"
REFRESH: Final = "etl-platform refresh"
APPLY: Final = "etl-platform apply"
"""How the labels of those begin that take a guard."""

_LEASED: Final = (LOAD, REFRESH)
"""Apply is not: the session that holds the guard is idle while another one does the work."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a guard."""

    at_most_s: int = 3600
    look_every_s: int = 30
    lease_s: int = 900
    """A load or refresh that is idle for so long in its transaction, by the clock of the warehouse,
    is ended."""


USUAL: Final = Patience()


@dataclass(frozen=True)
class Holder:
    """A session that has the guard."""

    session: int
    user: str
    since: datetime
    label: str
    idle_s: int
    """0 while it runs a statement."""

    def __str__(self) -> str:
        doing = f"idle for {self.idle_s} s" if self.idle_s else "at work"
        return (
            f"session {self.session} of {self.user} ({self.label or 'without a label'}) since"
            f" {self.since:%Y-%m-%d %H:%M:%S} UTC, {doing}"
        )

    def has_left(self, lease_s: int) -> bool:
        """Whether it is the platform's own, and shows no sign of life."""
        return self.label.startswith(_LEASED) and self.idle_s >= lease_s


def take(
    warehouse: Warehouse, guard: QualifiedName, label: str, patience: Patience = USUAL
) -> None:
    """Lock a guard table, as the first statement of a transaction that takes a snapshot.

    Ends sessions of the platform that hold it and are gone. Raises TableLocked when another one
    holds it for longer than the patience lasts.
    """
    give_up_at = time.monotonic() + patience.at_most_s
    ended: set[int] = set()
    while not _locked(warehouse, guard, label, patience.look_every_s):
        holders = _holders(warehouse, guard)
        gone = [holder for holder in holders if holder.has_left(patience.lease_s)]
        for holder in gone:
            warehouse.execute(locking_sql.end_session(holder.session), name="the end of a session")
        warehouse.rollback()
        # One more try after the end of a session, and no more if it did not go.
        is_hopeful = not ended.issuperset(holder.session for holder in gone)
        ended.update(holder.session for holder in gone)
        if not is_hopeful and time.monotonic() >= give_up_at:
            raise TableLocked(str(guard), patience.at_most_s, [str(holder) for holder in holders])


def _locked(warehouse: Warehouse, guard: QualifiedName, label: str, within_s: int) -> bool:
    """Whether the lock came within some seconds; if not, the transaction is over."""
    warehouse.execute(locking_sql.label(label), name="the label")
    # LOCK has no NOWAIT in Redshift, and there is no other limit for it:
    # https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html
    warehouse.execute(locking_sql.limit_statements(within_s), name="the limit of the wait")
    try:
        warehouse.execute(locking_sql.lock(guard), name="the lock")
    except WarehouseConflict as error:
        if not error.timed_out:
            raise
        warehouse.rollback()
        return False
    warehouse.execute(locking_sql.limit_statements(STATEMENT_TIMEOUT_S), name="the time limit")
    return True


def _holders(warehouse: Warehouse, guard: QualifiedName) -> list[Holder]:
    """Those sessions of the user that hold a guard: Redshift shows no others to it."""
    rows = warehouse.fetch(locking_sql.holders(guard), name="the look for who holds the lock")
    return [
        # Timestamps of the warehouse are in UTC and do not say so.
        _holder(warehouse, int(session), str(user), since.replace(tzinfo=UTC))
        for session, user, since in rows
    ]


def _holder(warehouse: Warehouse, session: int, user: str, since: datetime) -> Holder:
    ((label, running, idle_s),) = warehouse.fetch(
        locking_sql.activity(session, since), name="the look at a session"
    )
    idle = 0 if running else max(int(idle_s), 0)
    return Holder(session, user.strip(), since, str(label or "").strip(), idle)
