"""Two hundred sources with five years of hours each, in a browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from etl_platform_tests.ui.many_sources import ManySources, many_sources
from etl_platform_tests.ui.views import listening, open_view, views

SOURCES = 200
HOURS = 24 * 14
HTML: dict[str, Any] = {"content_type": "text/html"}


@pytest.fixture(scope="module")
def many(browser: str) -> Iterator[ManySources]:
    """Asks for the browser first, so that nothing is served where there is none."""
    with many_sources(SOURCES, HOURS) as served:
        yield served


def test_every_view_opens_with_what_has_to_be_in_it_and_nothing_complains(
    many: ManySources, page: Page
) -> None:
    with listening(page) as complaints:
        for view in views(many):
            open_view(page, many, view)
    assert complaints == []
    told = many.log.read_text()
    assert "Uvicorn running" in told or "Serving dagster-webserver" in told
    assert "Traceback" not in told
    assert " - ERROR - " not in told


ASKS = """<script>
fetch("/graphql?op=Q", {method: "POST", body: JSON.stringify({operationName: "Q"})})
  .then(answer => answer.text()).then(() => { document.title = "answered" })
</script>"""


@pytest.mark.parametrize(
    ("status", "answer", "complaints"),
    [
        (200, '{"data": {"runs": [{"errors": []}]}}', []),
        (200, '{"data": {"a": 1}, "errors": [{"message": "no"}]}', ["Q was refused"]),
        (500, "oh no", ["Q was refused"]),
        (200, '{"data": {"a": {"__typename": "PythonError"}}}', ["Q ended with a Python error"]),
    ],
)
def test_a_query_that_fails_behind_a_page_is_a_complaint(
    page: Page, status: int, answer: str, complaints: list[str]
) -> None:
    page.route("http://dagster.test/", lambda route: route.fulfill(body=ASKS, **HTML))
    page.route("**/graphql*", lambda route: route.fulfill(status=status, body=answer))
    with listening(page) as heard:
        page.goto("http://dagster.test/")
        expect(page).to_have_title("answered")
    page.unroute_all()
    assert [one.partition(":")[0] for one in heard] == complaints


def test_a_script_that_crashes_is_a_complaint(page: Page) -> None:
    crash = "<script>throw Error('no')</script>"
    page.route("http://dagster.test/", lambda route: route.fulfill(body=crash, **HTML))
    with listening(page) as heard:
        page.goto("http://dagster.test/")
    page.unroute_all()
    assert heard == ["a script has crashed: no"]
