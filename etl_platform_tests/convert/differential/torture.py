"""Hand-written hostile files. Each says how many rows it has, and the reasons of its rejects.

That is what a person expects, so that the oracle and the product are not wrong in the same way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from etl_platform_tests.convert.differential.engines import full


@dataclass(frozen=True)
class Feed:
    """Files of one contract: for each what it is, its bytes, its rows, and its reasons."""

    name: str
    attributes: Mapping[str, Any]
    files: tuple[tuple[str, bytes, int, str], ...]


UNREADABLE = "unreadable_file"
BROKEN = "broken_off"
MALFORMED = "malformed_record"
WIDTH = "wrong_number_of_fields"


def feed(name: str, form: Mapping[str, Any], columns: list[Any], *files: Any, **more: Any) -> Feed:
    """Files of one contract."""
    return Feed(name, full({"format": form, "columns": columns, **more}), files)
