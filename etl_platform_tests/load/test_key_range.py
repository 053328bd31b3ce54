"""A load tells the warehouse between which keys it will look, and finds every one of them there."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.aws.s3 import S3
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load.key_range import around, within
from etl_platform.load.ledger import Run
from etl_platform.load.quoting import Identifier, Literal, Sql
from etl_platform.load.target import Target
from etl_platform.load.transaction import Loader
from etl_platform_tests.load.endpoint import Endpoint, bucket
from etl_platform_tests.load.samples import NAMES, Row, batch, contract, converted
from etl_platform_tests.load.statements import Recording
from etl_platform_tests.load.tables import ROLE

_RANGED = {
    "smallint": (1, 2, 7),
    "integer": (-5, 0, 2**31 - 1),
    "bigint": (-(2**63), 0, 2**63 - 1),
    "date": (date(1582, 10, 4), date(2026, 2, 28), date(9999, 12, 31)),
    "timestamp": tuple(
        datetime.fromisoformat(text)
        for text in (
            "1969-12-31T23:59:59.999999",
            "2026-03-29T02:30:00",
            "2262-01-01T00:00:00.000001",
        )
    ),
}
_UNRANGED = {
    "varchar(10)": ("A", "a", "ä"),
    "timestamptz": tuple(datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)),
}


@dataclass
class Watched(Recording):
    """A real warehouse that remembers the statements, whole."""

    texts: list[str] = field(default_factory=list)

    def _record(self, name: str, statement: str) -> None:
        self.texts.append(statement)


def keyed(kind: str, **load: Any) -> SourceContract:
    columns = [
        {"name": "shop", "type": "varchar(5)", "required": True},
        {"name": "id", "type": kind, "required": True},
        {"name": "value", "type": "varchar(20)"},
    ]
    load = {"strategy": "upsert", "sortkey": ["id"], **load}
    return contract("", columns=columns, key=["shop", "id"], load=load)


def loaded(endpoint: Endpoint, of: SourceContract, hour: int, rows: Sequence[Row]) -> list[str]:
    """Load one hour; the conditions by range that the load has sent."""
    texts: list[str] = []

    @contextmanager
    def connect() -> Iterator[Warehouse]:
        with endpoint.connect() as warehouse:
            yield Watched(warehouse, [], {}, texts)

    commit = converted(S3(), of, batch(of, hour), rows)
    (report,) = Loader(Target(of), NAMES, ROLE, Run("order", "run"), connect, S3()).load([commit])
    assert report.outcome == "done", report
    return [found for text in texts for found in re.findall(r'"id" BETWEEN .+? AND [^)]+', text)]


def rows_of(endpoint: Endpoint, of: SourceContract) -> list[Row]:
    with endpoint.connect() as warehouse:
        return warehouse.fetch(
            f"SELECT shop, id, value FROM {Target(of).table.sql} ORDER BY 1, 2", name="the rows"
        )


@pytest.mark.parametrize("load", [{}, {"method": "merge"}, {"null_means": "keep"}])
@pytest.mark.parametrize("kind", _RANGED)
def test_a_change_is_looked_for_between_its_least_and_its_greatest_key(
    endpoint: Endpoint, kind: str, load: dict[str, Any]
) -> None:
    of, (least, middle, greatest) = keyed(kind, **load), _RANGED[kind]
    endpoint.bootstrap(of)
    bucket(NAMES.processed_bucket(of.source))
    loaded(endpoint, of, 0, [("a", key, "old") for key in (least, middle, greatest)])

    sent = loaded(endpoint, of, 1, [("a", greatest, "new"), ("b", middle, "new")])

    ends = " AND ".join(Literal(_in_utc(key)).sql for key in (middle, greatest))
    assert sent
    assert all(text.startswith(f'"id" BETWEEN {ends}') for text in sent)
    assert rows_of(endpoint, of) == [
        ("a", least, "old"),
        ("a", middle, "old"),
        ("a", greatest, "new"),
        ("b", middle, "new"),
    ]


@pytest.mark.parametrize("kind", _UNRANGED)
def test_keys_whose_order_depends_on_the_session_have_no_range(
    endpoint: Endpoint, kind: str
) -> None:
    of, keys = keyed(kind), _UNRANGED[kind]
    endpoint.bootstrap(of)
    bucket(NAMES.processed_bucket(of.source))

    assert loaded(endpoint, of, 0, [("a", key, "old") for key in keys]) == []
    assert loaded(endpoint, of, 1, [("a", keys[0], "new")]) == []
    assert rows_of(endpoint, of)[0] == ("a", keys[0], "new")


def test_an_hour_whose_rows_are_retracted_is_looked_for_beyond_the_keys_of_its_new_rows(
    endpoint: Endpoint,
) -> None:
    of = keyed("integer", corrected="retract")
    endpoint.bootstrap(of)
    bucket(NAMES.processed_bucket(of.source))

    assert loaded(endpoint, of, 0, [("a", 1, "old")]) == []


def test_an_hour_without_rows_has_no_range(endpoint: Endpoint) -> None:
    of = keyed("integer")
    endpoint.bootstrap(of)
    bucket(NAMES.processed_bucket(of.source))

    assert loaded(endpoint, of, 0, []) == []


@given(st.lists(st.lists(st.tuples(st.integers(), st.dates()), min_size=1), min_size=1, max_size=5))
def test_ranges_hold_every_key_of_every_batch_and_end_at_two_of_them(
    batches: list[list[tuple[int, date]]],
) -> None:
    ends = [
        [end(key[place] for key in keys) for place in (0, 1) for end in (min, max)]
        for keys in batches
    ]

    numbers, dates = around([Identifier("n"), Identifier("d")], ends)

    every = [key for keys in batches for key in keys]
    assert (numbers.least.value, numbers.greatest.value) == _ends(n for n, _ in every)
    assert (dates.least.value, dates.greatest.value) == _ends(d for _, d in every)


def test_without_batches_there_is_no_condition() -> None:
    assert within(around([Identifier("n")], []), Sql("t")) == ""


def _ends(values: Iterable[Any]) -> tuple[Any, Any]:
    found = sorted(values)
    return found[0], found[-1]


def _in_utc(key: Any) -> Any:
    return key.replace(tzinfo=UTC) if isinstance(key, datetime) else key
