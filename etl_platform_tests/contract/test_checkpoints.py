"""Checkpoints: armed by the environment only, each in one place, each gone through by the suite."""

import re
import threading
from collections import Counter
from pathlib import Path

import pytest

from etl_platform.contract.checkpoints import (
    CHECKPOINTS,
    REACHED,
    VARIABLE,
    CheckpointRaised,
    checkpoint,
)
from etl_platform.contract.errors import SettingInvalid
from etl_platform_tests.crash.places import EVERY

CHECKOUT = Path(__file__).parents[2]


def test_each_checkpoint_is_called_in_one_place_of_the_product() -> None:
    calls: Counter[str] = Counter()
    for module in (CHECKOUT / "etl_platform").rglob("*.py"):
        calls.update(re.findall(r'\bcheckpoint\("([^"]+)"\)', module.read_text()))
    assert calls == Counter(CHECKPOINTS)


def test_the_crash_suite_goes_through_each_checkpoint() -> None:
    assert Counter(EVERY) == Counter(CHECKPOINTS)


def test_the_papers_say_what_holds_at_each_checkpoint() -> None:
    paper = (CHECKOUT / "docs" / "crashes.md").read_text()
    assert re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", paper, re.MULTILINE) == list(CHECKPOINTS)


def test_without_the_variable_a_checkpoint_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    checkpoint("load.after_copy")


def test_only_the_armed_place_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "load.after_copy=raise")
    checkpoint("load.after_lock")
    with pytest.raises(CheckpointRaised):
        checkpoint("load.after_copy")


@pytest.mark.parametrize(
    "armed", ["load.after_copy", "load.after_copy=", "load.after_copy=wait", "nowhere=kill", "kill"]
)
def test_what_arms_nothing_is_refused(armed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, armed)
    with pytest.raises(SettingInvalid, match=VARIABLE):
        checkpoint("load.after_copy")


def test_a_waiting_checkpoint_says_that_it_was_reached_and_goes_on_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, reached = tmp_path / "gate", tmp_path / f"gate{REACHED}"
    monkeypatch.setenv(VARIABLE, f"load.after_copy=wait:{gate}")
    waiting = threading.Thread(target=checkpoint, args=("load.after_copy",))
    waiting.start()
    while not reached.exists():
        waiting.join(0.01)
    assert waiting.is_alive()
    gate.touch()
    waiting.join(10)
    assert not waiting.is_alive()
