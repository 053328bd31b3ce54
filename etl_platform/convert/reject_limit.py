"""The limit of rejects, and what is said when it is exceeded: how often, why, and where to look.

Never what stands there: messages go into logs and into Dagster, and values may be personal data.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from etl_platform.contract.commit import Counts, Example, ReasonCount
from etl_platform.contract.errors import RejectLimitExceeded
from etl_platform.contract.source import Rejects
from etl_platform.convert.reasons import Reason

_REASONS_SHOWN: Final = 5


def check_limit(
    rejects: Rejects,
    batch: str,
    counts: Counts,
    reasons: Sequence[ReasonCount],
    files: Sequence[str],
    shown_by: str,
) -> None:
    """Raise RejectLimitExceeded if a batch of these `files` may not go on without its rejects."""
    if rejects.allow(counts.rejected, counts.read):
        return
    most = sorted(reasons, key=lambda reason: -reason.records)
    said = [_said(reason, files) for reason in most[:_REASONS_SHOWN]]
    if left := len(most) - len(said):
        said.append(f"{left} more reasons")
    raise RejectLimitExceeded(batch, counts.rejected, counts.read, rejects.limit, said, shown_by)


def _said(reason: ReasonCount, files: Sequence[str]) -> str:
    is_file = reason.reason == Reason.UNREADABLE_FILE
    what = "file" if is_file else "record"
    counted = f"{reason.records} {what}{'s' if reason.records > 1 else ''}"
    where = ", ".join(
        name
        if is_file
        else f"{name} {'records' if len(records) > 1 else 'record'} {_list(records)}"
        for name, records in _by_file(reason.examples, files)
    )
    said = f"{reason.column or f'the {what}'}: {reason.reason}, {counted}"
    return f"{said}, first in {where}" if where else said


def _by_file(examples: Iterable[Example], files: Sequence[str]) -> list[tuple[str, list[int]]]:
    found: dict[int, list[int]] = {}
    for example in examples:
        found.setdefault(example.file_no, []).append(example.record)
    # All files of a batch lie in one folder.
    return [(files[number].rpartition("/")[2], records) for number, records in found.items()]


def _list(records: Sequence[int]) -> str:
    return ", ".join(map(str, records))
