"""One real warehouse for all tests of this folder."""

from collections.abc import Iterator

import pytest

from etl_platform_tests.load.endpoint import Endpoint, running_endpoint


@pytest.fixture(scope="package")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with running_endpoint(tmp_path_factory.mktemp("publish")) as running:
        running.bootstrap()
        yield running
