"""The Glue Data Catalog: the database of the tables of all sources; and Athena's workgroup."""

from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from constructs import Construct

from etl_platform.contract.layout import Names
from infra.stacks.base import ConcernStack

_MOST_SCANNED_BYTES = 1024**4


class CatalogStack(ConcernStack):
    """Descriptions only: dropping this stack drops no file."""

    def __init__(self, scope: Construct, names: Names) -> None:
        super().__init__(scope, "catalog", names)
        glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=names.catalog_database, description="Raw and Parquet files of every source"
            ),
        )
        self._make_workgroup()

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
