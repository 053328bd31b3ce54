import io
import re

import pytest
from rich.console import Console

from infra.local.steps import Steps


def _told(text: str) -> list[tuple[str, str]]:
    return [(m[1], m[2]) for m in re.finditer(r"([✓✗]) (.*?)  \d+\.\d s", text)]


def test_each_step_is_told_when_the_next_one_begins() -> None:
    out = io.StringIO()
    with Steps(Console(file=out, width=80)) as step:
        step("one [bold]")
        step("two")
        assert _told(out.getvalue()) == [("✓", "one [bold]")]
    assert _told(out.getvalue()) == [("✓", "one [bold]"), ("✓", "two")]


def test_the_step_that_fails_is_marked() -> None:
    out = io.StringIO()

    def fail() -> None:
        with Steps(Console(file=out, width=80)) as step:
            step("one")
            step("two")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert _told(out.getvalue()) == [("✓", "one"), ("✗", "two")]
