"""Folders on the local disk that do not outlive their process for long, even if it is killed.

Each has a lock beside it, which the system gives up with the process. Whoever needs a folder first
removes those whose lock is free.
"""

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "etl-scratch-"
_LOCK: Final = ".lock"


@contextmanager
def scratch() -> Iterator[Path]:
    """A new folder below that for temporary files (TMPDIR), removed at the end."""
    parent = Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    folder, descriptor = _locked(parent)
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        _remove(folder, descriptor)


def _locked(parent: Path) -> tuple[Path, int]:
    while True:
        folder = parent / f"{_PREFIX}{uuid.uuid4().hex}"
        descriptor = os.open(_lock_of(folder), os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Between the two calls, another process may have found the lock free and removed it.
        if _lock_of(folder).exists():
            return folder, descriptor
        os.close(descriptor)


def _remove_abandoned(parent: Path) -> None:
    for lock in parent.glob(f"{_PREFIX}*{_LOCK}"):
        # Somebody else's, or gone by now, or in use.
        with suppress(OSError):
            descriptor = os.open(lock, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
            else:
                _remove(lock.with_suffix(""), descriptor)


def _remove(folder: Path, descriptor: int) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
        _lock_of(folder).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)
