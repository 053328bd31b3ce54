"""What people do in the UI of Dagster, in their words."""

import re
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from etl_platform_tests.ui.browser import picture


@dataclass(frozen=True)
class DagsterUi:
    """The UI at an address, in one tab."""

    page: Page
    address: str

    def hours_of(self, stage: str, source: str) -> None:
        """Open the page of an asset that shows its hours."""
        self._open(f"/assets/{stage}/{source}?view=partitions")

    def hour_of(self, stage: str, source: str, hour: str) -> None:
        """Open what is known of one hour of an asset."""
        self._open(f"/assets/{stage}/{source}?view=partitions&partition={hour}")

    def asset(self, stage: str, source: str) -> None:
        """Open the page of an asset."""
        self._open(f"/assets/{stage}/{source}")

    def group(self, source: str) -> None:
        """Open the lineage of a source."""
        self._open(f"/locations/etl_platform/asset-groups/{source}")

    def stop_all_automation(self) -> None:
        """Turn off whatever asks for runs by itself."""
        self._open("/automation")
        self.page.get_by_text("Select all").click()
        self.page.get_by_role("button", name="Actions").click()
        self.page.get_by_role("menuitem", name=re.compile("Stop")).click()
        self.page.get_by_role("button", name=re.compile("Stop .* automation")).click()
        expect(self.page.get_by_role("button", name="Done")).to_be_visible()

    def materialize(self, source: str, hours: str) -> None:
        """Ask for hours of all assets of a source: one, or a range as `[first...last]`."""
        self.group(source)
        self.page.get_by_role("button", name="Materialize all").first.click()
        selection = self.page.get_by_placeholder("ex: 20")
        selection.fill(hours)
        selection.press("Enter")
        self.page.get_by_role("button", name=re.compile("Launch")).last.click()
        expect(self.page.get_by_text(re.compile("Launched|Created backfill")).first).to_be_visible()

    def until_materialized(self, count: int) -> None:
        """Wait until so many hours of the asset that is open are there."""
        expect(self.page.get_by_text(f"Materialized ({count})")).to_be_visible(timeout=120_000)

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(text, exact=True).first).to_be_visible()

    def picture(self, name: str) -> None:
        """Keep what the tab shows."""
        picture(self.page, name)

    def _open(self, path: str) -> None:
        self.page.goto(self.address + path)
