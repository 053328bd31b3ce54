"""DuckDB alone: read with the types of the columns, write Parquet. No check, no key, no order."""

import json
import sys
from pathlib import Path
from typing import Any

import duckdb

from etl_platform_tests.benchmarks.clock import timed


def work(job: dict[str, Any]) -> None:
    reader = {"csv": "read_csv", "json": "read_json"}[job["kind"]]
    form = {"csv": "header = true", "json": "format = 'newline_delimited'"}[job["kind"]]
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(
            f"COPY (FROM {reader}($files, columns = $columns, {form}))"
            f" TO '{Path(job['out']) / 'rows.parquet'}' (FORMAT parquet, COMPRESSION zstd)",
            {"files": job["files"], "columns": job["columns"]},
        )


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text())
    timed(lambda: work(job), after=lambda: {"kept_aside": 0})
