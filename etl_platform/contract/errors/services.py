"""What the warehouse, Glue and the other services answer, or fail to."""

import re
from collections.abc import Sequence
from typing import ClassVar

from etl_platform.contract.errors.roots import (
    PlatformError,
    Terminal,
    Transient,
    UnknownOutcome,
)


class WarehouseRefused(Terminal):
    code = "WAREHOUSE_REFUSED"

    def __init__(self, statement: str, sqlstate: str, message: str) -> None:
        self.statement, self.sqlstate, self.message = statement, sqlstate, message
        super().__init__(
            f"{statement} was refused ({sqlstate}): {message}",
            expected="a statement that the warehouse accepts",
            remedy="The transaction was rolled back: correct the cause, then try again",
        )


class ServiceRefused(Terminal):
    code = "SERVICE_REFUSED"

    def __init__(self, service: str, call: str, message: str) -> None:
        self.service, self.call, self.message = service, call, message
        super().__init__(
            f"{service} refused {call}: {message}",
            expected="a call that the service allows, on something that is there",
            remedy="Check permissions, names and what is deployed, then run it again",
        )


class _RunEnded(PlatformError):
    """A run of a Glue job that ended in another state than SUCCEEDED."""

    how: ClassVar[str]
    remedy_of_all: ClassVar[str]

    def __init__(
        self, job: str, run_id: str, state: str, message: str, log_tail: Sequence[str] = ()
    ) -> None:
        self.job, self.run_id, self.state, self.message = job, run_id, state, message
        self.log_tail = tuple(log_tail)
        """The last lines of its error log, oldest first."""
        super().__init__(
            f"Glue job {job} run {run_id} {self.how} {state}: {message or 'no message'}",
            expected="SUCCEEDED",
            remedy=self.remedy_of_all,
        )


class JobFailed(_RunEnded, Terminal):
    code = "JOB_FAILED"
    how = "ended as"
    remedy_of_all = "Read the log of the run, then materialize the hour again"


class QueryFailed(Terminal):
    code = "QUERY_FAILED"

    def __init__(self, query: str, query_id: str, message: str) -> None:
        self.query, self.query_id, self.message = query, query_id, message
        super().__init__(
            f"Athena did not answer {query} ({query_id}): {message}",
            expected="SUCCEEDED",
            remedy="See the query in the history of the workgroup; correct its cause, ask again",
        )


class JavaMissing(Terminal):
    code = "JAVA_MISSING"

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(
            f"the Spark engine cannot start: {problem}",
            expected="Java 17 on PATH or at JAVA_HOME",
            remedy="Install Java 17 (Debian: openjdk-17-jre-headless), or use engine: single_node",
        )


class ServiceUnavailable(Transient):
    code = "SERVICE_UNAVAILABLE"

    def __init__(self, service: str, call: str, message: str) -> None:
        self.service, self.call, self.message = service, call, message
        super().__init__(
            f"{service} did not carry out {call}: {message}",
            expected="an answer",
            remedy="The run is tried again; if it lasts, check credentials, network and quotas",
        )


class JobCutShort(_RunEnded, Transient):
    code = "JOB_CUT_SHORT"
    how = "was cut short as"
    remedy_of_all = (
        "The run is tried again and goes on from what is committed; if it lasts, read the log of"
        " the run"
    )


class WarehouseUnavailable(Transient):
    code = "WAREHOUSE_UNAVAILABLE"

    def __init__(self, where: str, message: str) -> None:
        self.where, self.message = where, message
        super().__init__(
            f"the warehouse at {where} cannot be reached: {message}",
            expected="a connection",
            remedy="The load is tried again; if it lasts, check that the warehouse is running",
        )


class WarehouseConflict(Transient):
    code = "WAREHOUSE_CONFLICT"

    def __init__(self, statement: str, message: str, *, timed_out: bool = False) -> None:
        """`timed_out` is for a statement that the server ended at its time limit."""
        self.statement, self.message, self.timed_out = statement, message, timed_out
        super().__init__(
            f"{statement} met another transaction: {message}",
            expected="to be alone on the table",
            remedy="The whole transaction is tried again on a new connection",
        )


