"""Two things at a time: what comes next is made while what came is in use."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


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


def made_ahead(make: Callable[[Item], Made], items: Iterable[Item], most: int) -> Generator[Made]:
    """What `make` makes of each item, in their order, and of at most `most` before it is asked for.

    They are made side by side. A `map` of the executor would make all of them as fast as it can.
    """
    pool = ThreadPoolExecutor(most)
    waiting: deque[Future[Made]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) == most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Whoever asks no more, for an error say, does not wait for what it will not use.
        pool.shutdown(cancel_futures=True)


def made_together(
    make: Callable[[list[Item]], Iterable[Made]], items: Iterable[Item]
) -> Generator[Made]:
    """What `make` makes of the items, in their order, by calls for as many as have come.

    While a call is under way the next items gather. So where they come slowly each is a call of its
    own at once, and where they come fast a call is for many.
    """
    gathered: deque[Item] = deque()

    def made() -> list[Made]:
        several = [gathered.popleft() for _ in range(len(gathered))]
        return list(make(several)) if several else []

    pool = ThreadPoolExecutor(1)
    calls: deque[Future[list[Made]]] = deque()
    try:
        for item in items:
            gathered.append(item)
            # Of those that are submitted during a call, the first takes all; the others find none.
            calls.append(pool.submit(made))
            while calls and calls[0].done():
                yield from calls.popleft().result()
        while calls:
            yield from calls.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
