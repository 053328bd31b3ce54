"""Two things at a time: what comes next is made while what came is in use."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item], most: int) -> Iterator[Item]:
    """The same items, of which the next `most` are made while one is in use.

    Between DuckDB and Arrow, the work of one would otherwise wait for that of the other: all
    threads of DuckDB wait for the one that pulls batches, and nobody sorts while a file is written.
    """
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(next, items, None) for _ in range(most))
        while (item := waiting.popleft().result()) is not None:
            waiting.append(pool.submit(next, items, None))
            yield item
