"""What a side says of its own work: seconds on the clock and on the processors, start-up apart.

It needs nothing of the project, because the rivals run it in an environment of their own.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil


def timed(work: Callable[[], None], after: Callable[[], dict[str, Any]]) -> None:
    """Do the work on the clock and what is `after` off it; write the costs and its facts.

    They are the last line of stdout, as JSON.
    """
    started, spent = time.perf_counter(), cpu_seconds()
    work()
    costs = {"seconds": time.perf_counter() - started, "cpu_seconds": cpu_seconds() - spent}
    sys.stdout.write("\n" + json.dumps(costs | after()) + "\n")


def cpu_seconds() -> float:
    """User and system time of this process and all below it, those that have ended included."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)
