"""Partitions in the AWS Glue Data Catalog."""

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from etl_platform.aws.clients import client, error_code, translated
from etl_platform.contract.errors import CatalogTableMissing, ServiceUnavailable
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location


@dataclass(frozen=True)
class GlueCatalog:
    """The Catalog port on one database, whose tables the infrastructure has made."""

    database: str
    _storage: dict[str, dict[str, Any]] = field(default_factory=dict, init=False, repr=False)

    def point_partition(self, table: str, hour: Hour, location: Location) -> None:
        place = {"DatabaseName": self.database, "TableName": table}
        values = list(hour.partition_values)
        partition = {
            "Values": values,
            "StorageDescriptor": self._storage_of(table) | {"Location": str(location)},
        }
        glue = client("glue")
        with translated("glue", f"CreatePartition {self.database}.{table} {hour}"):
            try:
                glue.create_partition(**place, PartitionInput=partition)
            except ClientError as error:
                if error_code(error) != "AlreadyExistsException":
                    raise
                entry = {"PartitionValueList": values, "PartitionInput": partition}
                answer = glue.batch_update_partition(**place, Entries=[entry])
                if failed := answer.get("Errors"):
                    raise ServiceUnavailable(
                        "glue",
                        f"BatchUpdatePartition {self.database}.{table} {hour}",
                        str(failed[0].get("ErrorDetail")),
                    ) from error

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
