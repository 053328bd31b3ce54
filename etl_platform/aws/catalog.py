"""Partitions in the AWS Glue Data Catalog."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from etl_platform.aws.clients import client, error_code, translated
from etl_platform.contract.errors import CatalogTableMissing, ServiceUnavailable
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location

_EXISTS: Final = "AlreadyExistsException"

_MOST_A_CALL: Final = 100
"""https://docs.aws.amazon.com/glue/latest/webapi/API_BatchCreatePartition.html"""


@dataclass(frozen=True)
class GlueCatalog:
    """The Catalog port on one database, whose tables the infrastructure has made."""

    database: str
    _storage: dict[str, dict[str, Any]] = field(default_factory=dict, init=False, repr=False)

    def point_partitions(self, table: str, places: Mapping[Hour, Location]) -> None:
        storage = self._storage_of(table)
        partitions = [
            {
                "Values": list(hour.partition_values),
                "StorageDescriptor": storage | {"Location": str(location)},
            }
            for hour, location in places.items()
        ]
        for first in range(0, len(partitions), _MOST_A_CALL):
            self._point(table, partitions[first : first + _MOST_A_CALL])

    def _point(self, table: str, partitions: Sequence[dict[str, Any]]) -> None:
        """Make the partitions that there are not, and change the others."""
        place = {"DatabaseName": self.database, "TableName": table}
        call = f"BatchCreatePartition {self.database}.{table}"
        with translated("glue", call):
            answer = client("glue").batch_create_partition(
                **place, PartitionInputList=list(partitions)
            )
        failed = answer.get("Errors", [])
        there = {tuple(e["PartitionValues"]) for e in failed if _code(e) == _EXISTS}
        _raise_first(call, [error for error in failed if _code(error) != _EXISTS])
        if not there:
            return
        entries = [
            {"PartitionValueList": one["Values"], "PartitionInput": one}
            for one in partitions
            if tuple(one["Values"]) in there
        ]
        call = f"BatchUpdatePartition {self.database}.{table}"
        with translated("glue", call):
            answer = client("glue").batch_update_partition(**place, Entries=entries)
        _raise_first(call, answer.get("Errors", []))

    def _storage_of(self, table: str) -> dict[str, Any]:
        """How the table's files are read, which its partitions have to repeat."""
        if table not in self._storage:
            with translated("glue", f"GetTable {self.database}.{table}"):
                try:
                    found = client("glue").get_table(DatabaseName=self.database, Name=table)
                except ClientError as error:
                    if error_code(error) == "EntityNotFoundException":
                        raise CatalogTableMissing(f"{self.database}.{table}") from None
                    raise
            self._storage[table] = found["Table"]["StorageDescriptor"]
        return self._storage[table]


def _code(error: Mapping[str, Any]) -> str:
    return str(error.get("ErrorDetail", {}).get("ErrorCode", ""))


def _raise_first(call: str, errors: Sequence[Mapping[str, Any]]) -> None:
    """Each partition of a call fails by itself; the whole call is repeated, which harms none."""
    if errors:
        raise ServiceUnavailable("glue", call, str(errors[0].get("ErrorDetail")))
