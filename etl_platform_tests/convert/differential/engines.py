"""The engines of the product on files in a folder, and what they make held against the oracle."""

import io
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform.contract.batch import Batch
from etl_platform.contract.commit import Commit, Counts, ParquetFile
from etl_platform.contract.layout import Location
from etl_platform.contract.source import SourceContract
from etl_platform.convert.engine import Engine
from etl_platform_tests.convert.differential.oracle import Expected, Expressions, Row, expected
from etl_platform_tests.convert.differential.oracle_json import bare, read_json
from etl_platform_tests.convert.differential.oracle_records import Behind
from etl_platform_tests.convert.samples import HOUR, World
from etl_platform_tests.fakes.storage import DirectoryStorage

Attributes = Mapping[str, Any]
Hours = Sequence[Sequence[bytes]]

DEFAULTS: Attributes = {
    "source": "feed",
    "description": "A feed of the tests",
    "owner": "team:tests",
    "starts": "2026-01-01-00",
    "load": {"strategy": "append"},
    "rejects": {"at_most": "100%", "unreadable_files": "reject"},
    "keep_superseded": False,
}


@dataclass
class Made:
    """What an engine has made of one hour: the rows of each file, as they stand in it."""

    error: str | None = None
    counts: Counts = field(default_factory=Counts)
    files: list[list[dict[str, Any]]] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    superseded: list[dict[str, Any]] = field(default_factory=list)
    values_cut: dict[str, int] = field(default_factory=dict)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    schema: pa.Schema | None = None


def full(attributes: Attributes) -> dict[str, Any]:
    """The attributes of a contract with what tests do not care for."""
    whole = {**DEFAULTS, **attributes}
    return {**whole, "keep_superseded": bool(whole.get("key"))}


def make(attributes: Attributes, hours: Hours, engine: Engine, folder: Path) -> list[Made]:
    """One order of an engine for some hours of files."""
    contract = SourceContract.model_validate(attributes)
    world = World(DirectoryStorage(folder))
    batches = [world.land(contract, HOUR.plus(n), *files) for n, files in enumerate(hours)]
    reports = world.convert(contract, *batches, engine=engine)
    made = {report.hour: report for report in reports}
    return [
        Made(error=made[batch.hour].error)
        if made[batch.hour].outcome != "done"
        else _made(world, batch)
        for batch in batches
    ]


def _made(world: World, batch: Batch) -> Made:
    commit: Commit = world.commit(batch)
    numbers = {file.url: number for number, file in enumerate(batch.files)}

    def table(file: ParquetFile) -> pa.Table:
        return pq.read_table(io.BytesIO(world.storage.read(Location(file.bucket, file.key))))

    def rows(files: Sequence[ParquetFile]) -> list[dict[str, Any]]:
        found = [row for file in files for row in table(file).to_pylist()]
        for row in found:
            for name in ("file", "_file"):
                if name in row:
                    row[name] = numbers[row[name]]
        return found

    tables = [table(file) for file in commit.files]
    return Made(
        counts=commit.counts,
        files=[each.drop_columns(["_hour", "_batch_id"]).to_pylist() for each in tables],
        rejects=rows(commit.reject_files),
        superseded=rows(commit.superseded_files),
        values_cut=commit.values_truncated,
        reasons=Counter({(r.column, r.reason): r.records for r in commit.reasons}),
        schema=tables[0].schema.remove_metadata() if tables else None,
    )


def differences(
    attributes: Attributes, files: Sequence[bytes], made: Made, expressions: Expressions | None
) -> list[str]:
    """Where an hour of an engine differs from that of the oracle; nothing if it does not."""
    hoped = expected(attributes, files, expressions)
    if hoped.blocked_by or made.error is not None:
        is_same = any(f"[{code}]" in (made.error or "") for code in hoped.blocked_by)
        return [] if is_same else [f"blocked by {hoped.blocked_by}, engine: {made.error}"]
    return [
        *_counts(hoped, made),
        *_rows(attributes, hoped, made),
        *_superseded(hoped, made),
        *_rejects(hoped, made),
    ]


