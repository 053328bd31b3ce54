"""What a conversion hands on: its counts and the exact files, written once for a batch."""

from datetime import datetime
from typing import Final, Self

from pydantic import BaseModel, ConfigDict

from etl_platform.contract.batch import Batch
from etl_platform.contract.errors import CountsDisagree


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class Counts(_Model):
    """Records of a batch. Every record read is in exactly one of the other three."""

    read: int = 0
    written: int = 0
    rejected: int = 0
    superseded: int = 0

    def __add__(self, other: Self) -> "Counts":
        return Counts(
            read=self.read + other.read,
            written=self.written + other.written,
            rejected=self.rejected + other.rejected,
            superseded=self.superseded + other.superseded,
        )

    @property
    def facts(self) -> dict[str, int]:
        """The counts under the names that reports, metadata and the ledger share."""
        return {f"rows_{name}": count for name, count in self.model_dump().items()}

    def check(self, where: str) -> None:
        """Raise CountsDisagree unless every record is accounted for (promise P3)."""
        if self.read != self.written + self.rejected + self.superseded:
            raise CountsDisagree(where, str(self), "read = written + rejected + superseded")


class ParquetFile(_Model):
    """One object as it was put: COPY wants its exact size."""

    bucket: str
    key: str
    size_bytes: int
    rows: int

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


MOST_EXAMPLES: Final = 3
MOST_UNREADABLE_NAMED: Final = 20
MOST_UNKNOWN_NAMED: Final = 20


class Example(_Model):
    """A rejected record: the number of its file in the batch, from 0, and its own there."""

    file_no: int
    record: int


class ReasonCount(_Model):
    """How many records had one reason on one column (empty for the whole record).

    The examples are the first ones. They say where to look and not what stands there: commits and
    reports hold no data of the source.
    """

    column: str
    reason: str
    records: int
    examples: tuple[Example, ...] = ()

    def __add__(self, other: Self) -> "ReasonCount":
        """The same reason in two parts of a batch."""
        examples = sorted((*self.examples, *other.examples), key=lambda e: (e.file_no, e.record))
        return ReasonCount(
            column=self.column,
            reason=self.reason,
            records=self.records + other.records,
            examples=tuple(examples[:MOST_EXAMPLES]),
        )


class Commit(_Model):
    """The one result of a batch: what is not named here was never written for a reader."""

    batch: Batch
    attempt: str
    contract_digest: str
    kept_by: str | None = None
    """By what rows of the hour gave way to others; None in commits of before this was noted."""
    engine: str
    counts: Counts
    reasons: tuple[ReasonCount, ...]
    files: tuple[ParquetFile, ...]
    reject_files: tuple[ParquetFile, ...]
    superseded_files: tuple[ParquetFile, ...] = ()
    """None if the contract does not keep them."""
    unreadable_files: tuple[str, ...] = ()
    """What is wrong with each, of the first few that became a reject."""
    unknown_fields: tuple[str, ...] = ()
    """What records have and the contract has not; the first few in order."""
    values_truncated: dict[str, int] = {}
    """By column; of the records that are not rejected."""
    seconds: float
    converted_at: datetime

    def check(self) -> None:
        """Raise CountsDisagree unless the files hold exactly the rows that the counts name."""
        self.counts.check(str(self.batch))
        for name, files, count in (
            ("written", self.files, self.counts.written),
            ("rejected", self.reject_files, self.counts.rejected),
            *(
                [("superseded", self.superseded_files, self.counts.superseded)]
                if self.superseded_files
                else []
            ),
        ):
            rows = sum(file.rows for file in files)
            if rows != count:
                raise CountsDisagree(
                    str(self.batch), f"{rows} rows in the files", f"{count} {name}"
                )
