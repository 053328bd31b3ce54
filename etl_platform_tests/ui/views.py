"""The views of Dagster's UI that people use day by day, each with what has to be seen in it."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Error, Page, Response, expect

from etl_platform_tests.benchmarks.workspace import FIRST, HOURS
from etl_platform_tests.ui.browser import picture
from etl_platform_tests.ui.many_sources import ManySources

_DAY: Final = 24
_PYTHON_ERROR: Final = re.compile(r'"__typename": ?"PythonError"')
_TOAST: Final = "[class*=toast][class*=intent-danger]"


@dataclass(frozen=True)
class View:
    """A page by its address, or what a click in the page before opens."""

    name: str
    texts: tuple[str, ...]
    path: str | None = None
    act: Callable[[Page], None] | None = None


@contextmanager
def listening(page: Page) -> Iterator[list[str]]:
    """What the pages of a tab complain of meanwhile, whether a person would see it or not."""
    complaints: list[str] = []

    def answered(response: Response) -> None:
        complaints.extend(_complaint(response))

    def crashed(error: Error) -> None:
        complaints.append(f"a script has crashed: {error}")

    page.on("response", answered)
    page.on("pageerror", crashed)
    try:
        yield complaints
    finally:
        page.remove_listener("response", answered)
        page.remove_listener("pageerror", crashed)


def _complaint(response: Response) -> Iterator[str]:
    if urlsplit(response.url).path != "/graphql":
        return
    asked = (response.request.post_data_json or {}).get("operationName")
    try:
        body = response.text()
    except Error:
        return  # the tab has gone on before the answer was whole
    if response.status >= HTTPStatus.BAD_REQUEST or "errors" in json.loads(body):
        yield f"{asked} was refused: {body[:500]}"
    elif _PYTHON_ERROR.search(body):
        yield f"{asked} ended with a Python error: {body[:500]}"


def views(many: ManySources) -> list[View]:
    """In the order in which somebody who looks for a source would open them."""
    source = many.source
    table, location = f"/assets/redshift/{source}", "/locations/etl_platform"
    last = FIRST.plus(many.hours - 1)
    partitions = f"{HOURS:,}"
    return [
        View("catalog", ("parquet / source_000",), "/assets"),
        View("global lineage", ("source_000",), "/asset-groups"),
        View(
            "lineage of a source",
            (f"{partitions} partitions",),
            f"{location}/asset-groups/{source}",
        ),
        View("table", (f"nyc.{source}", "manifest is there"), table),
        View(
            "hours of a table",
            (f"{partitions} Partitions Selected", f"Materialized ({many.hours})"),
            f"{table}?view=partitions",
        ),
        View(
            "launch dialog",
            (
                f"{_DAY} partitions",
                f"with a maximum of {_DAY} partitions per run",
                "Launch backfill",
            ),
            act=_choose_a_day,
        ),
        View(
            "one hour",
            ("rows_loaded", "seconds_since_manifest"),
            f"{table}?view=partitions&partition={last}",
        ),
        View("events of a table", (str(last),), f"{table}?view=events"),
        View("checks", ("counts_reconcile", "completeness"), f"{table}?view=checks"),
        View("lineage of a table", (source,), f"{table}?view=lineage"),
        View("automation", ("manifest_sensor", "watch_hours_schedule"), "/automation"),
        View("sensor", ("manifest_sensor",), f"{location}/sensors/manifest_sensor"),
        View("schedule", ("watch_hours",), f"{location}/schedules/watch_hours_schedule"),
        View("jobs", ("load_source_000",), "/jobs"),
        View("runs", (f"load_{source}",), "/runs"),
        View("deployment", ("Loaded",), "/deployment/locations"),
    ]


def open_view(page: Page, many: ManySources, view: View) -> float:
    """Open a view, wait for its texts, keep a picture of it; the seconds until they were there."""
    began = time.perf_counter()
    if view.path is not None:
        page.goto(many.address + view.path)
    if view.act is not None:
        view.act(page)
    for text in view.texts:
        expect(page.get_by_text(text).first).to_be_visible()
    seconds = time.perf_counter() - began
    expect(page.locator(_TOAST)).to_have_count(0)
    picture(page, f"many-{view.name.replace(' ', '-')}")
    return seconds


def _choose_a_day(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Materialize")).first.click()
    dialog = page.get_by_role("dialog")
    # It opens with the newest 90 days.
    dialog.get_by_text("Show all partitions").click()
    selection = dialog.get_by_placeholder(f"ex: {FIRST}")
    selection.fill(f"[{FIRST}...{FIRST.plus(_DAY - 1)}]")
    selection.press("Enter")
