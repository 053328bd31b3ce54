"""Who waits for the guard of a table, whom it may end, and what it says when it gives up."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from etl_platform.aws.secrets import WarehouseSecret
from etl_platform.aws.warehouse import RedshiftWarehouse, connect
from etl_platform.contract.errors import CommitUnknown, TableLocked, WarehouseUnavailable
from etl_platform.load import locking, locking_sql, sql
from etl_platform.load.locking import Patience, take
from etl_platform.load.quoting import QualifiedName
from etl_platform.load.target import Target
from etl_platform_tests.load.endpoint import Endpoint
from etl_platform_tests.load.samples import contract

LABEL = f"{locking.LOAD} feed"
SHORT = Patience(at_most_s=3, look_every_s=1, lease_s=1)
NO_LEASE = Patience(at_most_s=2, look_every_s=1, lease_s=900)


@pytest.fixture
def guard(endpoint: Endpoint) -> QualifiedName:
    of = contract("upsert")
    endpoint.bootstrap(of)
    return Target(of).guard


@contextmanager
def holding(
    user: WarehouseSecret, guard: QualifiedName, label: str
) -> Iterator[tuple[RedshiftWarehouse, int]]:
    """A session that has the guard, and its number."""
    with connect(user) as holder:
        holder.execute(locking_sql.label(label), name="the label")
        holder.execute(locking_sql.lock(guard), name="the lock")
        ((session,),) = holder.fetch("SELECT pg_backend_pid()", name="the session")
        yield holder, int(session)


def test_a_free_guard_is_taken_at_once(endpoint: Endpoint, guard: QualifiedName) -> None:
    with endpoint.connect() as warehouse:
        take(warehouse, guard, LABEL, SHORT)
        ((label,),) = warehouse.fetch("SHOW query_group", name="the label")
        ((limit,),) = warehouse.fetch("SHOW statement_timeout", name="the limit")
    assert label == LABEL
    assert limit == "1h"


@pytest.mark.parametrize("kind", [locking.LOAD, locking.REFRESH])
def test_a_session_of_the_platform_that_shows_no_life_is_ended(
    endpoint: Endpoint, guard: QualifiedName, kind: str
) -> None:
    lost = holding(endpoint.service, guard, f"{kind} feed")
    with lost as (holder, _), endpoint.connect() as warehouse:
        take(warehouse, guard, LABEL, SHORT)
        with pytest.raises(CommitUnknown):
            holder.commit()


@dataclass
class Deaf:
    """A warehouse that ends no session."""

    inner: RedshiftWarehouse
    asked: int = 0

    def execute(self, statement: str, parameters: Sequence[object] = (), *, name: str) -> int:
        if name == "the end of a session":
            self.asked += 1
            return -1
        return self.inner.execute(statement, parameters, name=name)

    def fetch(
        self, statement: str, parameters: Sequence[object] = (), *, name: str
    ) -> list[tuple[Any, ...]]:
        return self.inner.fetch(statement, parameters, name=name)

    def commit(self) -> None:
        self.inner.commit()

    def rollback(self) -> None:
        self.inner.rollback()


def test_a_session_that_does_not_go_when_it_is_ended_is_not_waited_for_without_end(
    endpoint: Endpoint, guard: QualifiedName
) -> None:
    lost = holding(endpoint.service, guard, LABEL)
    with lost as (_, session), endpoint.connect() as warehouse:
        deaf = Deaf(warehouse)
        with pytest.raises(TableLocked, match=str(session)):
            take(deaf, guard, LABEL, SHORT)
    assert deaf.asked >= 2


def test_a_session_at_work_is_waited_for_however_old_its_transaction_is(
    endpoint: Endpoint, guard: QualifiedName
) -> None:
    with holding(endpoint.service, guard, LABEL) as (holder, _):
        done = threading.Event()

        def work() -> None:
            holder.fetch("SELECT pg_sleep(4)", name="the work")
            done.set()
            holder.commit()

        working = threading.Thread(target=work)
        working.start()
        with endpoint.connect() as warehouse:
            take(warehouse, guard, LABEL, Patience(at_most_s=30, look_every_s=1, lease_s=2))
        assert done.is_set()
        working.join()


@pytest.mark.parametrize("label", ["by hand", f"{locking.APPLY} feed"])
def test_a_session_that_is_no_load_is_left_alone_and_named(
    endpoint: Endpoint, guard: QualifiedName, label: str
) -> None:
    with holding(endpoint.service, guard, label) as (holder, session):
        with endpoint.connect() as warehouse, pytest.raises(TableLocked) as locked:
            take(warehouse, guard, LABEL, SHORT)
        assert f"session {session} of {endpoint.service.username} ({label})" in str(locked.value)
        assert "UTC, idle for" in str(locked.value)
        assert str(guard) in str(locked.value)
        holder.commit()


def test_within_its_lease_a_load_that_pauses_is_left_alone(
    endpoint: Endpoint, guard: QualifiedName
) -> None:
    with holding(endpoint.service, guard, LABEL) as (holder, session):
        with endpoint.connect() as warehouse, pytest.raises(TableLocked, match=str(session)):
            take(warehouse, guard, LABEL, NO_LEASE)
        holder.commit()


def test_a_session_of_another_user_cannot_be_seen_and_is_left_alone(
    endpoint: Endpoint, guard: QualifiedName
) -> None:
    with holding(endpoint.admin, guard, LABEL) as (holder, _):
        with endpoint.connect() as warehouse, pytest.raises(TableLocked, match="another user"):
            take(warehouse, guard, LABEL, SHORT)
        holder.commit()


def test_a_lock_that_comes_after_a_wait_has_the_snapshot_of_after_the_wait(
    endpoint: Endpoint, guard: QualifiedName
) -> None:
    with holding(endpoint.service, guard, LABEL) as (holder, _):
        seen: list[int] = []

        def wait() -> None:
            with endpoint.connect() as warehouse:
                take(warehouse, guard, LABEL, Patience(at_most_s=30, look_every_s=1, lease_s=900))
                count = warehouse.fetch(sql.count_rows(guard), name="the count")
                seen.append(int(count[0][0]))

        waiting = threading.Thread(target=wait)
        waiting.start()
        # Past the first look, which took a snapshot of its own.
        waiting.join(2.5)
        assert waiting.is_alive()
        holder.execute(f"INSERT INTO {guard.sql} (nothing) VALUES (1)", name="a row")
        holder.commit()
        waiting.join(30)
    assert seen == [1]


def test_a_connection_that_is_lost_while_it_waits_is_no_lock(
    endpoint: Endpoint, guard: QualifiedName
) -> None:
    held = holding(endpoint.service, guard, LABEL)
    with held as (holder, _), endpoint.connect() as warehouse:
        ((session,),) = warehouse.fetch("SELECT pg_backend_pid()", name="the session")
        warehouse.rollback()
        end_it = locking_sql.end_session(int(session))
        end = threading.Timer(1, lambda: holder.fetch(end_it, name="the end"))
        end.start()
        with pytest.raises(WarehouseUnavailable):
            take(warehouse, guard, LABEL, Patience(at_most_s=30, look_every_s=20))
        end.join()
