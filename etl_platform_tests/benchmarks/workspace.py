"""A workspace of many made-up sources with years of hours, as a folder to load definitions from."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import yaml

import etl_platform
from etl_platform.contract.hour import Hour
from etl_platform.contract.reading import COMPONENT, FILE_NAME
from etl_platform_tests.benchmarks.data import CHECKOUT
from etl_platform_tests.components.sources import contract

YEARS: Final = 5
HOURS: Final = YEARS * 365 * 24
FIRST: Final = Hour.parse("2021-11-01-00")
"""The first hour of every source."""


@contextmanager
def workspace(sources: int) -> Iterator[Path]:
    """A copy of the package with made-up sources in the place of its own."""
    with tempfile.TemporaryDirectory() as home:
        package = Path(home) / etl_platform.__name__
        shutil.copytree(Path(etl_platform.__file__).parent, package)
        shutil.rmtree(package / "defs")
        shutil.copy(CHECKOUT / "pyproject.toml", home)
        for source in source_names(sources):
            folder = package / "defs" / source
            folder.mkdir(parents=True)
            told = contract(source, starts=str(FIRST), ends=str(FIRST.plus(HOURS)))
            # As a user would have written it: without what is the default.
            given = told.model_dump(mode="json", by_alias=True, exclude_defaults=True)
            document = {"type": COMPONENT, "attributes": given}
            (folder / FILE_NAME).write_text(yaml.safe_dump(document, sort_keys=False))
        yield Path(home)


def environment(folder: Path) -> dict[str, str]:
    """The environment of a process that is to find that copy, and no stack that somebody runs."""
    return {"PYTHONPATH": str(folder), "ETL_ENV_FILE": "", "AWS_DEFAULT_REGION": "us-east-1"}


def source_names(count: int) -> list[str]:
    return [f"source_{number:03d}" for number in range(count)]
