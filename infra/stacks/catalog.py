"""The Glue Data Catalog: for each source the raw files as they are and the Parquet files.

`<source>` has the Parquet files, `<source>__rejects` the records kept out and, where a contract
keeps them, `<source>__superseded` the rows that newer ones replace; their partitions are set by the
convert job. `<source>__raw` has the landed files, for a look with Athena; the platform itself reads
raw files through their manifest.
"""

from collections.abc import Iterable

import pyarrow as pa
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from constructs import Construct

from etl_platform.contract.hour import PARTITION_COLUMNS
from etl_platform.contract.layout import Names, rejects_table, superseded_table
from etl_platform.contract.source import SourceContract
from etl_platform.contract.types import FILE_COLUMNS, PLACE_COLUMNS
from etl_platform.convert.reasons import REJECT_SCHEMA
from infra.stacks.base import ConcernStack, Contracts
from infra.stacks.raw_tables import RawTable, raw_table

_HIVE = "org.apache.hadoop.hive.ql.io"
_MOST_SCANNED_BYTES = 1024**4


class CatalogStack(ConcernStack):
    """Descriptions only: dropping this stack drops no file."""

    def __init__(self, scope: Construct, names: Names, contracts: Contracts) -> None:
        super().__init__(scope, "catalog", names, contracts)
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=names.catalog_database, description="Raw and Parquet files of every source"
            ),
        )
        for contract in contracts.values():
            for table in (
                self._processed(contract),
                self._rejects(contract),
                *([self._superseded(contract)] if contract.keep_superseded else []),
                self._raw(contract),
            ):
                table.add_resource_dependency(database)
        self._make_workgroup()

    def _processed(self, contract: SourceContract) -> glue.CfnTable:
        columns = [
            *((c.name, c.type.glue, c.description) for c in contract.table_columns),
            *((name, type_.glue, None) for name, type_ in FILE_COLUMNS),
        ]
        return self._parquet(contract.source, contract.source, contract.description, columns)

    def _rejects(self, contract: SourceContract) -> glue.CfnTable:
        return self._parquet(
            rejects_table(contract.source),
            contract.source,
            f"{contract.description} (records kept out, with their reasons)",
            [(field.name, _glue_type(field.type), None) for field in REJECT_SCHEMA],
        )

    def _superseded(self, contract: SourceContract) -> glue.CfnTable:
        columns = [
            *((c.name, c.type.glue, c.description) for c in contract.table_columns),
            *((name, type_.glue, None) for name, type_ in (*PLACE_COLUMNS, *FILE_COLUMNS)),
        ]
        return self._parquet(
            superseded_table(contract.source),
            contract.source,
            f"{contract.description} (rows that newer ones of their key replace)",
            columns,
        )

    def _parquet(
        self,
        name: str,
        source: str,
        description: str,
        columns: Iterable[tuple[str, str, str | None]],
    ) -> glue.CfnTable:
        return self._table(
            name,
            description,
            glue.CfnTable.StorageDescriptorProperty(
                columns=[
                    glue.CfnTable.ColumnProperty(name=column, type=type_, comment=comment)
                    for column, type_, comment in columns
                ],
                location=f"s3://{self.names.processed_bucket(source)}/",
                input_format=f"{_HIVE}.parquet.MapredParquetInputFormat",
                output_format=f"{_HIVE}.parquet.MapredParquetOutputFormat",
                serde_info=glue.CfnTable.SerdeInfoProperty(
                    serialization_library=f"{_HIVE}.parquet.serde.ParquetHiveSerDe",
                ),
            ),
            {"EXTERNAL": "TRUE", "classification": "parquet"},
        )

    def _raw(self, contract: SourceContract) -> glue.CfnTable:
        raw: RawTable = raw_table(contract)
        location = f"s3://{self.names.raw_bucket(contract.source)}/"
        return self._table(
            f"{contract.source}__raw",  # no source has two underscores in a row
            f"{contract.description} (as landed)",
            glue.CfnTable.StorageDescriptorProperty(
                columns=[
                    glue.CfnTable.ColumnProperty(name=name, type=type_)
                    for name, type_ in raw.columns
                ],
                location=location,
                input_format=raw.input_format,
                output_format=f"{_HIVE}.HiveIgnoreKeyTextOutputFormat",
                serde_info=glue.CfnTable.SerdeInfoProperty(
                    serialization_library=raw.serde, parameters=dict(raw.serde_parameters)
                ),
            ),
            {"EXTERNAL": "TRUE", **raw.parameters, **_projection(location)},
        )

    def _table(
        self,
        name: str,
        description: str,
        storage: glue.CfnTable.StorageDescriptorProperty,
        parameters: dict[str, str],
    ) -> glue.CfnTable:
        return glue.CfnTable(
            self,
            f"Table-{name}",
            catalog_id=self.account,
            database_name=self.names.catalog_database,
            table_input=glue.CfnTable.TableInputProperty(
                name=name,
                description=description,
                table_type="EXTERNAL_TABLE",
                partition_keys=[
                    glue.CfnTable.ColumnProperty(name=column, type="string")
                    for column in PARTITION_COLUMNS
                ],
                parameters=parameters,
                storage_descriptor=storage,
            ),
        )

    def _make_workgroup(self) -> None:
        athena.CfnWorkGroup(
            self,
            "WorkGroup",
            name=self.names.namespace,
            description="Queries on the raw and the Parquet files",
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                bytes_scanned_cutoff_per_query=_MOST_SCANNED_BYTES,
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self.names.artifacts_bucket}/athena/",
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_S3"
                    ),
                ),
            ),
        )


def _projection(location: str) -> dict[str, str]:
    """Partitions of raw files are computed from the hour that a query names, never registered."""
    return {
        "projection.enabled": "true",
        **{f"projection.{column}.type": "injected" for column in PARTITION_COLUMNS},
        "storage.location.template": location
        + "".join(f"${{{column}}}/" for column in PARTITION_COLUMNS),
    }


def _glue_type(kind: pa.DataType) -> str:
    """An Arrow type of reject files, as the catalog spells it."""
    if pa.types.is_list(kind):
        return f"array<{_glue_type(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{part.name}:{_glue_type(part.type)}' for part in kind)}>"
    return {pa.string(): "string", pa.int64(): "bigint", pa.timestamp("us"): "timestamp"}[kind]
