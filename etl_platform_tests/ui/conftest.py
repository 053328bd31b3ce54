"""The laptop with Dagster, and a browser on its UI."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from rich.console import Console

from etl_platform.aws.s3 import S3
from etl_platform.contract.reading import read_contracts
from etl_platform.settings import DAGSTER_URL, Settings
from etl_platform_tests.e2e.platform import forget_clients
from etl_platform_tests.ui.browser import installed, tab
from etl_platform_tests.ui.dagster_ui import DagsterUi
from infra.local.demo.feeder import Feeder
from infra.local.laptop import bring_up_with_dagster, take_down


@pytest.fixture(scope="session")
def browser() -> str:
    found = installed()
    if found is None:
        pytest.skip("there is no Chromium: `apt-get install chromium`, or Chrome")
    return found


# Not longer than the tests of one file: others of the same process have an environment and an
# event loop of their own.
@pytest.fixture(scope="module")
def feeder_and_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Feeder, str]]:
    environment = dict(os.environ)
    state_dir, quiet = tmp_path_factory.mktemp("ui"), Console(quiet=True)
    forget_clients()
    try:
        dagster = bring_up_with_dagster(state_dir, quiet)
        os.environ[DAGSTER_URL] = dagster.address
        yield Feeder(S3(), Settings.read().names, read_contracts()), dagster.address
    finally:
        take_down(state_dir, quiet, reset=True)
        os.environ.clear()
        os.environ.update(environment)
        forget_clients()


@pytest.fixture
def feeder(feeder_and_address: tuple[Feeder, str]) -> Feeder:
    return feeder_and_address[0]


@pytest.fixture(scope="module")
def page(browser: str) -> Iterator[Page]:
    with tab(browser) as page:
        yield page


@pytest.fixture
def ui(page: Page, feeder_and_address: tuple[Feeder, str]) -> DagsterUi:
    return DagsterUi(page, feeder_and_address[1])
