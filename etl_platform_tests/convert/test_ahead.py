"""What is made before it is asked for: in order, and not too much of it."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.convert.ahead import ahead, made_ahead, made_together


@given(items=st.lists(st.integers()), most=st.integers(1, 9))
def test_items_are_the_same_in_the_same_order(items: list[int], most: int) -> None:
    assert list(ahead(iter(items), most)) == items
    assert list(made_ahead(str, items, most)) == [str(item) for item in items]
    assert list(made_together(lambda some: map(str, some), items)) == [str(item) for item in items]


def test_no_more_than_the_most_is_made_before_it_is_asked_for() -> None:
    made: list[int] = []

    def make(n: int) -> int:
        made.append(n)
        return n

    with closing(made_ahead(make, range(100), 8)) as items:
        assert next(items) == 0
        time.sleep(0.05)
        assert sorted(made) == list(range(8))


def test_the_next_items_are_made_side_by_side() -> None:
    together = threading.Barrier(4, timeout=10)

    def make(number: int) -> int:
        together.wait()
        return number

    assert list(made_ahead(make, range(8), 4)) == list(range(8))


def test_an_error_comes_where_its_item_would_have_come() -> None:
    def make(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    items = made_ahead(make, range(100), 8)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(items)


def test_nothing_more_is_made_for_one_who_asks_no_more() -> None:
    made: list[int] = []
    gate = threading.Event()

    def make(number: int) -> int:
        if number:
            gate.wait(10)
        made.append(number)
        return number

    items = made_ahead(make, range(100), 8)
    next(items)
    gate.set()
    items.close()
    assert len(made) <= 9


def test_items_that_come_during_a_call_share_the_next() -> None:
    calls: list[list[int]] = []
    gate = threading.Event()

    def make(several: list[int]) -> list[int]:
        calls.append(several)
        gate.wait(10)
        return several

    def numbers() -> Iterator[int]:
        yield 0
        while not calls:
            time.sleep(0.001)
        yield from range(1, 10)
        gate.set()

    assert list(made_together(make, numbers())) == list(range(10))
    assert calls == [[0], list(range(1, 10))]


def test_an_item_that_comes_alone_waits_for_no_other() -> None:
    made: list[int] = []

    def make(several: list[int]) -> list[int]:
        made.extend(several)
        return several

    def numbers() -> Iterator[int]:
        for number in range(3):
            yield number
            while number not in made:
                time.sleep(0.001)

    assert list(made_together(make, numbers())) == [0, 1, 2]


def test_an_error_of_a_call_for_many_ends_them_all() -> None:
    def make(several: list[int]) -> list[int]:
        raise ValueError(f"{len(several)} items")

    with pytest.raises(ValueError, match="items"):
        list(made_together(make, range(5)))
