"""What the warehouse, Glue and the other services answer, or fail to."""

from collections.abc import Sequence

from etl_platform.contract.errors.roots import Terminal, Transient, UnknownOutcome


class WarehouseRefused(Terminal):
    code = "WAREHOUSE_REFUSED"

    def __init__(self, statement: str, sqlstate: str, message: str) -> None:
        self.statement, self.sqlstate, self.message = statement, sqlstate, message
        super().__init__(
            f"{statement} was refused ({sqlstate}): {message}",
            expected="a statement that the warehouse accepts",
            remedy="The transaction was rolled back; correct the cause and run the hour again",
        )


class JobFailed(Terminal):
    code = "JOB_FAILED"

    def __init__(self, job: str, run_id: str, state: str, message: str) -> None:
        self.job, self.run_id, self.state, self.message = job, run_id, state, message
        super().__init__(
            f"Glue job {job} run {run_id} ended as {state}: {message or 'no message'}",
            expected="SUCCEEDED",
            remedy="Read the log of the run, then materialize the hour again",
        )


class JobUnaccounted(Terminal):
    code = "JOB_UNACCOUNTED"

    def __init__(self, job: str, run_id: str, hours: Sequence[str]) -> None:
        self.job, self.run_id, self.hours = job, run_id, tuple(hours)
        super().__init__(
            f"Glue job {job} run {run_id} succeeded but said nothing of {', '.join(hours)}",
            expected="one report for every hour in the order",
            remedy="Read the log of the run, then materialize the hours again",
        )


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

    def __init__(self, statement: str, message: str) -> None:
        self.statement, self.message = statement, message
        super().__init__(
            f"{statement} met another transaction: {message}",
            expected="to be alone on the table",
            remedy="The whole transaction is tried again on a new connection",
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
