"""What is uploaded is enough to run, no more than is needed, and always the same bytes."""

import ast
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from etl_platform.contract.order import CONVERT, LOAD
from infra.bundles import (
    JOB_FOLDERS,
    PACKAGE,
    convert_modules,
    load_modules,
    write_entry_script,
    write_ingest_bundle,
    write_job_bundle,
)
from infra.local.glue.sandbox import Sandboxes

_IMPORT_WITHOUT_THE_REST = """
import sys
from importlib.abc import MetaPathFinder

ALLOWED = {*sys.stdlib_module_names, "boto3", "botocore", "s3transfer", "jmespath", "dateutil",
           "urllib3", "six", "etl_platform"}

class OnlyTheRuntime(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ModuleNotFoundError(f"{name} is not in the Lambda runtime", name=name)

sys.meta_path.insert(0, OnlyTheRuntime())
sys.path.insert(0, sys.argv[1])
from etl_platform.ingest import handler
print(handler.__file__)
"""

_PROVIDED_BY_GLUE = {"boto3", "botocore", "pyspark"}
_BROUGHT_BY_ANOTHER = {"pydantic-core": "pydantic"}


def test_the_lambda_imports_with_the_standard_library_and_boto3_only(tmp_path: Path) -> None:
    bundle = write_ingest_bundle(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-c", _IMPORT_WITHOUT_THE_REST, str(bundle)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    # From the bundle, not from this checkout.
    assert ran.stdout.startswith(str(bundle))


def test_the_lambda_holds_no_code_of_the_jobs(tmp_path: Path) -> None:
    with zipfile.ZipFile(write_ingest_bundle(tmp_path)) as bundle:
        folders = {name.split("/")[1] for name in bundle.namelist()}
    assert folders == {"__init__.py", "contract", "ingest", "aws"}


def test_the_jobs_hold_their_stages_and_neither_dagster_nor_the_command_line(
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(write_job_bundle(tmp_path)) as bundle:
        names = bundle.namelist()
    assert {name.split("/")[1] for name in names} == {"__init__.py", *JOB_FOLDERS}
    assert all(name.startswith("etl_platform/") and name.endswith(".py") for name in names)


@pytest.mark.parametrize("write", [write_ingest_bundle, write_job_bundle])
def test_the_same_files_give_the_same_bytes_at_any_time(
    write: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(tmp_path).read_bytes()
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    assert write(tmp_path).read_bytes() == first


@pytest.mark.parametrize("stage", [CONVERT, LOAD])
def test_the_entry_of_a_job_calls_the_main_of_its_stage(stage: str, tmp_path: Path) -> None:
    script = ast.parse(write_entry_script(tmp_path, stage).read_text())
    imported = [node for node in ast.walk(script) if isinstance(node, ast.ImportFrom)]
    assert [node.module for node in imported] == [f"etl_platform.{stage}.job"]
    job = ast.parse((PACKAGE / stage / "job.py").read_text())
    (main,) = [n for n in job.body if isinstance(n, ast.FunctionDef) and n.name == "main"]
    assert [argument.arg for argument in main.args.args] == ["arguments"]


@pytest.mark.parametrize(
    ("stage", "modules"), [(CONVERT, convert_modules()), (LOAD, load_modules())]
)
def test_a_job_imports_with_what_glue_brings_and_what_it_asks_for(
    stage: str, modules: str, tmp_path: Path
) -> None:
    python = Sandboxes(tmp_path / "sandboxes").python_for(modules)
    ran = subprocess.run(
        [python, "-c", f"import etl_platform.{stage}.job as job; print(job.__file__)"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(write_job_bundle(tmp_path))},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(str(tmp_path))


def test_a_job_imports_nothing_of_the_platform_that_is_not_uploaded() -> None:
    for file, module in _imports(JOB_FOLDERS):
        if module.startswith("etl_platform."):
            assert module.split(".")[1] in JOB_FOLDERS, f"{file} imports {module}"


@pytest.mark.parametrize(
    ("modules", "folders"),
    [
        pytest.param(convert_modules(), ("contract", "convert"), id="convert"),
        pytest.param(load_modules(), JOB_FOLDERS, id="load"),
    ],
)
def test_every_third_party_import_of_a_job_is_asked_of_glue(
    modules: str, folders: tuple[str, ...]
) -> None:
    asked = {canonicalize_name(Requirement(pin).name) for pin in modules.split(",")}
    distributions = packages_distributions()
    for file, module in _imports(folders):
        top = module.split(".")[0]
        if top in sys.stdlib_module_names or top == "etl_platform":
            continue
        name = str(canonicalize_name(distributions[top][0]))
        name = _BROUGHT_BY_ANOTHER.get(name, name)
        assert name in asked | _PROVIDED_BY_GLUE, f"{file} imports {module}"


def test_every_module_is_asked_for_at_one_version() -> None:
    for pin in load_modules().split(","):
        assert [s.operator for s in Requirement(pin).specifier] == ["=="]


def _imports(folders: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    for folder in folders:
        for file in (PACKAGE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module:
                    yield file, node.module
                elif isinstance(node, ast.Import):
                    yield from ((file, alias.name) for alias in node.names)
