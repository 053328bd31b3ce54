"""A DuckDB connection that reads no file, no network and no setting but the ones given here."""

import os
from pathlib import Path
from typing import Final

import duckdb

from etl_platform.convert import json_text

_LEAST_BYTES: Final = 256 * 1024**2


def connect(
    folder: Path, share_of_memory: float, threads: int, others_bytes: int = 0
) -> duckdb.DuckDBPyConnection:
    """A connection that spills below `folder` when its share of the machine's memory is used up.

    `others_bytes` of the share are left to what DuckDB does not count.
    """
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit_bytes = max(int(memory_bytes * share_of_memory) - others_bytes, _LEAST_BYTES)
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "enable_external_access": False,
            "memory_limit": f"{limit_bytes >> 20}MiB",
            "preserve_insertion_order": False,
            "python_enable_replacements": False,
            "temp_directory": str(folder / "spill"),
            "threads": threads,
        },
    )
    # Also for the cursors of the connection.
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    json_text.add_function(connection)
    return connection
