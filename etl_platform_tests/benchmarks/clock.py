"""What a side says of its own work: seconds on the clock and on the processors, start-up apart.

It needs nothing of the project, because the rivals run it in an environment of their own.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import psutil


def timed(
    work: Callable[[], None], after: Callable[[], dict[str, Any]], servers: Sequence[int] = ()
) -> None:
    """Do the work on the clock and what is `after` off it; write the costs and its facts.

    They are the last line of stdout, as JSON. What the `servers`, by their process numbers, spend
    meanwhile is counted as spent for the work.
    """
    started, spent = time.perf_counter(), cpu_seconds(servers)
    work()
    costs = {"seconds": time.perf_counter() - started, "cpu_seconds": cpu_seconds(servers) - spent}
    sys.stdout.write("\n" + json.dumps(costs | after()) + "\n")


def cpu_seconds(servers: Sequence[int] = ()) -> float:
    """User and system time of this process, of the servers and of all processes below them, those
    that have ended included."""
    while True:
        # A process that ends after its parent was looked at is in neither: all is read again.
        with suppress(psutil.NoSuchProcess):
            roots = [psutil.Process(), *(psutil.Process(pid) for pid in servers)]
            family = {p.pid: p for root in roots for p in (root, *root.children(recursive=True))}
            times = [process.cpu_times() for process in family.values()]
            return sum(t.user + t.system + t.children_user + t.children_system for t in times)
