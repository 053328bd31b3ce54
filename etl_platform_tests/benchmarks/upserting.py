"""The two methods of an upsert, each against a table of its own in the local Redshift."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from etl_platform.aws.s3 import S3
from etl_platform.contract.loading import METHODS
from etl_platform.contract.source import SourceContract
from etl_platform.load.ledger import Run
from etl_platform.load.target import Target
from etl_platform.load.transaction import Loader
from etl_platform_tests.benchmarks.tables import Finding
from etl_platform_tests.load.endpoint import Endpoint, bucket, running_endpoint
from etl_platform_tests.load.samples import NAMES, Row, batch, contract, converted
from etl_platform_tests.load.tables import ROLE

_MOST_KEYS: Final = 2**31 - 1


@dataclass(frozen=True)
class Upserts:
    """How large the table is, and the hours that are loaded into it."""

    table_rows: int
    batch_rows: int
    rounds: int


def of_methods(extent: Upserts) -> Iterator[Finding]:
    """Hours of which every second row is of a key that the table has."""
    methods = METHODS["upsert"]
    with tempfile.TemporaryDirectory() as folder, running_endpoint(Path(folder)) as endpoint:
        endpoint.bootstrap()
        tables = {method: _table(endpoint, method) for method in methods}
        hours = [_first(extent), *(_hour(extent, number) for number in range(extent.rounds))]
        seconds: dict[str, list[float]] = {method: [] for method in methods}
        for number, rows in enumerate(hours):
            # In turns, so that what else the machine does meets both.
            for method in methods if number % 2 else reversed(methods):
                seconds[method].append(_load(endpoint, tables[method], number, rows))
        assert len({_digest(endpoint, of) for of in tables.values()}) == 1
    yield Finding(
        f"Upserts of {extent.batch_rows:,} rows into {extent.table_rows:,}, {extent.rounds} hours",
        ("method", "median s", "best s", "worst s"),
        [
            (method, *(f"{of(seconds[method][1:]):.2f}" for of in (median, min, max)))
            for method in methods
        ],
    )


def _table(endpoint: Endpoint, method: str) -> SourceContract:
    load = {"strategy": "upsert", "version": "revision", "method": method}
    of = contract("upsert", load=load | {"distkey": "id", "sortkey": ["id"]})
    bucket(NAMES.processed_bucket(of.source))
    endpoint.bootstrap(of)
    return of


def _first(extent: Upserts) -> list[Row]:
    return [(2 * number, 0, "at first") for number in range(extent.table_rows)]


def _hour(extent: Upserts, number: int) -> list[Row]:
    """Neighbours, one of which is known, spread over the whole table."""
    step = 2 * extent.table_rows // (extent.batch_rows // 2)
    known = [step * place for place in range(extent.batch_rows // 2)]
    return [
        row
        for key in known
        for row in ((key, number + 1, "changed"), (_MOST_KEYS - key - number, 1, "new"))
    ]


def _load(endpoint: Endpoint, of: SourceContract, number: int, rows: Sequence[Row]) -> float:
    """Seconds of the transaction apart from its COPY."""
    storage = S3()
    loader = Loader(Target(of), NAMES, ROLE, Run("order", "run"), endpoint.connect, storage)
    (report,) = loader.load([converted(storage, of, batch(of, number), rows)])
    facts = report.facts
    return float(str(facts["transaction_seconds"])) - float(str(facts["copy_seconds"]))


def _digest(endpoint: Endpoint, of: SourceContract) -> tuple[object, ...]:
    """What tells tables of other rows apart."""
    with endpoint.connect() as warehouse:
        (found,) = warehouse.fetch(
            "SELECT count(*), sum(id::bigint), sum(revision), sum(id::bigint * revision)"
            f" FROM {Target(of).table.sql}",
            name="the digest",
        )
    return tuple(found)
