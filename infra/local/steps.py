"""Long work told step by step: what is under way now, and how long each step took."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text


class Steps:
    """Call it with the name of each step as it begins; leaving the `with` ends the last one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner: Status | None = None
        self._name = ""
        self._began = 0.0

    def __call__(self, name: str) -> None:
        self._end("[green]✓[/]")
        self._name, self._began = name, time.monotonic()
        self._spinner = self._console.status(Text(name))
        self._spinner.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._end("[green]✓[/]" if kind is None else "[red]✗[/]")

    def _end(self, mark: str) -> None:
        if self._spinner is None:
            return
        self._spinner.stop()
        self._spinner = None
        took_s = time.monotonic() - self._began
        line = Text.assemble(
            Text.from_markup(f"  {mark} "), self._name, (f"  {took_s:.1f} s", "dim")
        )
        self._console.print(line)
