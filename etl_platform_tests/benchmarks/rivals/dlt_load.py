"""dlt: its filesystem source into DuckDB, merged by key, on its default path or the one of Arrow.

Both are given the types of the columns. The Arrow path reads with the CSV reader of DuckDB and
hands Arrow batches on; with the destination `files` it writes Parquet and looks for no key.
"""

import json
import sys
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.sources.filesystem import filesystem, read_csv, read_csv_duckdb, read_jsonl

from etl_platform_tests.benchmarks.clock import timed

BATCH_ROWS = 100_000
"""The defaults of its readers, 1,000 to 10,000, are slower."""

TYPES = {"bigint": "bigint", "integer": "bigint", "date": "date"}


def work(job: dict[str, Any]) -> None:
    path, destination = job["variant"]
    out = Path(job["out"])
    (folder,) = {str(Path(file).parent) for file in job["files"]}
    found = filesystem(f"file://{folder}", file_glob=Path(job["files"][0]).name)
    records = found | _reader(path, job)
    merged = destination == "duckdb"
    records = records.with_name("lineitem").apply_hints(
        columns=_hints(job["columns"]),
        primary_key=job["key"] if merged else None,
        write_disposition={"disposition": "merge", "strategy": "delete-insert"}
        if merged
        else "append",
    )
    target = (
        dlt.destinations.duckdb(str(out / "rows.duckdb"))
        if merged
        else dlt.destinations.filesystem(f"file://{out}/files")
    )
    pipeline = dlt.pipeline(
        "bench", pipelines_dir=str(out / "state"), destination=target, dataset_name="bench"
    )
    pipeline.run(records, loader_file_format="parquet").raise_on_failed_jobs()


def _reader(path: str, job: dict[str, Any]) -> Any:
    if job["kind"] == "json":
        return read_jsonl(chunksize=BATCH_ROWS)
    if path == "rows":
        return read_csv(chunksize=BATCH_ROWS)
    return read_csv_duckdb(
        chunk_size=BATCH_ROWS, use_pyarrow=True, header=True, dtype=job["columns"]
    )


def _hints(columns: dict[str, str]) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for name, kind in columns.items():
        family, _, rest = kind.partition("(")
        hints[name] = {"data_type": TYPES.get(family, "text")}
        if family == "decimal":
            precision, scale = map(int, rest.rstrip(")").split(","))
            hints[name] = {"data_type": "decimal", "precision": precision, "scale": scale}
    return hints


def export(job: dict[str, Any]) -> dict[str, Any]:
    """Leave the rows as one Parquet file. It keeps no record aside."""
    out = Path(job["out"])
    if job["variant"][1] == "duckdb":
        with duckdb.connect(str(out / "rows.duckdb")) as connection:
            connection.execute(
                f"COPY (FROM bench.lineitem SELECT {', '.join(job['columns'])})"
                f" TO '{out / 'rows.parquet'}' (FORMAT parquet)"
            )
    else:
        rows = duckdb.read_parquet(f"{out}/files/bench/lineitem/*.parquet")
        rows.write_parquet(str(out / "rows.parquet"))
    return {"kept_aside": 0}


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text())
    timed(lambda: work(job), after=lambda: export(job))
