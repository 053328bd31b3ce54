"""Every error that the platform raises on purpose.

PlatformError
├── Terminal                 the input or the set-up is wrong: trying again gives the same answer
│   ├── ContractInvalid      CONTRACT_INVALID       a defs.yaml breaks a rule of the contract
│   ├── SourceUnknown        SOURCE_UNKNOWN         no contract has this name
│   ├── SettingInvalid       SETTING_INVALID        the environment lacks or misspells a setting
│   ├── HourInvalid          HOUR_INVALID           text that is no hour
│   ├── LocationRefused      LOCATION_REFUSED       an address outside the source's own folder
│   ├── ManifestMissing      MANIFEST_MISSING       the hour has no manifest
│   ├── ManifestInvalid      MANIFEST_INVALID       the manifest breaks the manifest format
│   ├── ManifestFileMissing  MANIFEST_FILE_MISSING  the manifest names a file that is not there
│   ├── ManifestFileDiffers  MANIFEST_FILE_DIFFERS  a listed file has another size than promised
│   ├── MessageInvalid       MESSAGE_INVALID        a message on the queue is no batch request
│   ├── FileUnreadable       FILE_UNREADABLE        a file is not in the format of the contract
│   ├── RejectLimitExceeded  REJECT_LIMIT           more records rejected than the contract allows
│   ├── CountsDisagree       COUNTS_DISAGREE        a step cannot account for a record
│   ├── NotConverted         NOT_CONVERTED          a load was asked for before its conversion
│   ├── ObjectMissing        OBJECT_MISSING         an object that another step wrote is gone
│   ├── CatalogTableMissing  CATALOG_TABLE_MISSING  the Data Catalog lacks the table of a source
│   ├── TargetMissing        TARGET_MISSING         the warehouse lacks a table that the load needs
│   ├── TargetDiffers        TARGET_DIFFERS         a table has other columns than its contract
│   ├── ContractChanged      CONTRACT_CHANGED       a batch was converted under another contract
│   ├── WarehouseRefused     WAREHOUSE_REFUSED      the warehouse refused a statement
│   ├── JobFailed            JOB_FAILED             a Glue job ended without success
│   ├── JobUnaccounted       JOB_UNACCOUNTED        a Glue job did not report every hour asked of it
│   └── JavaMissing          JAVA_MISSING           the Spark engine has no Java to run on
├── Transient                a fault outside: the same call may succeed later
│   ├── ServiceUnavailable   SERVICE_UNAVAILABLE    an AWS service did not answer
│   ├── WarehouseUnavailable WAREHOUSE_UNAVAILABLE  the warehouse cannot be reached
│   ├── WarehouseConflict    WAREHOUSE_CONFLICT     another transaction was in the way
│   └── JobBusy              JOB_BUSY               every slot of the Glue job is taken
└── UnknownOutcome           the answer was lost: look before trying again
    └── CommitUnknown        COMMIT_UNKNOWN         the connection broke after COMMIT was sent

Each class has a stable `code`; `docs/runbook.md` has a heading for each.
"""

from collections.abc import Sequence
from typing import ClassVar


class PlatformError(Exception):
    """An error that says what happened, to which thing, what was expected and what to do."""

    code: ClassVar[str]

    def __init__(self, what: str, *, expected: str, remedy: str) -> None:
        self.what = what
        self.expected = expected
        self.remedy = remedy
        super().__init__(f"[{self.code}] {what}. Expected: {expected}. {remedy}")


class Terminal(PlatformError):
    """Trying again gives the same answer: the batch is blocked or the record is rejected."""


class Transient(PlatformError):
    """Trying again later may succeed."""


class UnknownOutcome(PlatformError):
    """The change may or may not have happened: look before trying again."""


class ContractInvalid(Terminal):
    code = "CONTRACT_INVALID"

    def __init__(self, file: str, line: int, field: str, problem: str, expected: str) -> None:
        self.file, self.line, self.field, self.problem = file, line, field, problem
        super().__init__(
            f"{file}:{line}: {field or 'the document'}: {problem}",
            expected=expected,
            remedy="Correct the line; docs/contract.md lists every field",
        )


class SourceUnknown(Terminal):
    code = "SOURCE_UNKNOWN"

    def __init__(self, source: str, known: Sequence[str]) -> None:
        self.source, self.known = source, tuple(known)
        super().__init__(
            f"no source is called {source!r}",
            expected=f"one of {', '.join(known) or '(none is defined)'}",
            remedy="Correct the name, or add etl_platform/defs/<source>/defs.yaml",
        )


class SettingInvalid(Terminal):
    code = "SETTING_INVALID"

    def __init__(self, setting: str, problem: str, expected: str) -> None:
        self.setting = setting
        super().__init__(
            f"setting {setting} {problem}",
            expected=expected,
            remedy="Set it in the environment or in the file that ETL_ENV_FILE names",
        )


class HourInvalid(Terminal):
    code = "HOUR_INVALID"

    def __init__(self, text: str, expected: str) -> None:
        self.text = text
        super().__init__(f"{text!r} is not an hour", expected=expected, remedy="Hours are in UTC")


class LocationRefused(Terminal):
    code = "LOCATION_REFUSED"

    def __init__(self, location: str, problem: str, expected: str) -> None:
        self.location = location
        super().__init__(
            f"location {location!r} {problem}",
            expected=expected,
            remedy="Correct the manifest and land it again",
        )


