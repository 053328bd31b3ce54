"""JSON by its grammar, one character at a time, and the records of a file.

The rules are those of docs/formats/json.md. Nothing here is fast, and nothing is of the product.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl_platform_tests.convert.differential.oracle_json_shapes import (
    PIECES,
    SPACES,
    behind_string,
)
from etl_platform_tests.convert.differential.oracle_records import Problem, Record, shown

_MOST_DEPTH = 100
_MOST_NUMBER = 500
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Spelled:
    """A value that is no object and no array: what it is, and how the file spells it."""

    value: str | bool | None
    text: str
    is_number: bool = False


@dataclass(frozen=True)
class Nested:
    """An object as a dict, or an array as a list, with its spelling."""

    value: dict[str, Any] | list[Any]
    text: str


class NoJson(Exception):
    """The text is no JSON; the message says from where on."""


class _Reading:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.doubled = False
        self.long_number = False
        self.surrogate = False

    def skip(self) -> str:
        while self.text[self.at : self.at + 1] in tuple(SPACES):
            self.at += 1
        return self.text[self.at : self.at + 1]

    def expect(self, character: str) -> None:
        if self.skip() != character:
            raise NoJson(f"no {character} at {self.at}")
        self.at += 1

    def value(self) -> Spelled | Nested:
        first = self.skip()
        start = self.at
        if first == "{":
            members = self.members()
            return Nested(members, self.text[start : self.at])
        if first == "[":
            elements = self.elements()
            return Nested(elements, self.text[start : self.at])
        if first == '"':
            text = self.string()
            return Spelled(text, self.text[start : self.at])
        for word, value in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return Spelled(value, word)
        number = _NUMBER.match(self.text, self.at)
        if number is None:
            raise NoJson(f"nothing known at {self.at}")
        self.at = number.end()
        self.long_number = self.long_number or len(number[0]) > _MOST_NUMBER
        return Spelled(number[0], number[0], is_number=True)

    def members(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.expect("{")
        if self.skip() == "}":
            self.at += 1
            return found
        while True:
            if self.skip() != '"':
                raise NoJson(f"no name at {self.at}")
            name = self.string()
            self.doubled = self.doubled or name in found
            self.expect(":")
            found[name] = self.value()
            if self.skip() == "}":
                self.at += 1
                return found
            self.expect(",")

    def elements(self) -> list[Any]:
        found: list[Any] = []
        self.expect("[")
        if self.skip() == "]":
            self.at += 1
            return found
        while True:
            found.append(self.value())
            if self.skip() == "]":
                self.at += 1
                return found
            self.expect(",")

    def string(self) -> str:
        self.expect('"')
        units: list[str] = []
        while True:
            character = self.text[self.at : self.at + 1]
            self.at += 1
            if character == '"':
                break
            if not character or character < " ":
                raise NoJson(f"a string ends or breaks at {self.at}")
            if character != "\\":
                units.append(character)
                continue
            escape = self.text[self.at : self.at + 1]
            self.at += 1
            if escape == "u":
                digits = self.text[self.at : self.at + 4]
                if not re.fullmatch("[0-9a-fA-F]{4}", digits):
                    raise NoJson(f"no escape at {self.at}")
                self.at += 4
                units.append(chr(int(digits, 16)))
            elif escape in _ESCAPES and escape:
                units.append(_ESCAPES[escape])
            else:
                raise NoJson(f"no escape at {self.at}")
        joined = "".join(units)
        # Halves that stand beside each other are one character, as in UTF-16.
        whole = joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        self.surrogate = self.surrogate or any("\ud800" <= c <= "\udfff" for c in whole)
        return whole


def read_json(text: str) -> tuple[Spelled | Nested | None, Problem]:
    """The value of a text, or what is wrong with it: any one of these reasons, and no other."""
    if _depth(text) > _MOST_DEPTH:
        return None, frozenset({"too_deep"})
    reading = _Reading(text)
    found: set[str] = set()
    value = None
    try:
        value = reading.value()
        if reading.skip():
            raise NoJson("something follows")
    except NoJson:
        found.add("malformed_record")
    if reading.doubled:
        found.add("duplicate_name")
    if reading.long_number:
        found.add("number_too_long")
    if reading.surrogate and "malformed_record" not in found:
        found.add("lone_surrogate")
    return (None if found else value), frozenset(found)


def _depth(text: str) -> int:
    deepest = depth = at = 0
    while at < len(text):
        character = text[at]
        if character == '"':
            at = behind_string(text, at) or len(text)
            continue
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
        at += 1
    return deepest


def compact(text: str) -> str:
    """The text without the spaces between its tokens."""
    kept, at = [], 0
    while at < len(text):
        if text[at] == '"':
            end = behind_string(text, at) or len(text)
            kept.append(text[at:end])
            at = end
            continue
        if text[at] not in SPACES:
            kept.append(text[at])
        at += 1
    return "".join(kept)


def respelled(value: Spelled | Nested) -> str:
    """The value without spaces, with characters in the place of their escapes."""
    if isinstance(value, Spelled):
        return json.dumps(value.value, ensure_ascii=False) if value.text[0] == '"' else value.text
    if isinstance(value.value, list):
        return f"[{','.join(map(respelled, value.value))}]"
    members = (
        f"{json.dumps(name, ensure_ascii=False)}:{respelled(one)}"
        for name, one in value.value.items()
    )
    return f"{{{','.join(members)}}}"


def json_records(body: bytes, attributes: Mapping[str, Any]) -> Iterator[Record]:
    """The records of a file; `attributes` are those of a contract, as in its YAML."""
    shape = attributes["format"].get("shape", "lines")
    mark = 3 if body.startswith(b"\xef\xbb\xbf") else 0
    # Bytes that are no UTF-8 become halves of surrogate pairs, which no brackets or quotes are.
    text = body[mark:].decode("utf-8", "surrogateescape")
    for piece in PIECES[shape](text, mark):
        yield piece if isinstance(piece, Record) else _record(piece, attributes)


def _record(text: str, attributes: Mapping[str, Any]) -> Record:
    raw = shown(text)
    if raw != text:
        return Record(raw, problem=frozenset({"undecodable"}))
    value, problem = read_json(text)
    if problem:
        return Record(raw, problem=problem)
    if not isinstance(value, Nested) or not isinstance(value.value, dict):
        return Record(raw, problem=frozenset({"malformed_record"}))
    return taken_apart(raw, value.value, attributes)


def taken_apart(raw: str, members: dict[str, Any], attributes: Mapping[str, Any]) -> Record:
    texts: dict[str, str | None] = {}
    problems: dict[str, str] = {}
    for column in attributes["columns"]:
        if "expression" in column:
            continue
        name = column["name"]
        found = _at(members, (column.get("path") or name).split("."))
        if column["type"] == "super":
            is_null = found is None or (isinstance(found, Spelled) and found.text == "null")
            texts[name] = None if found is None or is_null else respelled(found)
        elif isinstance(found, Nested):
            texts[name], problems[name] = None, "nested_value"
        else:
            texts[name] = None if found is None else _plain(found)
    unknown = _unknown(members, _ways(attributes))
    return Record(raw, texts, column_problems=problems, unknown=unknown)


def _plain(found: Spelled) -> str | None:
    if isinstance(found.value, bool):
        return "true" if found.value else "false"
    return found.value


def _at(members: dict[str, Any], steps: Sequence[str]) -> Spelled | Nested | None:
    here: Any = Nested(members, "")
    for step in steps:
        value = here.value if isinstance(here, Nested) else None
        if isinstance(value, dict):
            here = value.get(step)
        elif isinstance(value, list) and re.fullmatch("0|[1-9][0-9]*", step, re.ASCII):
            here = value[int(step)] if int(step) < len(value) else None
        else:
            return None
    assert here is None or isinstance(here, Spelled | Nested)
    return here


def _ways(attributes: Mapping[str, Any]) -> dict[str, Any]:
    ways: dict[str, Any] = {}
    for column in attributes["columns"]:
        if "expression" in column:
            continue
        here = ways
        for step in (column.get("path") or column["name"]).split("."):
            here = here.setdefault(step, {})
        here[""] = None
    return ways


def _unknown(members: dict[str, Any], ways: dict[str, Any]) -> dict[str, Any]:
    """What leads to no column, with the names that lead there; an empty name ends a way."""
    found: dict[str, Any] = {}
    for name, value in members.items():
        if name not in ways:
            found[name] = bare(value)
        elif "" not in ways[name] and isinstance(value, Nested) and isinstance(value.value, dict):
            within = _unknown(value.value, ways[name])
            if within:
                found[name] = within
    return found


def bare(value: Spelled | Nested | None) -> Any:
    """The value with a text for each number, and a tuple around every other scalar."""
    if isinstance(value, Nested):
        if isinstance(value.value, dict):
            return {name: bare(one) for name, one in value.value.items()}
        return [bare(one) for one in value.value]
    assert value is not None
    return value.text if value.is_number else (value.value,)
