"""aws-sdk-pandas: Parquet files as frames with Arrow's types, written to PostgreSQL by `to_sql`."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import awswrangler as wr
import pandas as pd
import pg8000
import pyarrow.parquet as pq

from etl_platform_tests.benchmarks.clock import timed

CHUNK_ROWS = 2_000
"""Rows of an INSERT. Its default, 200, is slower, and PostgreSQL takes 65,535 values at most."""


def work(job: dict[str, Any]) -> None:
    schema, table = (part.strip('"') for part in job["table"].split("."))
    connection = pg8000.connect(
        user=job["user"],
        database=job["database"],
        unix_sock=f"{job['socket_dir']}/.s.PGSQL.5432",
    )
    for file in job["parquet"]:
        frame = pq.read_table(file).to_pandas(types_mapper=pd.ArrowDtype)
        frame["_loaded_at"] = datetime.now(UTC).replace(tzinfo=None)
        wr.postgresql.to_sql(
            frame,
            connection,
            table,
            schema,
            mode="append",
            use_column_names=True,
            chunksize=CHUNK_ROWS,
        )
    connection.close()


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text())
    timed(lambda: work(job), after=dict, servers=job["servers"])
