"""dlt: Parquet files into PostgreSQL as Arrow tables, through the CSV that it hands to COPY.

CSV is the faster of its two ways; without it, it writes files of INSERT statements.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform_tests.benchmarks.clock import timed

BATCH_ROWS = 100_000


def work(job: dict[str, Any]) -> None:
    def lineitems() -> Iterator[pa.Table]:
        for file in job["parquet"]:
            for batch in pq.ParquetFile(file).iter_batches(
                BATCH_ROWS, columns=list(job["columns"])
            ):
                yield pa.Table.from_batches([batch])

    # dlt wants a host and a password; the driver takes the socket instead, which asks for none.
    credentials = (
        f"postgresql://{job['user']}:none@localhost/{job['database']}?host={job['socket_dir']}"
    )
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(Path(job["out"]) / "state"),
        destination=dlt.destinations.postgres(credentials),
        dataset_name=job["dlt_schema"],
    )
    rows = dlt.resource(lineitems, name=job["dlt_table"], write_disposition="append")
    pipeline.run(rows, loader_file_format=job["file_format"]).raise_on_failed_jobs()


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text())
    timed(lambda: work(job), after=dict, servers=job["servers"])
