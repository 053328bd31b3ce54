"""How time and memory grow with the bytes of a file, the files of an hour and the hours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from etl_platform_tests.benchmarks.comparisons import SINGLE_NODE
from etl_platform_tests.benchmarks.data import BYTES_OF_SCALE_ONE, lineitem, pieces
from etl_platform_tests.benchmarks.runs import Job, Run, race
from etl_platform_tests.benchmarks.tables import Finding, Target

WORKER_BYTES: Final = 4 * 1024**3
"""The memory that the engine is told of: half of it is what it may take in all."""

_KEPT_BYTES: Final = 1_500_000_000
"""Larger files are made again each time, because the disk of a laptop is better left free."""


@dataclass(frozen=True)
class Sizes:
    gigabytes: Sequence[float]
    files: Sequence[int]
    hours: Sequence[int]
    scale_of_pieces: float


def of_bytes(sizes: Sizes) -> Iterator[Finding]:
    rows = []
    done: list[Run] = []
    for gigabytes in sizes.gigabytes:
        file = lineitem("csv", round(gigabytes * 1e9 / BYTES_OF_SCALE_ONE, 3))
        job = Job("csv", [file], memory_bytes=WORKER_BYTES)
        (runs,) = race([(SINGLE_NODE, job)], 1)
        run = runs.best
        per_gigabyte = run.seconds / job.size_bytes * 1e9
        rows.append(
            (f"{job.size_bytes / 1e9:.2f}", *_costs(run), f"{per_gigabyte:.1f}", f"{run.rows:,}")
        )
        done.append(run)
        if job.size_bytes > _KEPT_BYTES:
            file.unlink()
    peak = max(run.peak_bytes for run in done) / 2**30
    yield Finding(
        "One file that grows, on a worker with 4 GB",
        ("GB", *_COSTS, "s for 1 GB", "rows"),
        rows,
        [Target("GB of memory at the peak", peak, 2, is_least=False)],
    )


def of_files(sizes: Sizes) -> Iterator[Finding]:
    yield _of_pieces("One hour in many files", "files", sizes, [(n, 1) for n in sizes.files])


def of_hours(sizes: Sizes) -> Iterator[Finding]:
    yield _of_pieces("One order of many hours", "hours", sizes, [(n, n) for n in sizes.hours])


def _of_pieces(title: str, noun: str, sizes: Sizes, cuts: Sequence[tuple[int, int]]) -> Finding:
    """The same rows in each of the cuts, a cut being files and hours."""
    rows = []
    base: float | None = None
    for files, hours in cuts:
        job = Job("csv", pieces(sizes.scale_of_pieces, files), hours, WORKER_BYTES)
        (runs,) = race([(SINGLE_NODE, job)], 1)
        run = runs.best
        base = run.seconds if base is None else base
        extra = (run.seconds - base) / (files - 1) * 1000 if files > 1 else 0.0
        rows.append((f"{files:,}", f"{job.size_bytes / 1e6:.0f}", *_costs(run), f"{extra:.1f}"))
    return Finding(title, (noun, "MB", *_COSTS, f"ms for each of the {noun}"), rows)


_COSTS = ("s", "CPU s", "peak MB")


def _costs(run: Run) -> tuple[str, ...]:
    return f"{run.seconds:.2f}", f"{run.cpu_seconds:.2f}", f"{run.peak_bytes / 1e6:.0f}"
