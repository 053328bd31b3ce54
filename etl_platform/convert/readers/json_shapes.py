"""The strict check of many texts at the speed of a pattern.

The records of a source mostly have the same names in the same order. So of a text that was found to
be JSON to the letter a pattern is made, and texts that match it can only break rules that DuckDB
keeps as well. All others are looked at one by one: slower, and never let through unseen.

What unknown fields a text has is the same for all of a pattern, whose names are those of its
objects. Where they make a difference to the record, no pattern is made of a text that has any.

A narrower pattern comes first, for texts with plain values: see json_typed.py.
"""

import json
import re
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from etl_platform.convert.readers.json_strict import (
    MOST_NUMBER_CHARACTERS,
    Broken,
    read_object,
    written,
)
from etl_platform.convert.readers.json_typed import SPACE, JsonTyped
from etl_platform.convert.readers.plain_values import MOST_PATTERN_CHARACTERS
from etl_platform.convert.readers.records import IS_TYPED, RECORD_COLUMNS
from etl_platform.convert.readers.unknown import Known, Unknown, names_of, unknown_fields
from etl_platform.convert.reasons import Reason

UNKNOWN: Final = "_unknown"
"""The column with what is unknown in a record: its names if that rejects it, else an object."""

SCHEMA: Final = pa.schema(RECORD_COLUMNS | {UNKNOWN: pa.string(), IS_TYPED: pa.bool_()})

# No wider than it must be for DuckDB to see the rest: a short pattern is a fast one. Escapes of
# surrogates are left out, because whether they come in pairs is for the strict check.
_STRING: Final = r'"(?:[^"\\]|\\(?:[^u]|u[^dD]|u[dD][0-7]))*"'
_SCALAR: Final = rf"(?:{_STRING}|[-+.0-9eE]+|true|false|null)"
_LONG_NUMBER: Final = rf"[-+.0-9eE]{{{MOST_NUMBER_CHARACTERS + 1}}}"

_MOST_SHAPES: Final = 16
_MOST_CHARACTERS: Final = 30_000
"""Of all strict patterns together: RE2 has 8 MB for its automaton, and crawls when that is too
little."""

_AT_ONCE: Final = 64


