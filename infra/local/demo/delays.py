"""The demo's aggregate, `delays_by_weather`: waited for, shown, and held against its recount."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from etl_platform.commands.rendering import table
from etl_platform.contract.aggregate_files import find_aggregate
from etl_platform.contract.hour import Hour
from etl_platform.contract.warehouse import Warehouse
from etl_platform.load.quoting import Identifier, Literal, compose, joined
from etl_platform.publish.refresh import behind
from etl_platform.publish.tables import AggregateTable
from infra.local.demo.compare import row_differences
from infra.local.demo.dirt import Spot
from infra.local.demo.follow import POLL_S
from infra.local.demo.recount import recount
from infra.local.demo.recount_delays import recount_delays
from infra.local.errors import LocalStackError

NAME = "delays_by_weather"
_WITHIN_S = 120.0


class NotRefreshed(LocalStackError):
    """Dagster has not asked for a refresh, or the refresh has failed."""

    def __init__(self, lacking: int) -> None:
        super().__init__(
            f"{NAME} was not refreshed within {_WITHIN_S:.0f} s and lacks {lacking} batches;"
            " the runs of aggregate/delays_by_weather in the UI say why"
        )


class Delays:
    """The aggregate as it is in the warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.table = AggregateTable(find_aggregate(NAME))
        self._warehouse = warehouse

    def until_up_to_date(self) -> None:
        """Wait until Dagster has refreshed it; raises NotRefreshed if it does not."""
        deadline = time.monotonic() + _WITHIN_S
        while lacking := self._behind():
            if time.monotonic() > deadline:
                raise NotRefreshed(lacking)
            time.sleep(POLL_S)

    def _behind(self) -> int:
        lacking = behind(self._warehouse, self.table)
        # The transaction ends, or the next look would see the same.
        self._warehouse.rollback()
        return lacking

    def rows(self, first: Hour, last: Hour) -> list[tuple[Any, ...]]:
        """Its rows of some hours, both ends included, in the columns of its contract."""
        columns = [column.name for column in self.table.columns]
        statement = compose(
            "SELECT {columns} FROM {table} WHERE {hour} BETWEEN {first} AND {last}"
            " ORDER BY {order}",
            columns=joined(columns),
            table=self.table.table,
            hour=Identifier("time_hour"),
            first=Literal(first.start),
            last=Literal(last.start),
            order=joined(columns[:4]),
        )
        rows = self._warehouse.fetch(statement, name="the rows of the aggregate")
        self._warehouse.rollback()
        return rows

    def drawn(self, hour: Hour, title: str) -> Table:
        """The rows of an hour for people, without the hour and the long names of airlines."""
        names = [column.name.name for column in self.table.columns]
        kept = [place for place, name in enumerate(names) if name not in ("time_hour", "airline")]
        rows = [[row[place] for place in kept] for row in self.rows(hour, hour)]
        return table([names[place] for place in kept], rows, title=title)

    def differences(self, first: Hour, last: Hour, spots: Sequence[Spot]) -> list[str]:
        """Each way in which it and the recount disagree."""
        keys = str(first), str(last)
        flights, weather = (recount(source, *keys, spots) for source in ("flights", "weather"))
        expected = recount_delays(flights, weather, recount("airlines", *keys))
        return row_differences(NAME, Counter(self.rows(first, last)), expected)
