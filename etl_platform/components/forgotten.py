"""What the warehouse has and Dagster does not know of.

A run may be lost after its commit; the events of a run are deleted with it, those that say which
hours are loaded among them; and a database may have been restored from before a load. The ledger
knows, so Dagster is told again.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from etl_platform.contract.errors import PlatformError
from etl_platform.contract.source import SourceContract
from etl_platform.contract.warehouse import Warehouse
from etl_platform.ingest.arrivals import Arrival, Contracts
from etl_platform.load import ledger
from etl_platform.load.ledger import Entry
from etl_platform.load.target import Target

MOST_TOLD: Final = 200
"""Hours that one tick tells of: each is three events, which Dagster stores one by one."""

Loaded = Callable[[SourceContract, Collection[str]], Mapping[str, Entry]]
"""The entries of those batches of a source that the warehouse has taken, by batch."""
Ledgers = Callable[[], AbstractContextManager[Loaded]]


def ledgers(connect: Callable[[], AbstractContextManager[Warehouse]]) -> Ledgers:
    """The ledgers of all sources, on one connection."""

    @contextmanager
    def opened() -> Iterator[Loaded]:
        with connect() as warehouse:
            yield lambda contract, batch_ids: ledger.loaded(warehouse, Target(contract), batch_ids)

    return opened


def forgotten(
    contracts: Contracts, ledgers: Ledgers, unsure: Collection[Arrival], log: logging.Logger
) -> dict[Arrival, Entry]:
    """Those that are loaded, among arrivals that Dagster does not know to be."""
    by_source: dict[str, list[Arrival]] = defaultdict(list)
    for one in unsure:
        by_source[one.source].append(one)
    found: dict[Arrival, Entry] = {}
    if not by_source:
        return found
    try:
        with ledgers() as loaded:
            for source, ones in by_source.items():
                entries = loaded(contracts[source], [one.batch_id for one in ones])
                found |= {one: entries[one.batch_id] for one in ones if one.batch_id in entries}
    except PlatformError as error:
        # Runs are asked for, and they find what is loaded.
        log.warning(f"not every ledger was looked at: {error}")
    return found
