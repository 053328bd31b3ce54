"""Places at which a stage can be made to die or to wait, so that tests see what follows.

Each lies between two effects that outlive the process. What holds there is in docs/crashes.md.
"""

import os
import signal
import time
from pathlib import Path
from typing import Final

from etl_platform.contract.errors import SettingInvalid

VARIABLE: Final = "ETL_CHECKPOINT"
"""`PLACE=ACTION` arms one checkpoint of a process; without the variable none does anything."""

CHECKPOINTS: Final = (
    "ingest.after_send",
    "ingest.before_pin",
    "ingest.after_pin",
    "convert.after_file",
    "convert.before_commit",
    "convert.after_commit",
    "load.before_lock",
    "load.after_lock",
    "load.after_copy",
    "load.after_truncate",
    "load.after_deletes",
    "load.after_inserts",
    "load.before_commit",
    "load.after_commit",
    "apply.between",
    "refresh.before_commit",
    "refresh.after_commit",
)

_SIGNALS: Final = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM, "stop": signal.SIGSTOP}
_ACTIONS: Final = "kill, terminate, stop, raise or wait:FILE"
REACHED: Final = ".reached"
_LOOK_EVERY_S: Final = 0.02
_LONGEST_WAIT_S: Final = 600.0


class CheckpointRaised(Exception):
    """What `raise` raises: no error of the platform, so that nothing is ready for it."""


def checkpoint(name: str) -> None:
    """Do nothing, unless the environment arms this place.

    `kill`, `terminate` and `stop` send this process SIGKILL, SIGTERM and SIGSTOP; `raise` raises
    CheckpointRaised. `wait:FILE` makes FILE.reached and goes on when FILE is there, or raises
    CheckpointRaised after ten minutes. Raises SettingInvalid for any other action or place.
    """
    if not (armed := os.environ.get(VARIABLE)):
        return
    place, _, action = armed.partition("=")
    if place not in CHECKPOINTS:
        raise SettingInvalid(VARIABLE, f"names {place!r}", f"one of {', '.join(CHECKPOINTS)}")
    if place == name:
        _act(action)


def _act(action: str) -> None:
    kind, _, file = action.partition(":")
    if kind in _SIGNALS and not file:
        os.kill(os.getpid(), _SIGNALS[kind])
    elif kind == "wait" and file:
        _wait_for(Path(file))
    elif action == "raise":
        raise CheckpointRaised
    else:
        raise SettingInvalid(VARIABLE, f"asks for {action!r}", _ACTIONS)


def _wait_for(file: Path) -> None:
    Path(f"{file}{REACHED}").touch()
    give_up_at = time.monotonic() + _LONGEST_WAIT_S
    while not file.exists():
        if time.monotonic() > give_up_at:
            raise CheckpointRaised(f"{file} did not come within {_LONGEST_WAIT_S:.0f} s")
        time.sleep(_LOOK_EVERY_S)
