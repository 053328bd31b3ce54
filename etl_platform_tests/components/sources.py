"""Contracts for tests of what asks for runs: their columns do not matter."""

from typing import Any

from etl_platform.contract.reading import find_contract
from etl_platform.contract.source import SourceContract

_WEATHER = find_contract("weather").model_dump(by_alias=True)


def contract(source: str, **change: Any) -> SourceContract:
    """One like the weather's, of another name and from 2013 on without an end."""
    return SourceContract.model_validate(
        {**_WEATHER, "source": source, "ends": None, "hours_per_run": 24, **change}
    )
