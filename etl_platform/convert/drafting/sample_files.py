"""Sample files, and what a first look at them finds."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl_platform.contract.types import ColumnType


@dataclass(frozen=True)
class SampleFile:
    """A file with plain contents, and the name that people gave it."""

    path: Path
    name: str


@dataclass
class Fields:
    """Places in the order in which they are met, and those that no column can have."""

    paths: dict[str, None] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, path: str) -> None:
        if "\0" in path or not _is_text(path):
            self.leave_out(path, "has a name that no contract can have")
        else:
            self.paths[path] = None

    def leave_out(self, path: str, why: str) -> None:
        # JSON can spell half a character, which nobody can print.
        self.left_out.setdefault(path.encode(errors="backslashreplace").decode(), why)

    @property
    def kept(self) -> tuple[str, ...]:
        return tuple(path for path in self.paths if path not in self.left_out)


@dataclass(frozen=True)
class Discovery:
    """`form` is the contract's `format`. `types` are those that the files themselves name."""

    form: dict[str, Any]
    fields: Fields
    types: dict[str, ColumnType] = field(default_factory=dict)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
