"""Every error that the platform raises on purpose.

PlatformError
├── Terminal                 the input or the set-up is wrong: trying again gives the same answer
│   ├── ContractInvalid      CONTRACT_INVALID       a defs.yaml breaks a rule of the contract
│   ├── SourceUnknown        SOURCE_UNKNOWN         no contract has this name
│   ├── AggregateUnknown     AGGREGATE_UNKNOWN      no aggregate has this name
│   ├── SettingInvalid       SETTING_INVALID        the environment lacks or misspells a setting
│   ├── HourInvalid          HOUR_INVALID           text that is no hour
│   ├── HourRefused          HOUR_REFUSED           an hour that its source does not send
│   ├── LocationRefused      LOCATION_REFUSED       an address outside the source's own folder
│   ├── ManifestMissing      MANIFEST_MISSING       the hour has no manifest
│   ├── ManifestInvalid      MANIFEST_INVALID       the manifest breaks the manifest format
│   ├── ManifestFileMissing  MANIFEST_FILE_MISSING  the manifest names a file that is not there
│   ├── ManifestFileDiffers  MANIFEST_FILE_DIFFERS  a listed file has another size than promised
│   ├── MessageInvalid       MESSAGE_INVALID        a message on the queue is no batch request
│   ├── FileUnreadable       FILE_UNREADABLE        a file is not in the format of the contract
│   │   └── FieldsUnknown    FIELDS_UNKNOWN         it has fields that its contract refuses by name
│   ├── RejectLimitExceeded  REJECT_LIMIT           more records rejected than the contract allows
│   ├── CountsDisagree       COUNTS_DISAGREE        a step cannot account for a record
│   ├── NotConverted         NOT_CONVERTED          a load was asked for before its conversion
│   ├── ObjectMissing        OBJECT_MISSING         an object that another step wrote is gone
│   ├── CatalogTableMissing  CATALOG_TABLE_MISSING  the Data Catalog lacks the table of a source
│   ├── TargetMissing        TARGET_MISSING         the warehouse lacks a table that the load needs
│   ├── TargetDiffers        TARGET_DIFFERS         a table has other columns than its contract
│   ├── TargetOutdated       TARGET_OUTDATED        a table waits for `warehouse apply`
│   ├── SchemaChangeRefused  SCHEMA_CHANGE_REFUSED  a contract asks for what would lose data
│   ├── ViewsDepend          VIEWS_DEPEND           views keep a relation from being replaced
│   ├── ReplacementRefused   REPLACEMENT_REFUSED    a new table would lack what people put on it
│   ├── TableEmptied         TABLE_EMPTIED          what a table was emptied for is gone
│   ├── ContractChanged      CONTRACT_CHANGED       a batch was converted under another contract
│   ├── AggregateAstray      AGGREGATE_ASTRAY       a query gives rows of hours not asked for
│   ├── WarehouseRefused     WAREHOUSE_REFUSED      the warehouse refused a statement
│   ├── ServiceRefused       SERVICE_REFUSED        an AWS service refused a call
│   ├── JobFailed            JOB_FAILED             a Glue job ended without success
│   ├── QueryFailed          QUERY_FAILED           Athena did not answer a query
│   └── JavaMissing          JAVA_MISSING           the Spark engine has no Java to run on
├── Transient                a fault outside: the same call may succeed later
│   ├── ServiceUnavailable   SERVICE_UNAVAILABLE    an AWS service did not answer
│   ├── WarehouseUnavailable WAREHOUSE_UNAVAILABLE  the warehouse cannot be reached
│   ├── WarehouseFull        WAREHOUSE_FULL         the disks of the warehouse have no room
│   ├── WarehouseConflict    WAREHOUSE_CONFLICT     another transaction was in the way
│   ├── TableLocked          TABLE_LOCKED           another session holds the lock of a table
│   ├── JobCutShort          JOB_CUT_SHORT          a Glue job ended for want of room or time
│   └── JobBusy              JOB_BUSY               every slot of the Glue job is taken
└── UnknownOutcome           the answer was lost: look before trying again
    ├── CommitUnknown        COMMIT_UNKNOWN         the connection broke after COMMIT was sent
    └── JobUnaccounted       JOB_UNACCOUNTED        a Glue job did not report every hour asked of it

Each class has a stable `code`; `docs/runbook.md` has a heading for each.
"""

from etl_platform.contract.errors.batches import (
    AggregateAstray,
    CatalogTableMissing,
    ContractChanged,
    CountsDisagree,
    FieldsUnknown,
    FileUnreadable,
    NotConverted,
    ObjectMissing,
    RejectLimitExceeded,
    ReplacementRefused,
    SchemaChangeRefused,
    TableEmptied,
    TargetDiffers,
    TargetMissing,
    TargetOutdated,
    ViewsDepend,
)
from etl_platform.contract.errors.given import (
    AggregateUnknown,
    ContractInvalid,
    HourInvalid,
    HourRefused,
    LocationRefused,
    ManifestFileDiffers,
    ManifestFileMissing,
    ManifestInvalid,
    ManifestMissing,
    MessageInvalid,
    SettingInvalid,
    SourceUnknown,
)
from etl_platform.contract.errors.roots import (
    PlatformError,
    Terminal,
    Transient,
    UnknownOutcome,
)
from etl_platform.contract.errors.services import (
    CommitUnknown,
    JavaMissing,
    JobBusy,
    JobCutShort,
    JobFailed,
    JobUnaccounted,
    QueryFailed,
    ServiceRefused,
    ServiceUnavailable,
    TableLocked,
    WarehouseConflict,
    WarehouseFull,
    WarehouseRefused,
    WarehouseUnavailable,
    job_ended,
    may_pass,
)

__all__ = [
    "AggregateAstray",
    "AggregateUnknown",
    "CatalogTableMissing",
    "CommitUnknown",
    "ContractChanged",
    "ContractInvalid",
    "CountsDisagree",
    "FieldsUnknown",
    "FileUnreadable",
    "HourInvalid",
    "HourRefused",
    "JavaMissing",
    "JobBusy",
    "JobCutShort",
    "JobFailed",
    "JobUnaccounted",
    "LocationRefused",
    "ManifestFileDiffers",
    "ManifestFileMissing",
    "ManifestInvalid",
    "ManifestMissing",
    "MessageInvalid",
    "NotConverted",
    "ObjectMissing",
    "PlatformError",
    "QueryFailed",
    "RejectLimitExceeded",
    "ReplacementRefused",
    "SchemaChangeRefused",
    "ServiceRefused",
    "ServiceUnavailable",
    "SettingInvalid",
    "SourceUnknown",
    "TableEmptied",
    "TableLocked",
    "TargetDiffers",
    "TargetMissing",
    "TargetOutdated",
    "Terminal",
    "Transient",
    "UnknownOutcome",
    "ViewsDepend",
    "WarehouseConflict",
    "WarehouseFull",
    "WarehouseRefused",
    "WarehouseUnavailable",
    "job_ended",
    "may_pass",
]
