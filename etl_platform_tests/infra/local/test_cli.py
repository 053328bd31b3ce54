from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from etl_platform.cli import cli


def _run(state_dir: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--state-dir", str(state_dir)])


def test_the_status_of_a_laptop_that_was_never_up_is_a_failure(tmp_path: Path) -> None:
    result = _run(tmp_path, "local", "status")
    assert result.exit_code == 1
    assert result.stdout.count("stopped") == 3


def test_the_environment_of_a_laptop_that_is_down_is_refused(tmp_path: Path) -> None:
    result = _run(tmp_path, "local", "env")
    assert result.exit_code == 1
    assert "not running" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("arguments", [("local", "down"), ("demo", "--stop")])
def test_taking_down_what_is_not_up_is_no_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert _run(tmp_path, *arguments).exit_code == 0