class Shapes:
    """The patterns learned from one file so far."""

    def __init__(
        self, known: Known, unknown: Unknown, typed: JsonTyped | None, records_before: int
    ) -> None:
        self._known = known
        self._unknown = unknown
        self._typed = typed
        self._records_before = records_before
        self._strict = _Patterns(_MOST_CHARACTERS)
        self._plain = _Patterns(MOST_PATTERN_CHARACTERS)

    def checked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch, with the problem of every text that is not one object, with UNKNOWN, and with
        IS_TYPED for texts with plain values."""
        problems: dict[int, str] = {}
        unknown: dict[int, str] = {}
        plain: list[pa.Array[Any]] = []
        texts = batch["_raw"]
        open_ones: pa.Array[Any] = pc.indices_nonzero(pc.is_null(batch["_problem"]))
        open_ones = self._without_pattern(texts, open_ones, plain)
        while len(open_ones):
            head, open_ones = open_ones[:_AT_ONCE], open_ones[_AT_ONCE:]
            patterns = len(self._strict)
            numbers: list[Any] = head.to_pylist()
            for number in numbers:
                where = f"record {self._records_before + batch['_record'][number].as_py()}"
                problem, more = self._looked_at(texts[number].as_py(), where)
                if problem is not None:
                    problems[number] = problem
                if more is not None:
                    unknown[number] = more
            if len(self._strict) > patterns:
                open_ones = self._without_pattern(texts, open_ones, plain)
        said = _changed(batch["_problem"], problems)
        told = _changed(pa.nulls(len(batch), pa.string()), unknown)
        are_plain = _are_among(plain, len(batch))
        arrays = [batch["_record"], texts, said, told, are_plain]
        return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)

    def _looked_at(self, text: str, where: str) -> tuple[Reason | None, str | None]:
        """The problem of a text, and what UNKNOWN says of it."""
        try:
            value = read_object(text)
        except Broken as broken:
            return broken.reason, None
        if found := unknown_fields(value, self._known):
            shown = self._unknown.meet(names_of(found, self._known), where)
            if self._unknown.policy == "reject":
                return Reason.UNKNOWN_FIELD, shown
            if self._unknown.policy == "capture":
                return None, written(found)
        self._learn(value, text)
        return None, None

    def _without_pattern(
        self, texts: "pa.Array[Any]", numbers: "pa.Array[Any]", plain: "list[pa.Array[Any]]"
    ) -> "pa.Array[Any]":
        """Those of the texts that no pattern speaks for; those with plain values go to `plain`."""
        if self._plain:
            matches = self._plain.matches(_taken(texts, numbers))
            plain.append(numbers.filter(matches))
            numbers = numbers.filter(pc.invert(matches))
        if not self._strict or not len(numbers):
            return numbers
        some = _taken(texts, numbers)
        unseen = pc.invert(self._strict.matches(some))
        # A pattern cannot count so far, and few texts are long enough for it to matter.
        lengths: pa.Array[Any] = pc.binary_length(some)
        long = pc.greater(lengths, pa.scalar(MOST_NUMBER_CHARACTERS))
        if pc.any(long).as_py():
            has_long_number = pc.match_substring_regex(some, _LONG_NUMBER)
            unseen = pc.or_(unseen, pc.and_(long, has_long_number))
        return numbers.filter(unseen)

    def _learn(self, value: dict[str, Any], text: str) -> None:
        self._strict.learn(_pattern(value))
        if self._typed is not None:
            self._plain.learn(self._typed.pattern(value, text))


class _Patterns:
    """Patterns for whole texts, of so many characters together at most."""

    def __init__(self, most_characters: int) -> None:
        self._room = most_characters
        self._patterns: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._patterns)

    def learn(self, pattern: str | None) -> None:
        """Take one more, if there is one and room for it."""
        if pattern is None or pattern in self._patterns or len(self) == _MOST_SHAPES:
            return
        if len(pattern) <= self._room:
            self._patterns[pattern] = None
            self._room -= len(pattern)

    def matches(self, texts: "pa.Array[Any]") -> "pa.Array[Any]":
        """Whether each text matches one of them."""
        found: pa.Array[Any] = pc.match_substring_regex(
            texts, rf"\A{SPACE}(?:{'|'.join(self._patterns)}){SPACE}\z"
        )
        return found


def _taken(texts: "pa.Array[Any]", numbers: "pa.Array[Any]") -> Any:
    return texts if len(numbers) == len(texts) else texts.take(numbers)


def _are_among(numbers: "list[pa.Array[Any]]", count: int) -> "pa.Array[Any]":
    """For each number up to `count` whether it is one of these, each of which is there once."""
    found = sum(map(len, numbers))
    if found in (0, count):
        return pa.repeat(pa.scalar(found > 0), count)
    among = pa.concat_arrays(numbers)
    everyone = pa.array(range(count), among.type)
    are_among: pa.Array[Any] = pc.is_in(everyone, among)
    return are_among


def _changed(column: "pa.Array[Any]", changes: dict[int, str]) -> "pa.Array[Any]":
    if not changes:
        return column
    texts = column.to_pylist()
    for number, text in changes.items():
        texts[number] = text
    return pa.array(texts, pa.string())


def _pattern(value: Any) -> str | None:
    """What matches texts with the names of this value in their order, and any scalars."""
    if isinstance(value, dict):
        members = []
        for name, one in value.items():
            pattern = _pattern(one)
            if pattern is None:
                return None
            written = re.escape(json.dumps(name, ensure_ascii=False))
            members.append(f"{written}{SPACE}:{SPACE}{pattern}")
        return rf"\{{{SPACE}{f'{SPACE},{SPACE}'.join(members)}{SPACE}\}}"
    if isinstance(value, list):
        patterns = {_pattern(one) for one in value} or {_SCALAR}
        each = patterns.pop()
        # Twice in the pattern, hence too long a pattern where arrays of objects are nested.
        if patterns or each is None or len(each) > _MOST_CHARACTERS:
            return None
        return rf"\[{SPACE}(?:{each}{SPACE}(?:,{SPACE}{each}{SPACE})*)?\]"
    return _SCALAR
