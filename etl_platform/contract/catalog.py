"""The port to the data catalog. `aws/catalog.py` is the adapter."""

from collections.abc import Mapping
from typing import Protocol

from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location


class Catalog(Protocol):
    """What readers outside the warehouse go by: where the files of an hour lie."""

    def point_partitions(self, table: str, places: Mapping[Hour, Location]) -> None:
        """Make each hour's partition of a table mean the files below its place, if there are any.

        Doing it twice is the same as once. Raises ObjectMissing if there is no such table.
        """
