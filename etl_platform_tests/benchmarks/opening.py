"""The pages of Dagster's UI on many sources: how long until each shows what it has."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from etl_platform_tests.benchmarks.tables import Finding, Target
from etl_platform_tests.benchmarks.workspace import HOURS
from etl_platform_tests.ui.browser import installed, tab
from etl_platform_tests.ui.many_sources import many_sources
from etl_platform_tests.ui.views import listening, open_view, views


@dataclass(frozen=True)
class Pages:
    """How many sources there are, and how many hours of one of them are loaded."""

    sources: int
    hours: int
    rounds: int = 3


def of_pages(pages: Pages) -> Iterator[Finding]:
    """Every view in turn, again and again, in one tab."""
    browser = installed()
    assert browser is not None, "there is no Chromium: `apt-get install chromium`, or Chrome"
    seconds: dict[str, list[float]] = {}
    with (
        many_sources(pages.sources, pages.hours) as many,
        tab(browser) as page,
        listening(page) as complaints,
    ):
        for _ in range(pages.rounds):
            for view in views(many):
                seconds.setdefault(view.name, []).append(open_view(page, many, view))
    assert not complaints, complaints
    slowest = max(median(later) for _, *later in seconds.values())
    yield Finding(
        f"Pages of {pages.sources} sources of {HOURS:,} hours each, {pages.hours:,} of one loaded",
        ("page", "first time, s", "then, median s"),
        [
            (name, f"{first:.1f}", f"{median(later):.1f}")
            for name, (first, *later) in seconds.items()
        ],
        [Target("seconds of the slowest page, after the first time", slowest, 5, is_least=False)],
    )
