"""The checkpoints that the tests of this folder go through, and the ways to die at one."""

import signal
from collections.abc import Callable

from etl_platform_tests.crash.processes import Job

SEND = ("ingest.after_send",)
PIN = ("ingest.before_pin", "ingest.after_pin")
CONVERT = ("convert.after_file", "convert.before_commit", "convert.after_commit")
LOAD = (
    "load.before_lock",
    "load.after_lock",
    "load.after_copy",
    "load.after_deletes",
    "load.after_inserts",
    "load.before_commit",
    "load.after_commit",
)
TRUNCATE = ("load.after_truncate",)
APPLY = ("apply.between",)
REFRESH = ("refresh.before_commit", "refresh.after_commit")
EVERY = (*SEND, *PIN, *CONVERT, *LOAD, *TRUNCATE, *APPLY, *REFRESH)


def _died_of(number: signal.Signals) -> Callable[[Job], None]:
    def check(job: Job) -> None:
        job.fail()
        assert job.process.returncode == -number

    return check


def _raised(job: Job) -> None:
    assert "CheckpointRaised" in job.fail()


WAYS: dict[str, Callable[[Job], None]] = {
    "kill": _died_of(signal.SIGKILL),
    "terminate": _died_of(signal.SIGTERM),
    "raise": _raised,
}
"""An action of a checkpoint, and the check that the process died of it."""