class ManifestMissing(Terminal):
    code = "MANIFEST_MISSING"

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(
            f"there is no manifest at {location}",
            expected="a manifest.json in the hour's folder, written after its files",
            remedy="Land the hour, or leave it missing if the source had nothing to send",
        )


class ManifestInvalid(Terminal):
    code = "MANIFEST_INVALID"

    def __init__(self, location: str, problem: str) -> None:
        self.location, self.problem = location, problem
        super().__init__(
            f"the manifest {location} is not usable: {problem}",
            expected='the Redshift manifest format, {"entries": [{"url": "s3://..."}]}',
            remedy="Correct the manifest and land it again",
        )


class ManifestFileMissing(Terminal):
    code = "MANIFEST_FILE_MISSING"

    def __init__(self, manifest: str, missing: Sequence[str]) -> None:
        self.manifest, self.missing = manifest, tuple(missing)
        shown = ", ".join(missing[:5]) + (" and others" if len(missing) > 5 else "")
        super().__init__(
            f"{manifest} names {len(missing)} file(s) that do not exist: {shown}",
            expected="every listed file to be there before the manifest is written",
            remedy="Land the missing file(s), then write the manifest again",
        )


class ManifestFileDiffers(Terminal):
    code = "MANIFEST_FILE_DIFFERS"

    def __init__(self, location: str, promised_bytes: int, actual_bytes: int) -> None:
        self.location = location
        self.promised_bytes, self.actual_bytes = promised_bytes, actual_bytes
        super().__init__(
            f"{location} has {actual_bytes} bytes",
            expected=f"{promised_bytes} bytes, as the manifest says",
            remedy="Land the file again, then write the manifest again",
        )


class MessageInvalid(Terminal):
    code = "MESSAGE_INVALID"

    def __init__(self, body: str, problem: str) -> None:
        self.body, self.problem = body, problem
        super().__init__(
            f"the message {body[:200]!r} {problem}",
            expected="a batch request as the ingest function writes it",
            remedy="Look into the dead-letter queue; write the manifest again to load its hour",
        )


class FileUnreadable(Terminal):
    code = "FILE_UNREADABLE"

    def __init__(self, location: str, problem: str, expected: str) -> None:
        self.location, self.problem = location, problem
        super().__init__(
            f"{location} cannot be read: {problem}",
            expected=expected,
            remedy="Land a correct file and write the manifest again, or change the format",
        )


class RejectLimitExceeded(Terminal):
    code = "REJECT_LIMIT"

    def __init__(
        self, batch: str, rejected: int, read: int, limit: str, reasons: Sequence[str]
    ) -> None:
        self.batch, self.rejected, self.read, self.limit = batch, rejected, read, limit
        self.reasons = tuple(reasons)
        super().__init__(
            f"{batch}: {rejected} of {read} records were rejected ({'; '.join(reasons)})",
            expected=f"at most {limit}, as the contract says in rejects.at_most",
            remedy="Look at the kept records, then correct the source, its contract or the limit",
        )


class CountsDisagree(Terminal):
    code = "COUNTS_DISAGREE"

    def __init__(self, where: str, counts: str, expected: str) -> None:
        self.where, self.counts = where, counts
        super().__init__(
            f"{where}: the counts do not add up ({counts})",
            expected=expected,
            remedy="Nothing was committed; keep the files and report this",
        )


class NotConverted(Terminal):
    code = "NOT_CONVERTED"

    def __init__(self, batch: str, location: str) -> None:
        self.batch, self.location = batch, location
        super().__init__(
            f"{batch} has no commit",
            expected=f"a commit at {location}",
            remedy="Materialize parquet/<source> for this hour first",
        )


class ObjectMissing(Terminal):
    code = "OBJECT_MISSING"

    def __init__(self, location: str) -> None:
        self.location = location
        super().__init__(
            f"there is no object at {location}",
            expected="an object that an earlier step has written",
            remedy="Check lifecycle rules, then materialize the hour again from raw/<source>",
        )


class CatalogTableMissing(Terminal):
    code = "CATALOG_TABLE_MISSING"

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            f"the Data Catalog has no table {table}",
            expected="the tables that the contracts describe",
            remedy="Deploy the catalog stack; on a laptop run `etl-platform local up`",
        )


class TargetMissing(Terminal):
    code = "TARGET_MISSING"

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__(
            f"the warehouse has no usable table {table}",
            expected="the tables that the contracts describe",
            remedy="Run `etl-platform warehouse bootstrap`",
        )


class TargetDiffers(Terminal):
    code = "TARGET_DIFFERS"

    def __init__(self, table: str, difference: str, expected: str) -> None:
        self.table, self.difference = table, difference
        super().__init__(
            f"table {table} is not what its contract describes: {difference}",
            expected=expected,
            remedy="Change the table or the contract, so that they have the same columns in order",
        )


class ContractChanged(Terminal):
    code = "CONTRACT_CHANGED"

    def __init__(self, batch: str, difference: str, expected: str) -> None:
        self.batch, self.difference = batch, difference
        super().__init__(
            f"{batch} was converted under another contract: {difference}",
            expected=expected,
            remedy="Write the manifest of the hour again, which makes a new batch to convert",
        )


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
