"""What a benchmark found, as Markdown for the documents and as JSON for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from etl_platform_tests.benchmarks.runs import Runs


@dataclass(frozen=True)
class Target:
    """A figure that is promised, and the one that was measured."""

    text: str
    measured: float
    limit: float
    is_least: bool
    """Whether the limit is the least; else it is the most."""
    by_cpu: float | None = None
    """The same figure of CPU seconds, which other work on the machine hardly changes."""

    @property
    def is_met(self) -> bool:
        return self.measured >= self.limit if self.is_least else self.measured <= self.limit

    def as_markdown(self) -> str:
        bound = "at least" if self.is_least else "at most"
        verdict = "met" if self.is_met else "missed"
        cpu = f"; by CPU seconds {self.by_cpu:.2f}" if self.by_cpu is not None else ""
        return f"- {self.text}: **{self.measured:.2f}** ({bound} {self.limit:g}: {verdict}{cpu})"


@dataclass(frozen=True)
class Finding:
    """One table, with the targets that it is held against."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    targets: Sequence[Target] = ()
    runs: Sequence[Runs] = ()

    def as_markdown(self) -> str:
        rule = ["---", *["---:"] * (len(self.header) - 1)]
        lines = [" | ".join(cells) for cells in (self.header, rule, *self.rows)]
        table = "\n".join(f"| {line} |" for line in lines)
        promises = "\n".join(target.as_markdown() for target in self.targets)
        return "\n\n".join(filter(None, (f"### {self.title}", table, promises)))

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "header": list(self.header),
            "rows": [list(row) for row in self.rows],
            "targets": [asdict(t) | {"is_met": t.is_met} for t in self.targets],
            "runs": [runs.as_json() for runs in self.runs],
        }


_RACE_HEADER = (
    "side",
    "MB",
    "best s",
    "median s",
    "CPU s",
    "with start-up s",
    "peak MB",
    "MB/s",
    "beside single_node",
)


def of_race(title: str, runs: Sequence[Runs], targets: Sequence[Target] = ()) -> Finding:
    """The costs of every side, fastest first, and how many times as fast single_node is."""
    ours = named(runs, "single_node")
    return Finding(
        title,
        _RACE_HEADER,
        [
            (
                side.side,
                f"{side.size_bytes / 1e6:.0f}",
                f"{side.best.seconds:.2f}",
                f"{side.median_seconds:.2f}",
                f"{side.cpu_seconds:.2f}",
                f"{side.process_seconds:.2f}",
                f"{side.peak_bytes / 1e6:.0f}",
                f"{side.megabytes_a_second:.0f}",
                f"{times_as_fast(ours, side):.2f} x",
            )
            for side in sorted(runs, key=lambda side: -side.megabytes_a_second)
        ],
        targets,
        runs,
    )


def named(runs: Sequence[Runs], side: str) -> Runs:
    return next(found for found in runs if found.side == side)


def times_as_fast(one: Runs, other: Runs) -> float:
    """By bytes a second, because not all sides of a race are given the same file."""
    return one.megabytes_a_second / other.megabytes_a_second


def times_the_work(one: Runs, other: Runs) -> float:
    """By the bytes that a CPU second takes; above 1, the other needs more of them."""
    return (one.size_bytes / one.cpu_seconds) / (other.size_bytes / other.cpu_seconds)
