"""The stages of the way of a batch, which are the first part of the keys of its assets."""

from typing import Final

import dagster as dg

SYSTEM: Final = "system"
"""What the source system itself has, which the platform does not run."""

RAW: Final = "raw"
PARQUET: Final = "parquet"
REDSHIFT: Final = "redshift"


def asset_key(stage: str, source: str) -> dg.AssetKey:
    return dg.AssetKey([stage, source])
