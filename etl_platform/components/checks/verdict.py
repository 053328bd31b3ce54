"""What a check finds, before Dagster is told of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from etl_platform.contract.hour import Hour, stretches

_MOST_STRETCHES: Final = 12


@dataclass(frozen=True)
class Verdict:
    """The answer of one check. `text` is for people: what happened, which hours, what to do."""

    grade: Literal["passed", "warn", "error"]
    text: str
    facts: dict[str, Any] = field(default_factory=dict)


def passed(text: str, **facts: Any) -> Verdict:
    return Verdict("passed", text, facts)


def warn(text: str, **facts: Any) -> Verdict:
    return Verdict("warn", text, facts)


def error(text: str, **facts: Any) -> Verdict:
    return Verdict("error", text, facts)


def hours_text(hours: Iterable[Hour]) -> str:
    """Hours in words, oldest first: those that follow each other as one stretch."""
    ordered = list(hours)
    found = list(stretches(ordered, max(len(ordered), 1)))
    shown = [_stretch(*stretch) for stretch in found[:_MOST_STRETCHES]]
    left = len(found) - len(shown)
    return ", ".join([*shown, *([f"and {left} stretches more"] if left else [])])


def _stretch(first: Hour, last: Hour) -> str:
    return str(first) if first == last else f"{first} to {last}"


def counted(items: Sequence[object], noun: str) -> str:
    """`1 hour`, `2 hours`"""
    return f"{len(items)} {noun}" + ("" if len(items) == 1 else "s")
