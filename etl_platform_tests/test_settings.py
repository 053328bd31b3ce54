import os
from pathlib import Path

import pytest

from etl_platform.contract.errors import SettingInvalid
from etl_platform.settings import Settings, apply_environment_file, read_environment_file


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever a test sets in os.environ is gone after it."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in ("ETL_ENV_FILE", "ETL_NAMESPACE", "ONE", "TWO"):
        os.environ.pop(name, None)
    monkeypatch.chdir(tmp_path)


def _file(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_the_namespace_has_a_default() -> None:
    assert Settings.read({}).namespace == "etl-platform"
    assert Settings.read({"ETL_NAMESPACE": ""}).namespace == "etl-platform"


def test_a_namespace_that_names_no_bucket_is_refused() -> None:
    with pytest.raises(SettingInvalid, match="ETL_NAMESPACE"):
        Settings.read({"ETL_NAMESPACE": "No_Bucket"})


def test_the_address_of_dagster_has_to_be_said_where_it_is_needed() -> None:
    assert Settings.read({"ETL_DAGSTER_URL": "http://dagster:3000/"}).dagster_url == (
        "http://dagster:3000"
    )
    with pytest.raises(SettingInvalid, match="ETL_DAGSTER_URL"):
        _ = Settings.read({}).dagster_url


def test_a_variable_that_is_set_is_not_overridden(tmp_path: Path) -> None:
    os.environ["ONE"] = "mine"
    _file(tmp_path / ".etl/env", "ONE=theirs\nTWO=theirs\n")
    apply_environment_file()
    assert (os.environ["ONE"], os.environ["TWO"]) == ("mine", "theirs")


def test_the_named_file_stands_before_the_file_of_the_folder(tmp_path: Path) -> None:
    _file(tmp_path / ".etl/env", "ONE=folder\n")
    os.environ["ETL_ENV_FILE"] = str(_file(tmp_path / "named", "ONE=named\n"))
    apply_environment_file()
    assert os.environ["ONE"] == "named"


def test_an_empty_name_means_no_file(tmp_path: Path) -> None:
    _file(tmp_path / ".etl/env", "ONE=folder\n")
    os.environ["ETL_ENV_FILE"] = ""
    assert apply_environment_file() is None
    assert "ONE" not in os.environ


def test_a_named_file_that_is_not_there_is_refused() -> None:
    os.environ["ETL_ENV_FILE"] = "/nowhere/env"
    with pytest.raises(SettingInvalid, match="/nowhere/env"):
        apply_environment_file()


def test_values_are_read_to_the_letter(tmp_path: Path) -> None:
    file = _file(tmp_path / "env", "# a comment\n\nONE= a=b # c\nTWO=\n")
    assert read_environment_file(file) == {"ONE": " a=b # c", "TWO": ""}


def test_a_line_that_is_no_setting_is_named(tmp_path: Path) -> None:
    file = _file(tmp_path / "env", "ONE=1\nexport TWO=2\n")
    with pytest.raises(SettingInvalid, match="line 2"):
        read_environment_file(file)