class WarehouseFull(Transient):
    code = "WAREHOUSE_FULL"

    def __init__(self, statement: str, where: str, message: str) -> None:
        self.statement, self.where, self.message = statement, where, message
        super().__init__(
            f"{statement} found no room on the disks of the warehouse at {where}: {message}",
            expected="room for the rows of the load, twice",
            remedy="The load is tried again; if it lasts, look at svv_table_info and"
            " stv_node_storage_capacity, and delete, vacuum or resize",
        )


class TableLocked(Transient):
    code = "TABLE_LOCKED"

    def __init__(self, guard: str, waited_s: int, holders: Sequence[str]) -> None:
        """`holders` has those that the warehouse shows; none is a session of another user."""
        self.guard, self.waited_s, self.holders = guard, waited_s, tuple(holders)
        held = "; ".join(holders) or "a session of another user, which only an admin can see"
        super().__init__(
            f"{guard} was not free within {waited_s} s, held by {held}",
            expected="the lock of the table",
            remedy="The run may be tried again; if it lasts, look at svv_transactions as admin, and"
            " end the session with `select pg_terminate_backend(pid)` if nobody needs it",
        )


class JobBusy(Transient):
    code = "JOB_BUSY"

    def __init__(self, job: str, waited_s: float) -> None:
        self.job, self.waited_s = job, waited_s
        super().__init__(
            f"Glue job {job} had no free slot for {waited_s:.0f} s",
            expected="a slot within the time allowed",
            remedy="The run is tried again; raise MaxConcurrentRuns if it happens often",
        )


class CommitUnknown(UnknownOutcome):
    code = "COMMIT_UNKNOWN"

    def __init__(self, batch: str, message: str) -> None:
        self.batch, self.message = batch, message
        super().__init__(
            f"{batch}: the connection broke after COMMIT was sent: {message}",
            expected="an answer to COMMIT",
            remedy="The ledger says what happened: the load looks there before it tries again",
        )


class JobUnaccounted(UnknownOutcome):
    code = "JOB_UNACCOUNTED"

    def __init__(self, job: str, run_id: str, hours: Sequence[str]) -> None:
        self.job, self.run_id, self.hours = job, run_id, tuple(hours)
        super().__init__(
            f"Glue job {job} run {run_id} succeeded but said nothing of {', '.join(hours)}",
            expected="one report for every hour in the order",
            remedy="The order is given again: what is done says so. If it lasts, read the log of"
            " the run",
        )


def may_pass(code: str) -> bool:
    """Whether this is the code of an error after which the same may succeed later."""
    return any(
        kind.code == code for root in (Transient, UnknownOutcome) for kind in root.__subclasses__()
    )


_OF_THE_SERVICE = ("resource unavailable", "max concurrent", "internal service")
"""What Glue says of a job that failed for lack of room or by its own fault
(https://docs.aws.amazon.com/glue/latest/dg/job-run-statuses.html)."""


def job_ended(
    job: str, run_id: str, state: str, message: str, log_tail: Sequence[str] = ()
) -> JobFailed | JobCutShort:
    """The error of a run that ended in another state than SUCCEEDED.

    The service is at fault where the state says so (ERROR, EXPIRED), and so is the time limit
    (TIMEOUT): what was committed by then stays. A script that failed has said by the code in its
    message whether to try again. A run that somebody stopped is not started again by itself.
    """
    is_passing = state in ("ERROR", "EXPIRED", "TIMEOUT") or (
        state == "FAILED" and _says_to_try_again(message)
    )
    kind = JobCutShort if is_passing else JobFailed
    return kind(job, run_id, state, message, log_tail)


def _says_to_try_again(message: str) -> bool:
    told = re.search(r"\[([A-Z]+(?:_[A-Z]+)*)\]", message)
    if told:
        return may_pass(told[1])
    return any(text in message.lower() for text in _OF_THE_SERVICE)
