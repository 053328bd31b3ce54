import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from etl_platform.cli import cli


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers here: what these tests see happens before a service is called."""
    monkeypatch.setenv("ETL_ENV_FILE", "")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(("land", "unknown", "2013-01-01-00", "file"), "SOURCE_UNKNOWN", id="source"),
        pytest.param(("land", "weather", "2013-01-01", "file"), "HOUR_INVALID", id="hour"),
        pytest.param(("land", "weather", "2013-01-01-00", "no"), "FILE_UNREADABLE", id="file"),
        pytest.param(("land", "weather", "2012-01-01-00", "no"), "LOCATION_REFUSED", id="early"),
        pytest.param(("status", "unknown"), "SOURCE_UNKNOWN", id="status of no source"),
    ],
)
def test_a_mistake_is_one_message_with_its_code(arguments: tuple[str, ...], code: str) -> None:
    result = _run(*arguments)
    assert result.exit_code == 1
    assert f"[{code}]" in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_a_bad_setting_is_named_by_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_ENV_FILE", "/nowhere")
    result = _run("land", "weather", "2013-01-01-00", "file")
    assert (result.exit_code, "[SETTING_INVALID]" in result.stderr) == (1, True)


def test_a_file_named_as_the_manifest_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    file.write_text("{}")
    result = _run("land", "weather", "2013-01-01-00", str(file))
    assert (result.exit_code, "[LOCATION_REFUSED]" in result.stderr) == (1, True)


def test_a_file_that_cannot_be_read_is_one_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A folder is no file: the system itself refuses to read it.
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    result = _run("land", "weather", "2013-01-01-00", str(tmp_path))
    assert result.exit_code == 1
    assert "Traceback" not in result.output


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("etl_platform.cli.apply_environment_file", interrupted)
    assert _run("sql", "select 1").exit_code == 130


@pytest.mark.parametrize("command", [("local", "up"), ("demo", "--stop"), ("local", "--help")])
def test_without_the_laptop_its_commands_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setitem(sys.modules, "infra.local.cli", None)
    result = _run(*command)
    assert result.exit_code == 1
    assert "pip install" in result.stderr


def test_without_the_laptop_help_still_lists_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "infra.local.cli", None)
    result = _run("--help")
    assert result.exit_code == 0
    for command in ("demo", "land", "ledger", "local", "reconcile", "sql", "status", "warehouse"):
        assert f"  {command} " in result.stdout
