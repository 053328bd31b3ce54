"""`make bench`: measure conversions beside their rivals, as tables and as JSON.

python -m etl_platform_tests.benchmarks [--size quick|moderate|full] [--docs] [NAME ...]
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from etl_platform_tests.benchmarks import (
    changing,
    comparisons,
    dirt,
    filling,
    growth,
    living,
    loading,
    machine,
    opening,
    scaling,
    storing,
    upserting,
)
from etl_platform_tests.benchmarks.changing import Changes
from etl_platform_tests.benchmarks.comparisons import Scales
from etl_platform_tests.benchmarks.data import CACHE, CHECKOUT
from etl_platform_tests.benchmarks.growth import Sizes
from etl_platform_tests.benchmarks.living import Extent
from etl_platform_tests.benchmarks.loading import Loads
from etl_platform_tests.benchmarks.opening import Pages
from etl_platform_tests.benchmarks.scaling import Breadth
from etl_platform_tests.benchmarks.tables import Finding
from etl_platform_tests.benchmarks.upserting import Upserts
from etl_platform_tests.benchmarks.workspace import HOURS
from etl_platform_tests.benchmarks.year import figures
from etl_platform_tests.benchmarks.year.world import Span

RESULTS: Final = CACHE / "results.json"
PAPER: Final = CHECKOUT / "docs" / "benchmarks.md"
BEGIN: Final = "<!-- figures, written by the benchmarks -->"

SCALES: Final = {
    "quick": Scales(csv=0.02, json=0.01, xml=0.005, slow=0.005, rounds=1),
    "moderate": Scales(csv=0.15, json=0.05, xml=0.01, slow=0.02),
    "full": Scales(csv=0.6, json=0.2, xml=0.03, slow=0.06),
}
SIZES: Final = {
    "quick": Sizes((0.01, 0.05), (1, 20), (1, 20), scale_of_pieces=0.01),
    "moderate": Sizes((0.1, 0.5, 1), (1, 100, 1000), (1, 100), scale_of_pieces=0.131),
    "full": Sizes((0.1, 1, 4), (1, 100, 5000), (1, 1000), scale_of_pieces=0.131),
}

EXTENTS: Final = {
    "quick": Extent(live_hours=2, backlog_hours=12, past_hours=48, alone=1),
    "moderate": Extent(live_hours=20, backlog_hours=168, past_hours=720, alone=3),
    "full": Extent(live_hours=50, backlog_hours=720, past_hours=8760, alone=5),
}
LOADS: Final = {
    "quick": Loads(copied=0.05, slow=0.01, rounds=1),
    "moderate": Loads(copied=0.2, slow=0.02),
    "full": Loads(copied=0.5, slow=0.05),
}
CHANGES: Final = {
    "quick": Changes(scales=(0.01, 0.05), hours=24, rounds=1),
    "moderate": Changes(scales=(0.1, 0.4), hours=168),
    "full": Changes(scales=(1 / 6, 10 / 6), hours=720),
}

BREADTHS: Final = {
    "quick": Breadth(sources=5, manifests=(0, 10), known=(10, 100), rounds=1),
    "moderate": Breadth(sources=100, manifests=(0, 100, 1000), known=(10, 10_000)),
    "full": Breadth(sources=200, manifests=(0, 100, 5000), known=(10, 1000, 100_000)),
}

PAGES: Final = {
    "quick": Pages(sources=5, hours=168, rounds=2),
    "moderate": Pages(sources=100, hours=365 * 24),
    "full": Pages(sources=200, hours=HOURS, rounds=4),
}

SPANS: Final = {
    "quick": Span(hours=72, clocked_hours=24, downs=1, outages=2, kept_days=1),
    "moderate": Span(hours=2190, clocked_hours=336, downs=3, outages=4),
    "full": Span(hours=8760, clocked_hours=720, downs=10, outages=8),
}

ROUNDS: Final = {"quick": 1, "moderate": 3, "full": 7}

UPSERTS: Final = {
    "quick": Upserts(table_rows=2_000, batch_rows=200, rounds=3),
    "moderate": Upserts(table_rows=100_000, batch_rows=10_000, rounds=7),
    "full": Upserts(table_rows=1_000_000, batch_rows=100_000, rounds=9),
}


def benchmarks(size: str) -> dict[str, Callable[[], Iterator[Finding]]]:
    scales, sizes, extent = SCALES[size], SIZES[size], EXTENTS[size]
    loads, changes = LOADS[size], CHANGES[size]
    return {
        "no-checks": lambda: comparisons.against_no_checks(scales),
        "pyspark": lambda: comparisons.against_pyspark(scales),
        "libraries": lambda: comparisons.against_libraries(scales),
        "dirt": dirt.of_dirt,
        "bytes": lambda: growth.of_bytes(sizes),
        "files": lambda: growth.of_files(sizes),
        "hours": lambda: growth.of_hours(sizes),
        "live": lambda: living.of_live_hours(extent),
        "copy": lambda: loading.of_copy(loads),
        "upsert": lambda: changing.of_upsert(changes),
        "month": lambda: changing.of_month(changes),
        "upserts": lambda: upserting.of_methods(UPSERTS[size]),
        "events": lambda: storing.of_events(ROUNDS[size]),
        "backlog": lambda: living.of_backlog(extent),
        "past": lambda: filling.of_past(extent),
        "definitions": lambda: scaling.of_definitions(BREADTHS[size]),
        "pages": lambda: opening.of_pages(PAGES[size]),
        "ticks": lambda: scaling.of_ticks(BREADTHS[size]),
        "sweeps": lambda: scaling.of_sweeps(BREADTHS[size]),
        "year": lambda: figures.of_year(SPANS[size]),
    }


def main(arguments: list[str]) -> None:
    known = list(benchmarks("quick"))
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--size", choices=list(SCALES), default="moderate")
    parser.add_argument("--docs", action="store_true", help=f"write the figures into {PAPER.name}")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(known):
        parser.error(f"there is no benchmark {min(unknown)}; there are {', '.join(known)}")
    head = [
        f"`python -m etl_platform_tests.benchmarks {shlex.join(arguments)}`",
        f"{datetime.now(UTC):%Y-%m-%d}, {machine.described()}",
    ]
    say("\n".join(head))
    findings = []
    for name in options.names or known:
        for finding in benchmarks(options.size)[name]():
            say(finding.as_markdown())
            findings.append(finding)
    CACHE.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(
        json.dumps({"head": head, "findings": [f.as_json() for f in findings]}, indent=2)
    )
    say(f"All runs: {RESULTS.relative_to(CHECKOUT)}")
    if options.docs:
        write_docs(PAPER, "\n\n".join(["\n\n".join(head), *(f.as_markdown() for f in findings)]))


def write_docs(paper: Path, figures: str) -> None:
    """Replace everything after the mark."""
    told, mark, _ = paper.read_text().partition(BEGIN)
    assert mark, f"{paper} has no line {BEGIN}"
    paper.write_text(f"{told}{BEGIN}\n\n{figures}\n")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
