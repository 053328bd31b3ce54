"""What stops a batch: its files, its counts, what earlier steps left, its tables."""

from collections.abc import Sequence
from typing import ClassVar

from etl_platform.contract.errors.roots import Terminal


class FileUnreadable(Terminal):
    code = "FILE_UNREADABLE"
    _remedy: ClassVar = "Land a correct file and write the manifest again, or change the format"

    def __init__(self, location: str, problem: str, expected: str) -> None:
        self.location, self.problem = location, problem
        super().__init__(
            f"{location} cannot be read: {problem}",
            expected=expected,
            remedy=self._remedy,
        )


class FieldsUnknown(FileUnreadable):
    """Blocks its batch whatever the contract says of unreadable files: it is asked for by name."""

    code = "FIELDS_UNKNOWN"
    _remedy = "Add the fields to the contract, or choose another policy for `unknown`"


class RejectLimitExceeded(Terminal):
    code = "REJECT_LIMIT"

    def __init__(
        self,
        batch: str,
        rejected: int,
        read: int,
        limit: str,
        reasons: Sequence[str],
        shown_by: str,
    ) -> None:
        self.batch, self.rejected, self.read, self.limit = batch, rejected, read, limit
        self.reasons = tuple(reasons)
        super().__init__(
            f"{batch}: {rejected} of {read} records were rejected ({'; '.join(reasons)})",
            expected=f"at most {limit}, as the contract says in rejects.at_most",
            remedy=f"Look at their values ({shown_by}), then correct the source, its contract or"
            " the limit",
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


class TargetOutdated(Terminal):
    code = "TARGET_OUTDATED"

    def __init__(self, source: str, table: str, changes: Sequence[str]) -> None:
        self.source, self.table, self.changes = source, table, tuple(changes)
        super().__init__(
            f"table {table} is not yet what its contract asks for: {'; '.join(changes)}",
            expected="a table that follows its contract",
            remedy=f"Look at `etl-platform warehouse plan {source}`, then run"
            f" `etl-platform warehouse apply {source}`",
        )


class SchemaChangeRefused(Terminal):
    code = "SCHEMA_CHANGE_REFUSED"

    def __init__(self, table: str, reasons: Sequence[str], ddl: Sequence[str]) -> None:
        """`ddl` is what a person would run to have the change all the same."""
        self.table, self.reasons, self.ddl = table, tuple(reasons), tuple(ddl)
        super().__init__(
            f"table {table} would lose data: {'; '.join(reasons)}",
            expected="a change that keeps every value",
            remedy="Change the contract back, or run by hand, in one transaction: "
            + "; ".join(ddl),
        )


class ViewsDepend(Terminal):
    code = "VIEWS_DEPEND"

    def __init__(self, relation: str, views: Sequence[str]) -> None:
        self.relation, self.views = relation, tuple(views)
        super().__init__(
            f"{relation} cannot be replaced: views stand on it ({', '.join(views)})",
            expected="late-binding views only",
            remedy="Make the views again WITH NO SCHEMA BINDING; the table of a source may have"
            " `method: delete` instead",
        )


class ReplacementRefused(Terminal):
    code = "REPLACEMENT_REFUSED"

    def __init__(self, table: str, losses: Sequence[str]) -> None:
        self.table, self.losses = table, tuple(losses)
        super().__init__(
            f"table {table} cannot make way for a new one, which would lack {'; '.join(losses)}",
            expected="a table with nothing on it but grants, comments and an owner that this user"
            " can give again",
            remedy="Take these off and put them back afterwards; instead of `method: swap` use"
            " `method: delete`",
        )


class TableEmptied(Terminal):
    code = "TABLE_EMPTIED"

    def __init__(self, source: str, table: str, lost: Sequence[str], before: str) -> None:
        """`lost` is what the table was emptied for, and `before` the hour that it had."""
        self.source, self.table, self.lost, self.before = source, table, tuple(lost), before
        super().__init__(
            f"table {table} was emptied for {', '.join(lost)}, of which the Parquet files are gone,"
            f" as are those of the hour {before} that it had before",
            expected="the files of one of them, or a later hour",
            remedy=f"Run `etl-platform replay {source} HOUR` for one of these hours",
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


class AggregateAstray(Terminal):
    code = "AGGREGATE_ASTRAY"

    def __init__(self, aggregate: str, rows: int, column: str, example: str) -> None:
        self.aggregate, self.rows, self.column = aggregate, rows, column
        super().__init__(
            f"the query of {aggregate} gives {rows} rows whose {column} is none of the hours that"
            f" were asked for, as {example}",
            expected="full hours, and of the rows of an hour rows of that hour only",
            remedy="Correct the query or the `hour` of a source, or use `grain: table`",
        )
