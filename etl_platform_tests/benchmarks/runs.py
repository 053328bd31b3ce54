"""Sides as processes of their own, one at a time and in turns, with what each of them cost."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import duckdb
import psutil

from etl_platform_tests.benchmarks.data import CACHE, CHECKOUT, COLUMNS, KEY, Kind

_LOOKS_A_SECOND: Final = 4
"""At the memory of a side's processes. Each look takes some milliseconds from a core."""


@dataclass(frozen=True)
class Side:
    """A program that does the job: a module, and what it takes besides files and columns."""

    name: str
    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    is_rival: bool = False
    """Whether it runs in the environment of the rivals."""


@dataclass(frozen=True)
class Job:
    """Files to convert. Their rows are the whole of one lineitem."""

    kind: Kind
    files: Sequence[Path]
    hours: int = 1
    memory_bytes: int | None = None

    @property
    def size_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.files)


@dataclass(frozen=True)
class Run:
    """What one run of a side has cost, or why it failed.

    `seconds` and `cpu_seconds` are those of the work; `process_seconds` have the start-up in them.
    `peak_bytes` is the resident memory of all its processes, looked at now and then.
    """

    process_seconds: float
    peak_bytes: int
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    rows: int = 0
    digest: str = ""
    kept_aside: int = 0
    error: str = ""


@dataclass(frozen=True)
class Runs:
    """All runs of one side in one race."""

    side: str
    size_bytes: int
    runs: tuple[Run, ...]

    @property
    def best(self) -> Run:
        return min(self.runs, key=lambda run: run.seconds)

    @property
    def median_seconds(self) -> float:
        return median(run.seconds for run in self.runs)

    @property
    def cpu_seconds(self) -> float:
        return min(run.cpu_seconds for run in self.runs)

    @property
    def process_seconds(self) -> float:
        return min(run.process_seconds for run in self.runs)

    @property
    def peak_bytes(self) -> int:
        return max(run.peak_bytes for run in self.runs)

    @property
    def megabytes_a_second(self) -> float:
        return self.size_bytes / 1e6 / self.best.seconds

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def race(sides: Sequence[tuple[Side, Job]], rounds: int) -> list[Runs]:
    """Run every side `rounds` times, in turns, so that what else the machine does meets all.

    Raises AssertionError if a side fails, or if two have not made the same rows of the same job.
    """
    for file in {file for _, job in sides for file in job.files}:
        _warm(file)
    found = in_turns([(side.name, partial(run, side, job)) for side, job in sides], rounds)
    made: dict[tuple[Path, ...], tuple[int, str]] = {}
    for (side, job), runs in zip(sides, found, strict=True):
        for done in runs:
            first = made.setdefault(tuple(job.files), (done.rows, done.digest))
            assert first == (done.rows, done.digest), (side.name, done, first)
    return [
        Runs(side.name, job.size_bytes, tuple(runs))
        for (side, job), runs in zip(sides, found, strict=True)
    ]


def in_turns(sides: Sequence[tuple[str, Callable[[], Run]]], rounds: int) -> list[list[Run]]:
    """The runs of every side, which take turns. Raises AssertionError if a side fails."""
    found: list[list[Run]] = [[] for _ in sides]
    for _ in range(rounds):
        for (name, run_once), runs in zip(sides, found, strict=True):
            done = run_once()
            assert not done.error, (name, done.error)
            runs.append(done)
    return found


def run(side: Side, job: Job) -> Run:
    """Run a side once, in a folder that is gone afterwards."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=CACHE) as name:
        return run_in(Path(name), side, job)


def run_in(folder: Path, side: Side, job: Job) -> Run:
    """Run a side once; its rows stay in `folder` as `rows.parquet` or below `rows`."""
    order = {
        "kind": job.kind,
        "files": [str(file) for file in job.files],
        "out": str(folder),
        "columns": COLUMNS,
        "key": KEY,
        "hours": job.hours,
        "memory_bytes": job.memory_bytes,
        **side.options,
    }
    done = carry_out(folder, side, order)
    if done.error:
        return done
    rows, digest = _digest(folder)
    return replace(done, rows=rows, digest=digest)


def carry_out(folder: Path, side: Side, order: Mapping[str, Any]) -> Run:
    """Run a side once with an order of its own; its rows are not looked at."""
    (folder / "tmp").mkdir()
    python = str(_rivals_python() if side.is_rival else sys.executable)
    told = folder / "job.json"
    told.write_text(json.dumps(order))
    command = [python, "-m", f"etl_platform_tests.benchmarks.{side.module}", str(told)]
    # The files of the other engines and of the spill lie on the same disk, and links can be made.
    environment = os.environ | {"TMPDIR": str(folder / "tmp")}
    started = time.perf_counter()
    with (folder / "stdout").open("w+") as out, (folder / "stderr").open("w+") as err:
        with subprocess.Popen(
            command, cwd=CHECKOUT, env=environment, stdout=out, stderr=err, text=True
        ) as process:
            peak_bytes = _watch(process)
        process_seconds = time.perf_counter() - started
        out.seek(0)
        err.seek(0)
        said, complaint = out.read(), err.read()
    if process.returncode:
        return Run(process_seconds, peak_bytes, error=_last_line(complaint))
    facts = json.loads(said.rstrip().rpartition("\n")[2])
    return Run(process_seconds, peak_bytes, **facts)


def _watch(process: subprocess.Popen[str]) -> int:
    peak_bytes = 0
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak_bytes = max(peak_bytes, sum(one.memory_info().rss for one in family))
        except psutil.NoSuchProcess:
            continue
        time.sleep(1 / _LOOKS_A_SECOND)
    return peak_bytes


def _last_line(complaint: str) -> str:
    lines = [line for line in complaint.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it ended without a word"


def rows_in(folder: Path) -> str:
    """What DuckDB is to read to get the rows that a side has left."""
    found = [
        str(f) for f in (folder / "rows.parquet", *folder.glob("rows/*.parquet")) if f.exists()
    ]
    return f"read_parquet({found})"


def _digest(folder: Path) -> tuple[int, str]:
    """The number of the rows, and a digest of their bag that does not know their order."""
    values = ", ".join(f'"{name}"::{kind}' for name, kind in COLUMNS.items())
    query = f"SELECT count(*), sum(hash({values})::HUGEINT)::VARCHAR FROM {rows_in(folder)}"
    with duckdb.connect() as connection:
        found = connection.execute(query).fetchone()
    assert found is not None
    return found


def _warm(file: Path) -> None:
    with file.open("rb") as body:
        while body.read(1 << 24):
            pass


def _rivals_python() -> Path:
    """The environment of the rivals, made anew when their requirements have changed."""
    requirements = Path(__file__).parent / "rivals" / "requirements.txt"
    folder = CACHE / "rivals"
    mark = folder / "requirements.txt"
    if not mark.exists() or mark.read_text() != requirements.read_text():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run(
            [*pip, "install", "--quiet", "--requirement", str(requirements)],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        shutil.copyfile(requirements, mark)
    return folder / "bin" / "python"
