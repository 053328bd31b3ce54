import inspect
import re
from pathlib import Path

from etl_platform.contract import errors
from etl_platform.contract.errors import PlatformError, Terminal, Transient, UnknownOutcome

ROOTS = (Terminal, Transient, UnknownOutcome)
RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


def every_error() -> list[type[PlatformError]]:
    found = [c for _, c in inspect.getmembers(errors, inspect.isclass)]
    return [c for c in found if issubclass(c, PlatformError) and c not in (PlatformError, *ROOTS)]


def test_every_error_has_one_root_and_a_code_of_its_own() -> None:
    codes = [error.code for error in every_error()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code) for code in codes)
    assert all(sum(issubclass(error, root) for root in ROOTS) == 1 for error in every_error())


def test_the_tree_at_the_top_of_the_module_is_the_tree() -> None:
    drawn = dict(re.findall(r"── (\w+) +([A-Z_]{4,})", errors.__doc__ or ""))
    assert drawn == {error.__name__: error.code for error in every_error()}


def test_no_error_is_defined_outside_the_tree() -> None:
    for module in (RUNBOOK.parents[1] / "etl_platform").rglob("*.py"):
        if module.parent.name != "errors":
            classes = re.findall(r"^class \w+\((\w+)\):", module.read_text(), re.MULTILINE)
            assert not {"PlatformError", "Terminal", "Transient"} & set(classes), module


def test_every_code_has_a_heading_in_the_runbook_and_no_heading_is_left_over() -> None:
    headings = re.findall(r"^## ([A-Z_]+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(error.code for error in every_error())


def test_a_message_says_what_was_expected_and_what_to_do() -> None:
    error = errors.ManifestFileMissing("s3://raw/m", ["s3://raw/a.csv"])
    assert str(error).startswith("[MANIFEST_FILE_MISSING] s3://raw/m names 1 file(s)")
    assert "s3://raw/a.csv" in str(error)
    assert "Expected: " in str(error)
    assert error.remedy in str(error)
