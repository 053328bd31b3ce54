"""Names for columns and sources, made from whatever their fields and files are called."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePath

from etl_platform.contract.fields import SYSTEM_COLUMNS
from etl_platform.contract.hour import PARTITION_COLUMNS
from etl_platform.contract.layout import SOURCE_NAME_LENGTH

_MOST_CHARACTERS = 100


def column_names(paths: Sequence[str]) -> tuple[str, ...]:
    """A name for each place, by its last step, or by all of them where that one is taken."""
    taken: list[str] = []
    for path in paths:
        name = _identifier(path.rpartition(".")[2])
        if name in taken:
            name = _identifier(path)
        candidates = (name, *(f"{name}_{number}" for number in range(2, len(paths) + 2)))
        taken.append(next(candidate for candidate in candidates if candidate not in taken))
    return tuple(taken)


def source_name(file: PurePath) -> str:
    """A source by the first part of a file's name."""
    words = _identifier(file.name.partition(".")[0])
    return words[:SOURCE_NAME_LENGTH].rstrip("_")


def _identifier(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:_MOST_CHARACTERS].rstrip("_")
    if not name or not name[0].isalpha():
        name = f"field_{name}".rstrip("_")
    # The catalog has partition columns of these names, and the warehouse system columns.
    return f"{name}_field" if name in (*PARTITION_COLUMNS, *SYSTEM_COLUMNS) else name
