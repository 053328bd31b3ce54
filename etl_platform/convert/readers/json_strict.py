"""What JSON is, to the letter: one record's text is one object, or there is a reason why not.

DuckDB also takes NaN, Infinity, trailing commas and any depth, and of two equal names it keeps the
first; the json module takes half of a surrogate pair and, of two equal names, keeps the last.
"""

import json
import re
from typing import Any, Final, Never

from etl_platform.convert.reasons import Reason

MOST_DEPTH: Final = 100
"""Objects and arrays within each other. The json module is recursive, and so are most readers."""

MOST_NUMBER_CHARACTERS: Final = 500
"""Far beyond every type of a column; the time to read a number grows faster than its length."""

_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|([\[{])|[\]}]', re.DOTALL)
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class Number(str):
    """A number as it is written."""

    __slots__ = ()


class Broken(ValueError):
    """A text that is no record."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def read_object(text: str) -> dict[str, Any]:
    """The object that a text is, with a Number for each of its numbers. Raises Broken."""
    value = read_value(text)
    if not isinstance(value, dict):
        raise Broken(Reason.MALFORMED_RECORD)
    return value


def read_value(text: str) -> Any:
    """Any value that a text is, with a Number for each of its numbers. Raises Broken."""
    if _is_too_deep(text):
        raise Broken(Reason.TOO_DEEP)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError:
        raise Broken(Reason.MALFORMED_RECORD) from None
    if _SURROGATE.search(text) and not _is_unicode(value):
        raise Broken(Reason.LONE_SURROGATE)
    return value


def written(value: Any) -> str:
    """The text of what `read_object` gives, numbers as they were, without white space."""
    if isinstance(value, Number):
        return value
    if isinstance(value, dict):
        members = (f"{_encoded(name)}:{written(inner)}" for name, inner in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return _encoded(value)


def _is_too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return False
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        if token[1]:
            depth += 1
            if depth > MOST_DEPTH:
                return True
        elif token[0] in ("]", "}"):
            depth -= 1
    return False


def _is_unicode(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Broken(Reason.DUPLICATE_NAME)
    return value


def _number(text: str) -> Number:
    if len(text) > MOST_NUMBER_CHARACTERS:
        raise Broken(Reason.NUMBER_TOO_LONG)
    return Number(text)


def _refuse(_: str) -> Never:
    raise Broken(Reason.MALFORMED_RECORD)


_encoded: Final = json.JSONEncoder(ensure_ascii=False).encode

_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_refuse
)
