"""Athena that goes by registered partitions, as the real one does.

MiniStack's own Athena reads every file below a table's location. What a failed or an older attempt
has left there would be counted, and the partitions of the catalog would stand for nothing.
"""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ministack.services import athena, glue

_read_below = athena._materialize_table_files
_relation_of = athena._table_relation


def go_by_registered_partitions() -> None:
    """Have every query of a partitioned table read the files of its partitions and no others."""
    athena._materialize_table_files = _later
    athena._table_relation = _relation


@dataclass(frozen=True)
class _Place:
    """A table's location, whose files are looked for once it is known which table it is."""

    location: str
    workdirs: list[str]


def _later(location: str, workdirs: list[str]) -> list[_Place]:
    return [_Place(location, workdirs)]


def _relation(table: dict[str, Any], places: list[_Place]) -> str:
    """What a query reads for a table: the files of its registered partitions, if it has keys."""
    (place,) = places
    if _is_registered(table):
        files = list(_files_of_partitions(table, place.workdirs))
    else:
        files = _read_below(place.location, place.workdirs)
    return str(_relation_of(table, files) if files else athena._empty_relation(table))


def _is_registered(table: dict[str, Any]) -> bool:
    is_projected = (table.get("Parameters") or {}).get("projection.enabled") == "true"
    return bool(table.get("PartitionKeys")) and not is_projected


def _files_of_partitions(table: dict[str, Any], workdirs: list[str]) -> Iterator[str]:
    """Copies of the files, in folders that are named for the values of their partitions."""
    root = tempfile.mkdtemp(prefix="athena-")
    workdirs.append(root)
    keys = [key["Name"] for key in table["PartitionKeys"]]
    for partition in glue._partitions.get(f"{table['DatabaseName']}/{table['Name']}", []):
        values = zip(keys, partition["Values"], strict=True)
        folder = Path(root, *(f"{key}={value}" for key, value in values))
        location = partition["StorageDescriptor"]["Location"]
        for number, file in enumerate(_read_below(location, workdirs)):
            folder.mkdir(parents=True, exist_ok=True)
            yield str(shutil.move(file, folder / f"{number}-{Path(file).name}"))
