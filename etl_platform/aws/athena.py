"""Queries by the Data Catalog, through Amazon Athena."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from etl_platform.aws.clients import client, translated
from etl_platform.contract.errors import QueryFailed
from etl_platform.contract.hour import PARTITION_COLUMNS, Hour

_DEADLINE_S: Final = 300.0
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0
_RUNNING: Final = ("QUEUED", "RUNNING")


@dataclass(frozen=True)
class Athena:
    """Queries of one workgroup on one database of the catalog.

    The workgroup says where results are kept and how much a query may scan.
    """

    workgroup: str
    database: str
    sleep: Callable[[float], None] = time.sleep

    def count_rows(self, table: str, hours: Sequence[Hour]) -> Mapping[Hour, int]:
        """The rows of hours of a table, by its registered partitions, in one query.

        Hours without rows are left out. Athena takes the count from the footers of the Parquet
        files. Raises QueryFailed or ServiceUnavailable.
        """
        if not hours:
            return {}
        rows = self._fetch(_count(table, hours), f"the count of {table}")
        return {
            Hour.parse("-".join(values[: len(PARTITION_COLUMNS)])): int(values[-1])
            for values in rows
        }

    def _fetch(self, statement: str, name: str) -> list[list[str]]:
        """The rows of a small answer as texts, without the header."""
        athena = client("athena")
        with translated("athena", f"StartQueryExecution {name}"):
            started = athena.start_query_execution(
                QueryString=statement,
                QueryExecutionContext={"Database": self.database},
                WorkGroup=self.workgroup,
            )
        query_id = started["QueryExecutionId"]
        self._wait(athena, query_id, name)
        with translated("athena", f"GetQueryResults {name}"):
            pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
            rows = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
        # The first row of a SELECT is its header, on the first page only.
        return [[cell.get("VarCharValue", "") for cell in row] for row in rows[1:]]

    def _wait(self, athena: Any, query_id: str, name: str) -> None:
        deadline, pause_s = time.monotonic() + _DEADLINE_S, _FIRST_PAUSE_S
        while True:
            with translated("athena", f"GetQueryExecution {name}"):
                found = athena.get_query_execution(QueryExecutionId=query_id)
            status = found["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                return
            if status["State"] not in _RUNNING:
                reason = status.get("StateChangeReason", "no reason given")
                raise QueryFailed(name, query_id, f"{status['State']}: {reason}")
            if time.monotonic() > deadline:
                with translated("athena", f"StopQueryExecution {name}"):
                    athena.stop_query_execution(QueryExecutionId=query_id)
                raise QueryFailed(name, query_id, f"not done within {_DEADLINE_S:.0f} s")
            self.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def _count(table: str, hours: Iterable[Hour]) -> str:
    # Names of tables are source names, and hours are digits: neither has a quote. The values of
    # partitions are texts in the catalog; equality on each is what Athena prunes by.
    columns = ", ".join(PARTITION_COLUMNS)
    wanted = " OR ".join(
        "("
        + " AND ".join(
            f"{column} = '{value}'"
            for column, value in zip(PARTITION_COLUMNS, hour.partition_values, strict=True)
        )
        + ")"
        for hour in hours
    )
    return f'SELECT {columns}, count(*) AS rows FROM "{table}" WHERE {wanted} GROUP BY {columns}'  # noqa: S608