def _counts(hoped: Expected, made: Made) -> list[str]:
    counts = Counts(
        read=hoped.read,
        written=len(hoped.rows),
        rejected=len(hoped.rejects),
        superseded=len(hoped.superseded),
    )
    said = Counter(
        (reason["column"], reason["reason"]) for row in made.rejects for reason in row["reasons"]
    )
    return [
        *([] if counts == made.counts else [f"counts {counts}, engine {made.counts}"]),
        *([] if hoped.values_cut == made.values_cut else [f"cut {hoped.values_cut}"]),
        *([] if said == made.reasons else [f"commit counts {made.reasons}, rejects {said}"]),
    ]


def _rows(attributes: Attributes, hoped: Expected, made: Made) -> list[str]:
    """A file is in order; with several of them, which row is where is for the engine to say."""
    wanted = [_spelled(row.values) for row in hoped.rows]
    found = [[_spelled(row) for row in rows] for rows in made.files]
    if len(found) <= 1:
        rows = found[0] if found else []
        return [] if rows == wanted else [f"rows {wanted}\nengine {rows}"]
    names = [*attributes["load"].get("sortkey", ()), *attributes.get("key", ())]
    ranks = {_picked(row, names): number for number, row in enumerate(wanted)}
    for rows in found:
        order = [ranks.get(_picked(row, names), -1) for row in rows]
        if order != sorted(order):
            return [f"a file has the order {order} of {wanted}"]
    together = sorted(row for rows in found for row in rows)
    return [] if together == sorted(wanted) else [f"rows {sorted(wanted)}\nengine {together}"]


def _picked(row: list[tuple[str, str]], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict(row)[name] for name in names)


def _superseded(hoped: Expected, made: Made) -> list[str]:
    def spelled(row: Row) -> tuple[Any, ...]:
        return row.file, row.record, _spelled(row.values)

    wanted = sorted(map(spelled, hoped.superseded))
    found = sorted(
        (row["_file"], row["_record"], _spelled({n: v for n, v in row.items() if n not in _PLACE}))
        for row in made.superseded
    )
    return [] if wanted == found else [f"superseded {wanted}\nengine {found}"]


_PLACE = ("_file", "_record", "_hour", "_batch_id")


def _spelled(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Values as texts that are equal for equal types and values only, bits of floats included."""
    return sorted(
        (name, _spelling(_read_back(value) if name == "_extra" else value))
        for name, value in values.items()
    )


def _read_back(captured: Any) -> Any:
    """What is captured, as values: docs do not say how its texts are escaped."""
    if not isinstance(captured, str):
        return captured
    value, problem = read_json(captured)
    assert not problem, captured
    return bare(value)


def _spelling(value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return f"moment {value.astimezone(UTC)!r}"
    if isinstance(value, float):
        return f"float {value.hex()}" if math.isfinite(value) else f"float {value}"
    return f"{type(value).__name__} {value!r}"


def _rejects(hoped: Expected, made: Made) -> list[str]:
    wanted = {(reject.file, reject.record): reject for reject in hoped.rejects}
    found = {(row["file"], row["record"]): row for row in made.rejects}
    if len(found) != len(made.rejects) or wanted.keys() != found.keys():
        return [f"rejects {sorted(wanted)}, engine {sorted(found)}"]
    problems = []
    for place, reject in wanted.items():
        row = found[place]
        said = [(reason["column"], reason["reason"]) for reason in row["reasons"]]
        hopes = sorted((column, sorted(any_of)) for column, any_of in reject.reasons)
        if not _says(reject.reasons, said):
            problems.append(f"reject {place}: {hopes}, engine {said} for {row['raw']!r}")
        if not _is_raw(reject.raw, row["raw"]):
            problems.append(f"raw {place}: {reject.raw!r}, engine {row['raw']!r}")
    return problems


def _says(hoped: frozenset[tuple[str, frozenset[str]]], said: list[tuple[str, str]]) -> bool:
    """Whether each of the hoped reasons is said once by one of its names, and nothing else is."""
    open_ones = list(hoped)
    for column, reason in said:
        match = next((one for one in open_ones if one[0] == column and reason in one[1]), None)
        if match is None:
            return False
        open_ones.remove(match)
    return not open_ones


def _is_raw(hoped: str | Behind | None, raw: str) -> bool:
    if isinstance(hoped, Behind):
        first, _, rest = raw.partition("\n")
        if not re.match(rf"{hoped.place}(, byte \d+)?: ", first):
            return False
        if hoped.rest is None or hoped.least is None:
            return hoped.rest is None or rest == hoped.rest
        return hoped.rest.endswith(rest) and rest.endswith(hoped.least)
    return hoped is None or hoped == raw
