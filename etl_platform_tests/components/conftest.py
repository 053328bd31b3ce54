"""The runner of Glue jobs, for the tests of what starts them, and the stage of the sweep."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_platform_tests.components import daemon
from etl_platform_tests.components.sweeping import Stage
from etl_platform_tests.infra.local.conftest import aws_port
from etl_platform_tests.infra.local.glue.conftest import runner

__all__ = ["aws_port", "runner"]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with daemon.instance() as instance:
        yield Stage(instance, tmp_path)
