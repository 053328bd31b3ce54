"""A DuckDB connection that reads no file, no network and no setting but the ones given here."""

import os
from pathlib import Path

import duckdb

from etl_platform.convert import json_text


def connect(folder: Path, share_of_memory: float, threads: int) -> duckdb.DuckDBPyConnection:
    """A connection that spills below `folder` when its share of the machine's memory is used up."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "enable_external_access": False,
            "memory_limit": f"{int(memory_bytes * share_of_memory) >> 20}MiB",
            "preserve_insertion_order": False,
            "python_enable_replacements": False,
            "temp_directory": str(folder / "spill"),
            "threads": threads,
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    json_text.add_function(connection)
    return connection
