"""The tables of a source in the Glue Data Catalog: its raw files as they are, its Parquet files.

`<source>` has the Parquet files, `<source>__rejects` the records kept out and, where a contract
keeps them, `<source>__superseded` the rows that newer ones replace; their partitions are set by the
convert job. `<source>__raw` has the landed files, for a look with Athena; the platform itself reads
raw files through their manifest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
from aws_cdk import aws_glue as glue

from etl_platform.contract.hour import PARTITION_COLUMNS
from etl_platform.contract.layout import rejects_table, superseded_table
from etl_platform.contract.source import SourceContract
from etl_platform.contract.types import FILE_COLUMNS, PLACE_COLUMNS, ColumnType
from etl_platform.convert.reasons import REJECT_SCHEMA
from infra.stacks.base import ConcernStack
from infra.stacks.raw_tables import RawTable, raw_table

_HIVE = "org.apache.hadoop.hive.ql.io"
_Column = glue.CfnTable.ColumnProperty


def make_tables(stack: ConcernStack, contract: SourceContract) -> None:
    """Add the tables of a source to its stack."""
    tables = _Tables(stack, contract)
    tables.make_parquet(contract.source, contract.description, tables.columns(FILE_COLUMNS))
    tables.make_parquet(
        rejects_table(contract.source),
        f"{contract.description} (records kept out, with their reasons)",
        [_column(field.name, _glue_type(field.type)) for field in REJECT_SCHEMA],
    )
    if contract.keep_superseded:
        tables.make_parquet(
            superseded_table(contract.source),
            f"{contract.description} (rows that newer ones of their key replace)",
            tables.columns((*PLACE_COLUMNS, *FILE_COLUMNS)),
        )
    tables.make_raw()


@dataclass(frozen=True)
class _Tables:
    stack: ConcernStack
    contract: SourceContract

    def columns(self, more: Iterable[tuple[str, ColumnType]]) -> list[_Column]:
        """The columns of the contract, and those of the platform."""
        return [
            *(_column(c.name, c.type.glue, c.description) for c in self.contract.table_columns),
            *(_column(name, type_.glue) for name, type_ in more),
        ]

    def make_parquet(self, name: str, description: str, columns: Sequence[_Column]) -> None:
        self._make(
            name,
            description,
            glue.CfnTable.StorageDescriptorProperty(
                columns=columns,
                location=f"s3://{self.stack.names.processed_bucket(self.contract.source)}/",
                input_format=f"{_HIVE}.parquet.MapredParquetInputFormat",
                output_format=f"{_HIVE}.parquet.MapredParquetOutputFormat",
                serde_info=glue.CfnTable.SerdeInfoProperty(
                    serialization_library=f"{_HIVE}.parquet.serde.ParquetHiveSerDe",
                ),
            ),
            {"EXTERNAL": "TRUE", "classification": "parquet"},
        )

    def make_raw(self) -> None:
        contract = self.contract
        raw: RawTable = raw_table(contract)
        location = f"s3://{self.stack.names.raw_bucket(contract.source)}/"
        self._make(
            f"{contract.source}__raw",  # no source has two underscores in a row
            f"{contract.description} (as landed)",
            glue.CfnTable.StorageDescriptorProperty(
                columns=[_column(name, type_) for name, type_ in raw.columns],
                location=location,
                input_format=raw.input_format,
                output_format=f"{_HIVE}.HiveIgnoreKeyTextOutputFormat",
                serde_info=glue.CfnTable.SerdeInfoProperty(
                    serialization_library=raw.serde, parameters=dict(raw.serde_parameters)
                ),
            ),
            {"EXTERNAL": "TRUE", **raw.parameters, **_projection(location)},
        )

    def _make(
        self,
        name: str,
        description: str,
        storage: glue.CfnTable.StorageDescriptorProperty,
        parameters: dict[str, str],
    ) -> None:
        glue.CfnTable(
            self.stack,
            f"Table-{name}",
            catalog_id=self.stack.account,
            database_name=self.stack.names.catalog_database,
            table_input=glue.CfnTable.TableInputProperty(
                name=name,
                description=description,
                table_type="EXTERNAL_TABLE",
                partition_keys=[_column(column, "string") for column in PARTITION_COLUMNS],
                parameters=parameters,
                storage_descriptor=storage,
            ),
        )


def _column(name: str, type_: str, comment: str | None = None) -> _Column:
    return _Column(name=name, type=type_, comment=comment)


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
