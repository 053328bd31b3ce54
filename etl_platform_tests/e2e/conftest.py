"""The whole platform on this machine: real templates, Lambda, queue, Glue jobs and warehouse."""

from collections.abc import Iterator
from itertools import count

import dagster as dg
import pytest
from rich.console import Console

from etl_platform.aws.s3 import S3
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.reading import read_contracts
from etl_platform_tests.e2e.platform import Platform, forget_clients
from infra.local.demo.feeder import Feeder
from infra.local.laptop import bring_up
from infra.local.stack import NAMESPACE, LocalStack


@pytest.fixture(scope="session")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    stack = bring_up(tmp_path_factory.mktemp("laptop"), Console(quiet=True))
    yield stack
    stack.down(reset=True)


@pytest.fixture
def platform(laptop: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    for name, value in laptop.environment().items():
        monkeypatch.setenv(name, value)
    forget_clients()
    names = Names(NAMESPACE)
    quiet = {"python_logs": {"python_log_level": "ERROR"}}
    with dg.instance_for_test(overrides=quiet) as instance:
        yield Platform(names, Feeder(S3(), names, read_contracts()), instance)
    forget_clients()


@pytest.fixture(scope="session")
def days() -> Iterator[Hour]:
    return (Hour.parse("2013-02-01-00").plus(24 * number) for number in count())


@pytest.fixture
def first_hour(days: Iterator[Hour]) -> Hour:
    """A day of 2013 for each test alone, so that tests share the laptop and no hour."""
    return next(days)
