"""The work that Dagster gives to a Glue job, and the report that the job gives back.

An order is a document in S3 because the arguments of a job are limited in size and a range can hold
a thousand hours. Its name is a digest of its content, so the same work has the same name.
"""

import hashlib
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from etl_platform.contract.batch import Batch, HourField
from etl_platform.contract.source import SourceContract

CONVERT = "convert"
LOAD = "load"


class Order(BaseModel):
    """Batches of one source, for one stage."""

    model_config = ConfigDict(frozen=True)
    stage: Literal["convert", "load"]
    namespace: str
    contract: SourceContract
    batches: tuple[Batch, ...]

    def to_json(self) -> bytes:
        return self.model_dump_json(by_alias=True).encode()

    @property
    def order_id(self) -> str:
        return hashlib.sha256(self.to_json()).hexdigest()[:32]


class Report(BaseModel):
    """What became of one hour of an order.

    `outcome`: `done` now, `already` done by an earlier attempt, `outdated` (recorded, nothing to
    change), or `blocked` with the code and message of the error. `facts` go into the metadata of
    the asset.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    hour: HourField
    batch_id: str
    outcome: Literal["done", "already", "outdated", "blocked"]
    facts: dict[str, Any] = {}
    error_code: str | None = None
    error: str | None = None
