"""The script for XML that the standard library suggests: iterparse, a value a column, pyarrow."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import iterparse

import pyarrow as pa
import pyarrow.parquet as pq

from etl_platform_tests.benchmarks.clock import timed
from etl_platform_tests.benchmarks.rivals.arrow_types import arrow_type

BATCH_ROWS = 65_536
PYTHON_TYPES: dict[str, Callable[[Any], Any]] = {
    "decimal": Decimal,
    "bigint": int,
    "integer": int,
    "date": date.fromisoformat,
}


def work(job: dict[str, Any]) -> None:
    schema = pa.schema([(name, arrow_type(kind)) for name, kind in job["columns"].items()])
    with pq.ParquetWriter(Path(job["out"]) / "rows.parquet", schema, compression="zstd") as writer:
        for file in job["files"]:
            for rows in batches(file, job["columns"]):
                columns = zip(*rows, strict=True)
                arrays = [pa.array(c, kind) for c, kind in zip(columns, schema.types, strict=True)]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def batches(file: str, columns: dict[str, str]) -> Iterator[list[list[Any]]]:
    casts = [
        (name, PYTHON_TYPES.get(kind.partition("(")[0], str)) for name, kind in columns.items()
    ]
    rows: list[list[Any]] = []
    parsing = iter(iterparse(file, events=("start", "end")))  # noqa: S314 - a file of this benchmark
    _, root = next(parsing)
    for event, element in parsing:
        if event == "end" and element.tag == "lineitem":
            rows.append([cast(element.findtext(name)) for name, cast in casts])
            root.clear()
            if len(rows) == BATCH_ROWS:
                yield rows
                rows = []
    if rows:
        yield rows


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text())
    timed(lambda: work(job), after=lambda: {"kept_aside": 0})
