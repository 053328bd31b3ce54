"""Fields that are spelled so plainly that Arrow may make values of them at once.

Arrow takes more than a contract allows (spaces around a number, hexadecimal digits), so a pattern
comes first. It matches less than the casts admit, and only texts that have a value of their type.
A line with a field that is spelled otherwise keeps its texts, for the casts.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from etl_platform.contract.columns import Column
from etl_platform.contract.source import SourceContract
from etl_platform.convert.cleansing import SPACES
from etl_platform.convert.readers.csv_dialect import line_pattern
from etl_platform.convert.readers.csv_header import CsvFile
from etl_platform.convert.readers.plain_values import (
    DATE,
    DIGITS,
    MOST_PATTERN_CHARACTERS,
    is_bare,
)

_CHARACTERS_OF_VALUES: Final = "0123456789.-"


@dataclass(frozen=True)
class Typed:
    """The types of the columns that lines matching `pattern` give as values; `nulls` are null."""

    types: dict[str, pa.DataType]
    nulls: tuple[str, ...]
    pattern: str


def typed_columns(contract: SourceContract, file: CsvFile) -> Typed | None:
    """What of a file can be read as values; None if it is nothing."""
    marks = file.form.delimiter + file.form.quote
    if file.problem is not None or any(mark in _CHARACTERS_OF_VALUES for mark in marks):
        return None
    uses = Counter(file.positions.values())
    types: dict[str, pa.DataType] = {}
    nulls: set[str] = set()
    values: list[str] = []
    fields: dict[int, str] = {}
    for column in contract.declared_columns:
        value, position = _value(column), file.positions[column.name]
        if value is None or uses[position] > 1:
            continue
        tokens = [] if column.required else _tokens(contract, column, file)
        types[column.name] = column.type.arrow
        nulls.update(tokens)
        values.append(value)
        fields[position] = "|".join([value, *map(re.escape, tokens)])
    pattern = line_pattern(file.form, file.width, fields)
    # Arrow has one list of nulls for all columns: a number in it would be null in each of them.
    is_ambiguous = any(re.fullmatch(value, null) for value in values for null in nulls)
    if not types or is_ambiguous or pattern is None or len(pattern) > MOST_PATTERN_CHARACTERS:
        return None
    return Typed(types, tuple(sorted(nulls)), pattern)


def _value(column: Column) -> str | None:
    """What plain values of a column look like, if nothing but its type makes them of texts."""
    if not is_bare(column):
        return None
    if column.type.family in DIGITS:
        return rf"-?[0-9]{{1,{DIGITS[column.type.family]}}}"
    if column.type.family == "decimal":
        return _decimal(*column.type.arguments)
    return DATE if column.type.family == "date" else None


def _decimal(precision: int, scale: int) -> str | None:
    if precision == scale:
        return None
    fraction = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
    return rf"-?[0-9]{{1,{precision - scale}}}{fraction}"


def _tokens(contract: SourceContract, column: Column, file: CsvFile) -> list[str]:
    """The null tokens that a field may hold as they are."""
    special = {file.form.delimiter, file.form.quote, "\\", "\r", "\n"}
    return [
        token
        for token in contract.nulls_of(column)
        if not special & set(token) and not (column.trim and token != token.strip(SPACES))
    ]
