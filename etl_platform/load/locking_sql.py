"""The statements around the lock of a guard table: those that may come before it, since they take
no snapshot, and those that look for who has it."""

from datetime import datetime
from typing import Final

from etl_platform.load.quoting import Literal, QualifiedName, Sql, compose

_LABEL_BYTES: Final = 320


def label(text: str) -> Sql:
    """Have the history of queries (STL_QUERY.label, SYS_QUERY_HISTORY.query_label) name a load.

    It takes no snapshot, so it may come before the lock. A label has 320 bytes:
    https://docs.aws.amazon.com/redshift/latest/dg/r_query_group.html
    """
    return compose("SET query_group TO {text}", text=Literal(text[:_LABEL_BYTES]))


def lock(guard: QualifiedName) -> Sql:
    """Wait until no other load of the table is under way.

    It comes first in its transaction: the snapshot is taken at the first query, and one that was
    taken before the lock would not show what the other load has committed.
    """
    return compose("LOCK TABLE {guard}", guard=guard)


def limit_statements(seconds: int) -> Sql:
    """Have the server end each statement that takes longer, its waits for locks included."""
    return compose("SET statement_timeout TO {milliseconds}", milliseconds=Literal(seconds * 1000))


def holders(guard: QualifiedName) -> Sql:
    """Session, user and begin of the transactions that hold a table. A user sees its own only:
    https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TRANSACTIONS.html
    """
    return compose(
        "SELECT DISTINCT t.pid, t.txn_owner, t.txn_start FROM svv_transactions AS t"
        " JOIN pg_class AS c ON c.oid = t.relation JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = {schema} AND c.relname = {table} AND t.granted",
        schema=Literal(guard.schema.name),
        table=Literal(guard.table.name),
    )


def activity(session: int, since: datetime) -> Sql:
    """Label, number of running statements and idle seconds of a session in its transaction, whose
    first statements have the default label until another is set. The
    history shows a user its own sessions only:
    https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_HISTORY.html
    """
    return compose(
        "SELECT max(nullif(query_label, 'default')),"
        " sum(CASE WHEN status IN ('planning', 'queued', 'running', 'returning')"
        " THEN 1 ELSE 0 END), datediff(second, coalesce(max(end_time), {since}),"
        " GETDATE()) FROM sys_query_history WHERE session_id = {session} AND start_time >= {since}",
        session=Literal(session),
        since=Literal(since),
    )


def end_session(session: int) -> Sql:
    """End a session of the same user, which rolls its transaction back:
    https://docs.aws.amazon.com/redshift/latest/dg/PG_TERMINATE_BACKEND.html
    """
    return compose("SELECT pg_terminate_backend({session})", session=Literal(session))
