"""The component behind every defs.yaml of a source."""

import dagster as dg
from pydantic import BaseModel

from etl_platform.components.assets import source_assets
from etl_platform.components.descriptions import system_of
from etl_platform.contract.errors import ContractInvalid
from etl_platform.contract.reading import FILE_NAME, located
from etl_platform.contract.source import SourceContract


class S3ToRedshift(dg.Component):
    """A feed of hourly files in S3, converted to Parquet and loaded into Redshift."""

    def __init__(self, contract: SourceContract) -> None:
        self.contract = contract

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return SourceContract

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> "S3ToRedshift":
        if not isinstance(attributes, SourceContract):
            raise TypeError(f"{attributes!r} is no SourceContract")
        return cls(attributes)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        # Imported here only: DuckDB is not needed to look at the definitions of other sources.
        from etl_platform.convert.rules import check_contract

        try:
            check_contract(self.contract)
        except ContractInvalid as error:
            raise located(error, context.path / FILE_NAME) from None
        assets = source_assets(self.contract)
        job = dg.define_asset_job(
            job_name(self.contract.source),
            # Not the checks that look at whole tables: they have runs of their own.
            selection=dg.AssetSelection.assets(assets).without_checks()
            | dg.AssetSelection.checks(*assets.check_keys),
            description=f"{self.contract.description}: raw, parquet and redshift of some hours.",
            tags={"source": self.contract.source},
        )
        return dg.Definitions(assets=[system_of(self.contract), assets], jobs=[job])


def job_name(source: str) -> str:
    return f"load_{source}"
