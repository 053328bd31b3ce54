"""The papers say what the code does."""

import re
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from etl_platform.cli import cli
from etl_platform.contract import types
from etl_platform.contract.columns import Column
from etl_platform.contract.formats import CsvFormat, JsonFormat, ParquetFormat, XmlFormat
from etl_platform.contract.loading import Load
from etl_platform.contract.reading import read_contract
from etl_platform.contract.source import Rejects, SourceContract
from etl_platform.contract.watching import Expected

CHECKOUT = Path(__file__).parents[1]
README = (CHECKOUT / "README.md").read_text()
CONTRACT = (CHECKOUT / "docs" / "contract.md").read_text()
MODELS = (
    SourceContract,
    Column,
    CsvFormat,
    JsonFormat,
    ParquetFormat,
    XmlFormat,
    Load,
    Rejects,
    Expected,
)
PAPERS = [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")]


@pytest.mark.parametrize("model", MODELS)
def test_every_field_of_the_contract_is_documented(model: type[BaseModel]) -> None:
    names = {field.alias or name for name, field in model.model_fields.items()}
    missing = {name for name in names if not re.search(rf"[`.]{name}[`:.]", CONTRACT)}
    assert not missing


def test_every_type_is_documented() -> None:
    for spelling in types.spellings().split(", "):
        assert f"`{spelling}`" in CONTRACT


@pytest.mark.parametrize("paper", [README, CONTRACT], ids=["README", "contract"])
def test_the_contracts_in_the_papers_are_valid(paper: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", paper, re.DOTALL)
    assert blocks
    for block in blocks:
        file = tmp_path / "defs.yaml"
        file.write_text(block)
        assert read_contract(file) is not None


def test_every_command_is_in_the_readme() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        assert re.search(rf"etl-platform {name}\b", README), name


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_links_between_the_papers_lead_somewhere(paper: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", paper.read_text()):
        if "://" not in target:
            assert (paper.parent / target).exists(), target


def test_the_targets_that_the_readme_names_are_in_the_makefile() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    for target in set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    lines = (CHECKOUT / ".ci" / "run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert commands in (["make test"], ["exec make test"])


def test_no_product_module_asks_whether_it_is_local() -> None:
    asks = re.compile(
        r"is_local|if local|localhost|127\.0\.0\.1|ministack|etl-local", re.IGNORECASE
    )
    for module in (CHECKOUT / "etl_platform").rglob("*.py"):
        found = asks.findall(module.read_text())
        assert not found, (module, found)
