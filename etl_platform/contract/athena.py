"""The port to queries by the catalog. `aws/athena.py` is the adapter."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from etl_platform.contract.hour import Hour


class CountRows(Protocol):
    """Counts what readers of the catalog see."""

    def __call__(self, table: str, hours: Sequence[Hour]) -> Mapping[Hour, int]:
        """The rows of hours of a table, by its registered partitions; an hour without is left out.

        Raises QueryFailed or ServiceUnavailable.
        """
