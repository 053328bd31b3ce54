"""What was kept out, for people: the reasons by count, each with a few of its records."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow.dataset as ds

from etl_platform.contract.commit import Commit
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import REJECTS_FOLDER, Location, Names
from etl_platform.contract.storage import Storage
from etl_platform.convert.scratch import scratch
from etl_platform.convert.session import connect
from etl_platform.convert.sql import Identifier, Literal, compose

MOST_SHOWN: Final = 2_000
"""Characters of a raw record or a value. A record may have millions."""

_SHARE_OF_MEMORY: Final = 0.25
_KEPT: Final = Identifier("kept")


@dataclass(frozen=True)
class Sample:
    """One rejected record; `value` is what stood in the column."""

    file: str
    record: int
    value: str | None
    raw: str


@dataclass(frozen=True)
class ReasonSamples:
    """A reason, the column it is about (empty for the whole record), and who had it."""

    column: str
    reason: str
    records: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class KeptFiles:
    """The reject files of one batch. Those of a batch without a commit are of its last attempt."""

    hour: Hour
    batch_id: str
    is_committed: bool
    files: tuple[Location, ...]


def kept_files(
    storage: Storage, names: Names, source: str, hour: Hour, batch_id: str, commit: Commit | None
) -> KeptFiles:
    """Where the rejects of a batch lie.

    A batch beyond its reject limit has no commit, and its rejects are what people look for.
    """
    if commit is not None:
        committed = tuple(Location(file.bucket, file.key) for file in commit.reject_files)
        return KeptFiles(hour, batch_id, True, committed)
    folder = names.hour_folder(source, hour) / f"{batch_id}/"
    found = [item for item in storage.list(folder) if f"/{REJECTS_FOLDER}" in item.location.key]
    if not found:
        return KeptFiles(hour, batch_id, False, ())
    newest, _ = max(found, key=lambda item: item.modified_at).location.key.split(REJECTS_FOLDER)
    files = tuple(item.location for item in found if item.location.key.startswith(newest))
    return KeptFiles(hour, batch_id, False, files)


def by_reason(files: Sequence[Path], samples: int) -> tuple[ReasonSamples, ...]:
    """The reasons in reject files, the most frequent first, each with its first `samples`."""
    if not files:
        return ()
    kept = ds.dataset([str(file) for file in files], format="parquet")
    columns = ["file", "record", "raw", "reasons"]
    found: dict[tuple[str, str], list[Sample]] = {}
    counts: dict[tuple[str, str], int] = {}
    with (
        scratch() as folder,
        connect(folder, _SHARE_OF_MEMORY, 1) as connection,
    ):
        connection.register(_KEPT.name, kept.scanner(columns=columns).to_reader())
        query = compose(
            'SELECT said."column", said.reason, count(*) OVER same AS records, file, record,'
            ' left(said."value", {most}), left(raw, {most})'
            " FROM (SELECT file, record, left(raw, {most}) AS raw, unnest(reasons) AS said"
            " FROM {kept})"
            ' WINDOW same AS (PARTITION BY said."column", said.reason),'
            ' first AS (PARTITION BY said."column", said.reason ORDER BY file, record)'
            " QUALIFY row_number() OVER first <= {samples}"
            " ORDER BY records DESC, 1, 2, file, record",
            most=Literal(MOST_SHOWN),
            kept=_KEPT,
            samples=Literal(max(samples, 1)),
        )
        for column, reason, records, file, record, value, raw in connection.execute(
            query
        ).fetchall():
            counts[column, reason] = records
            found.setdefault((column, reason), []).append(Sample(file, record, value, raw))
    return tuple(
        ReasonSamples(column, reason, counts[column, reason], tuple(said[:samples]))
        for (column, reason), said in found.items()
    )
