"""The system's Chromium, with one tab."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, expect, sync_playwright

from etl_platform_tests.benchmarks.data import CHECKOUT

PICTURES: Final = CHECKOUT / ".etl" / "ui"
"""Where the pictures of the last run lie."""

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_QUIET: Final = (
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-first-run", "--disable-gpu"),
)
_PATIENCE_MS: Final = 60_000


def installed() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def tab(executable: str) -> Iterator[Page]:
    # As root, which tests in a container are, Chromium has no sandbox.
    arguments = [*_QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=arguments)
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(_PATIENCE_MS)
        # Pages are as fast as what else the machine does: five seconds say nothing of the page.
        expect.set_options(timeout=_PATIENCE_MS)
        yield page
        chromium.close()


def picture(page: Page, name: str) -> Path:
    """Keep what the tab shows."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    file = PICTURES / f"{name}.png"
    page.screenshot(path=file)
    return file
