"""What a trial and kept rejects look like: tables for people, one JSON document for programs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from etl_platform.commands.rendering import printable, table
from etl_platform.convert.reasons import Reason
from etl_platform.convert.rejected import KeptFiles, ReasonSamples, Sample
from etl_platform.convert.trial import Trial

_MOST_SHOWN: Final = 100
_MOST_ROWS: Final = 3
"""They stand beside each other, because a contract has more columns than a terminal."""

_WHOLE_RECORD: Final = "(the record)"
_WHOLE_FILE: Final = "(the file)"


def trial_tables(trial: Trial) -> Iterator[RenderableType]:
    """Files, counts, reasons, doubled keys and rows, as far as there are any."""
    files = [(f.name, f.size_bytes, None if f.error else f.records) for f in trial.files]
    title = "Files (null: unreadable)" if any(f.error for f in trial.files) else "Files"
    yield table(("file", "bytes", "records"), files, title=title)
    counts = trial.counts.model_dump()
    yield table(tuple(counts), [tuple(counts.values())], title="Records")
    yield from reasons_shown(trial.reasons)
    unknown = sorted({name for file in trial.files for name in file.unknown_fields})
    if unknown:
        yield Text(printable(f"Not in the contract: {', '.join(unknown)}"))
    if trial.doubled:
        rows = [(_short(", ".join(map(str, d.key))), d.superseded) for d in trial.doubled]
        yield table(("key", "superseded"), rows, title="Doubled keys")
    if trial.values_truncated:
        cut = list(trial.values_truncated.items())
        yield table(("column", "values"), cut, title="Cut to the length of their column")
    if trial.rows:
        shown = trial.rows[:_MOST_ROWS]
        cells = [tuple(map(_short_if_text, row)) for row in shown]
        numbers = (f"row {number}" for number, _ in enumerate(shown, 1))
        rows = list(zip(trial.columns, trial.types, *cells, strict=True))
        yield table(("column", "type", *numbers), rows, title="The first rows")


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


def reasons_shown(reasons: Sequence[ReasonSamples]) -> Iterator[RenderableType]:
    """The reasons by count, then their samples: of each its place, its value and its raw text."""
    if not reasons:
        return
    counts = [(_subject(r), r.reason, r.records) for r in reasons]
    yield table(("column", "reason", "records"), counts, title="Rejected, by reason")
    # No table: names of files and reasons leave no room for what stands beside them.
    for reason in reasons:
        for number, sample in enumerate(reason.samples):
            if number == 0:
                yield Text(f"{_subject(reason)}: {reason.reason}", style="bold")
            yield from _sample_lines(sample)


def _subject(reason: ReasonSamples) -> str:
    if reason.reason == Reason.UNREADABLE_FILE:
        return _WHOLE_FILE
    return reason.column or _WHOLE_RECORD


def _sample_lines(sample: Sample) -> Iterator[Padding]:
    place = sample.file if sample.record == 0 else f"{sample.file} record {sample.record}"
    value = "" if sample.value is None else f": {_short(sample.value)}"
    yield _indented(Text(printable(f"{place}{value}")), 2)
    raw = sample.raw if sample.record == 0 else _short(sample.raw)
    yield _indented(Text(printable(raw), style="dim"), 4)


def _indented(text: Text, columns: int) -> Padding:
    return Padding(text, (0, 0, 0, columns), expand=False)


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


def _short(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _short_if_text(value: Any) -> Any:
    return _short(value) if isinstance(value, str) else value


def _document(found: dict[str, Any]) -> str:
    # Decimals and moments are strings: a JSON number may lose their digits.
    return json.dumps(found, indent=2, ensure_ascii=False, default=str) + "\n"
