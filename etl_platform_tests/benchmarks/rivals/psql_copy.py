"""psql: `\\copy` of a CSV file into a table. Nothing is counted, staged or remembered."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from etl_platform_tests.benchmarks.clock import timed


def work(job: dict[str, Any]) -> None:
    columns = ", ".join(job["table_columns"])
    script = f"\\copy {job['table']} ({columns}) FROM '{job['csv']}' (FORMAT csv)"
    subprocess.run([*job["psql"], "-c", script], check=True)


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text())
    timed(lambda: work(job), after=dict, servers=job["servers"])
