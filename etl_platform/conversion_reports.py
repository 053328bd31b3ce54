"""What a trial and kept rejects look like: tables for people, one JSON document for programs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.table import Table

from etl_platform.convert.rejected import KeptFiles, ReasonSamples
from etl_platform.convert.trial import Trial
from etl_platform.rendering import table

_MOST_SHOWN: Final = 100
_WHOLE_RECORD: Final = "(the record)"


def trial_tables(trial: Trial) -> Iterator[Table]:
    """Files, counts, reasons, doubled keys and rows, as far as there are any."""
    files = [(f.name, f.size_bytes, None if f.error else f.records) for f in trial.files]
    yield table(("file", "bytes", "records"), files, title="Files (null: unreadable)")
    counts = trial.counts.model_dump()
    yield table(tuple(counts), [tuple(counts.values())], title="Records")
    yield from reason_tables(trial.reasons)
    if trial.doubled:
        rows = [(_short(", ".join(map(str, d.key))), d.superseded) for d in trial.doubled]
        yield table(("key", "superseded"), rows, title="Keys with more than one row")
    if trial.values_truncated:
        cut = list(trial.values_truncated.items())
        yield table(("column", "values"), cut, title="Cut to the length of their column")
    if trial.rows:
        rows = [tuple(map(_short_if_text, row)) for row in trial.rows]
        yield table(trial.columns, rows, title="The first rows")


def trial_json(trial: Trial, key: Sequence[str]) -> str:
    """Everything a trial has found."""
    return _document(
        {
            "files": [asdict(file) for file in trial.files],
            "counts": trial.counts.model_dump(),
            "reasons": [asdict(reason) for reason in trial.reasons],
            "doubled": [
                {"key": dict(zip(key, d.key, strict=True)), "superseded": d.superseded}
                for d in trial.doubled
            ],
            "values_truncated": trial.values_truncated,
            "rows": [dict(zip(trial.columns, row, strict=True)) for row in trial.rows],
            "blocked": list(trial.blocked),
        }
    )


def reason_tables(reasons: Sequence[ReasonSamples]) -> Iterator[Table]:
    """The reasons by count, then their samples."""
    if not reasons:
        return
    counts = [(r.column or _WHOLE_RECORD, r.reason, r.records) for r in reasons]
    yield table(("column", "reason", "records"), counts, title="Rejected, by reason")
    samples = [
        (r.column or _WHOLE_RECORD, r.reason, s.file, s.record, _short(s.value), _short(s.raw))
        for r in reasons
        for s in r.samples
    ]
    if samples:
        columns = ("column", "reason", "file", "record", "value", "raw")
        yield table(columns, samples, title="Samples")


def kept_table(source: str, hours: Sequence[KeptFiles]) -> Table:
    """Which hours have rejects, and whether they were loaded without them."""
    rows = [
        (str(kept.hour), kept.batch_id[:8], "yes" if kept.is_committed else "no", len(kept.files))
        for kept in hours
    ]
    return table(
        ("hour", "batch", "committed", "reject files"), rows, title=f"{source}, by hour (UTC)"
    )


def kept_json(hours: Sequence[KeptFiles], reasons: Sequence[ReasonSamples]) -> str:
    """The hours with their reject files, and the reasons of all of them together."""
    return _document(
        {
            "hours": [
                {
                    "hour": str(kept.hour),
                    "batch_id": kept.batch_id,
                    "is_committed": kept.is_committed,
                    "files": [str(file) for file in kept.files],
                }
                for kept in hours
            ],
            "reasons": [asdict(reason) for reason in reasons],
        }
    )


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _short_if_text(value: Any) -> Any:
    return _short(value) if isinstance(value, str) else value


def _document(found: dict[str, Any]) -> str:
    # Decimals and moments are strings: a JSON number may lose their digits.
    return json.dumps(found, indent=2, ensure_ascii=False, default=str) + "\n"
