"""Records that are spelled so plainly that DuckDB may make values of their fields at once.

A pattern comes first, one for each shape of record. It matches JSON only, and only values that come
out of `from_json` as the casts would make them: DuckDB reads a fraction as a binary double, which
gives back 15 digits and no more. A record with a field that is spelled otherwise keeps its text.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from etl_platform.contract.columns import Column
from etl_platform.contract.source import SourceContract
from etl_platform.convert.readers.plain_values import (
    DATE,
    DIGITS,
    MOST_PATTERN_CHARACTERS,
    is_bare,
)

SPACE: Final = r"[ \t\r\n]*"
_PLAIN_NAME: Final = re.compile(r'[^"\\\x00-\x1f]+')
_DIGITS_OF_DOUBLE: Final = 15
_INTEGER: Final = r"(?:0|-?[1-9][0-9]{0,17})"
_STRING: Final = r'"[^"\\\x00-\x1f]*"'
_TEXT: Final = rf"{_STRING}|{_INTEGER}|true|false"
"""What is the same text in JSON and as a VARCHAR."""
_DOUBLE: Final = (
    rf"(?:0|-?[1-9][0-9]{{0,{_DIGITS_OF_DOUBLE - 1}}})(?:\.[0-9]{{1,{_DIGITS_OF_DOUBLE}}})?"
    # The integer -0 would lose its sign, and 0 has none.
    rf"|-0\.[0-9]{{0,{_DIGITS_OF_DOUBLE - 1}}}[1-9]"
)
_SCALAR: Final = (
    rf"(?:{_STRING}|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null)"
)

Steps = tuple[str, ...]


@dataclass(frozen=True)
class JsonTyped:
    """What can be read as values: the columns of `types`, each with what DuckDB calls its type.

    `texts` are the other columns. `values` are patterns for what stands at the place of a column,
    and the places of `needed` have to be there.
    """

    types: Mapping[str, str]
    texts: Mapping[str, Steps]
    places: Mapping[str, Steps]
    values: Mapping[Steps, str]
    needed: frozenset[Steps]

    @property
    def structure(self) -> str:
        """The structure for `from_json`: a struct in a struct for each step."""
        root: dict[str, Any] = {}
        for name, steps in {**self.texts, **self.places}.items():
            inner = root
            for step in steps[:-1]:
                inner = inner.setdefault(step, {})
            inner[steps[-1]] = self.types.get(name, "VARCHAR")
        return json.dumps(root, ensure_ascii=False)

    def pattern(self, value: dict[str, Any], text: str) -> str | None:
        """What matches plain records with the names of this one in their order, if it is one."""
        pattern = self._pattern(value, ())
        if pattern is None or not self.needed <= set(_places(value, ())):
            return None
        is_short = len(pattern) <= MOST_PATTERN_CHARACTERS
        whole = rf"{SPACE}{pattern}{SPACE}"
        return pattern if is_short and re.fullmatch(whole, text, re.ASCII) else None

    def _pattern(self, value: Any, place: Steps) -> str | None:
        if isinstance(value, list):
            # A path may lead into it, and a struct does not.
            return None
        if not isinstance(value, dict):
            return self.values.get(place, _SCALAR)
        if place in self.values:
            return None
        members = []
        for name, one in value.items():
            pattern = self._pattern(one, (*place, name))
            if pattern is None:
                return None
            written = re.escape(json.dumps(name, ensure_ascii=False))
            members.append(f"{written}{SPACE}:{SPACE}{pattern}")
        return rf"\{{{SPACE}{f'{SPACE},{SPACE}'.join(members)}{SPACE}\}}"


def json_typed(contract: SourceContract) -> JsonTyped | None:
    """What of the records of a source can be read as values; None if it is nothing."""
    columns = contract.declared_columns
    if not _are_places_of_structs([column.steps for column in columns]):
        return None
    if any(column.type.family == "super" for column in columns):
        return None
    uses = Counter(column.steps for column in columns)
    types: dict[str, str] = {}
    values: dict[Steps, str] = {}
    for column in columns:
        value = _value(contract, column) if uses[column.steps] == 1 else None
        if value is not None:
            types[column.name] = str(column.type)
        nullable = "" if value is not None and column.required else "|null"
        values[column.steps] = f"(?:{_TEXT if value is None else value}{nullable})"
    if not types:
        return None
    return JsonTyped(
        types=types,
        texts={c.name: c.steps for c in columns if c.name not in types},
        places={c.name: c.steps for c in columns if c.name in types},
        values=values,
        needed=frozenset(c.steps for c in columns if c.name in types and c.required),
    )


def _value(contract: SourceContract, column: Column) -> str | None:
    """What plain values of a column look like, if nothing but its type makes them of texts."""
    family = column.type.family
    if family in DIGITS:
        value = rf"(?:0|-?[1-9][0-9]{{0,{DIGITS[family] - 1}}})"
    elif family == "decimal":
        value = _decimal(*column.type.arguments)
    else:
        value = {"double": _DOUBLE, "date": f'"{DATE}"'}.get(family, "")
    tokens = contract.nulls_of(column)
    is_token = any(re.fullmatch(value, written) for t in tokens for written in (t, f'"{t}"'))
    return value if value and is_bare(column) and not is_token else None


def _decimal(precision: int, scale: int) -> str:
    whole_digits = min(precision, _DIGITS_OF_DOUBLE) - scale
    if whole_digits < 1:
        return ""
    fraction = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
    return rf"-?(?:0|[1-9][0-9]{{0,{whole_digits - 1}}}){fraction}"


def _are_places_of_structs(places: list[Steps]) -> bool:
    """Whether no place is within another, and DuckDB can tell the names of each struct apart."""
    steps = {step for place in places for step in place}
    if not all(map(_PLAIN_NAME.fullmatch, steps)):
        return False
    within = {place[:length] for place in places for length in range(1, len(place))}
    branches = within | set(places)
    folded = {tuple(map(str.casefold, branch)) for branch in branches}
    return not within & set(places) and len(folded) == len(branches)


def _places(value: dict[str, Any], place: Steps) -> Iterator[Steps]:
    for name, one in value.items():
        yield (*place, name)
        if isinstance(one, dict):
            yield from _places(one, (*place, name))
