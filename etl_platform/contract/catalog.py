"""The port to the data catalog. `aws/catalog.py` is the adapter."""

from typing import Protocol

from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location


class Catalog(Protocol):
    """What readers outside the warehouse go by: where the files of an hour lie."""

    def point_partition(self, table: str, hour: Hour, location: Location) -> None:
        """Make the hour's partition of a table mean the files below `location`, if there are any.

        Doing it twice is the same as once. Raises ObjectMissing if there is no such table.
        """
