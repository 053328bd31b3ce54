"""aws-sdk-pandas: read CSV with the column types, keep the last row of each key, write Parquet.

The files lie on the local disk: the one function through which awswrangler opens an object of S3 is
given one that opens a file. No transfer is on its clock, as none is on that of the others.
"""

import json
import sys
from pathlib import Path
from typing import Any

import awswrangler as wr
import pandas as pd
import pyarrow as pa
from awswrangler.s3 import _read_text_core, _write_parquet

from etl_platform_tests.benchmarks.clock import timed
from etl_platform_tests.benchmarks.rivals.arrow_types import arrow_type

BUCKET = "s3://local"


def open_local(path: str, mode: str, encoding: str | None = None, **_: Any) -> Any:
    return Path(path.removeprefix(BUCKET)).open(mode, encoding=encoding)


def work(job: dict[str, Any]) -> None:
    types = {name: arrow_type(kind) for name, kind in job["columns"].items()}
    decimals = {name: kind for name, kind in types.items() if pa.types.is_decimal(kind)}
    # Its CSV engine has no decimals, and as `dtype` of to_parquet they take ten times longer.
    read = types | dict.fromkeys(decimals, pa.float64())
    frame = wr.s3.read_csv(
        [BUCKET + file for file in job["files"]],
        engine="pyarrow",
        dtype_backend="pyarrow",
        dtype={name: pd.ArrowDtype(kind) for name, kind in read.items()},
    )
    frame = frame.astype({name: pd.ArrowDtype(kind) for name, kind in decimals.items()})
    frame = frame.drop_duplicates(job["key"], keep="last").sort_values(job["key"])
    out = Path(job["out"]) / "rows.parquet"
    wr.s3.to_parquet(frame, BUCKET + str(out), index=False, compression="zstd")


if __name__ == "__main__":
    _read_text_core.open_s3_object = open_local
    _write_parquet.open_s3_object = open_local
    job = json.loads(Path(sys.argv[1]).read_text())
    timed(lambda: work(job), after=lambda: {"kept_aside": 0})
