"""From an element to the texts of the columns.

A name without a namespace stands for the name in any of them; `{uri}name` for that one only.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from xml.etree.ElementTree import Element

from etl_platform.contract.columns import Column
from etl_platform.convert.readers.records import Judged
from etl_platform.convert.readers.unknown import Unknown
from etl_platform.convert.readers.xml_json import (
    attribute_name,
    is_blank,
    is_nil,
    json_text,
    local,
    mapped,
    own_text,
)
from etl_platform.convert.reasons import Reason

OWN_TEXT: Final = "text()"
"""The last step of a path to the text of an element without that of the elements in it."""

_STEP: Final = re.compile(r"@?(?:\{[^{}]*\})?[^.{}]+")
_ABOUT_VALUES: Final = "http://www.w3.org/2001/XMLSchema-instance}"
"""Attributes of this namespace say what a value is, and are none."""

Value = Element | str


def is_name(name: str, wanted: str) -> bool:
    """Whether the name of an element, as `uri}name`, is the one that a contract writes."""
    if wanted.startswith("{"):
        return name == wanted.removeprefix("{}").removeprefix("{")
    return local(name) == wanted


_Want = tuple[Sequence[str], int, Column]
"""The steps that are left to a column, its number, and the column."""


class _Place:
    """What columns want of an element: itself, its own text, its attributes and its children.

    What an attribute or a child is for is found once for each name; it is None if unknown. Of an
    element that is wanted whole, nothing is unknown.
    """

    def __init__(self, path: str, wants: Sequence[_Want], is_whole: bool = False) -> None:
        self.path = path
        self.itself = [number for steps, number, _ in wants if not steps]
        self.text = [number for steps, number, _ in wants if list(steps) == [OWN_TEXT]]
        self.is_whole = is_whole or any(not s and _holds_json(column) for s, _, column in wants)
        self.is_left = bool(self.itself or self.text or self.is_whole)
        """Whether its own text is known."""
        self.attributes: dict[str, Sequence[int] | None] = {}
        self.children: dict[str, _Place | None] = {}
        self.met: set[str] = set()
        self.steps = [want for want in wants if want[0] and list(want[0]) != [OWN_TEXT]]

    def find_attribute(self, name: str) -> Sequence[int] | None:
        """The columns that an attribute is for."""
        numbers = [
            number
            for (step, *rest), number, _ in self.steps
            if not rest and step.startswith("@") and is_name(name, step[1:])
        ]
        is_known = numbers or self.is_whole or name.startswith(_ABOUT_VALUES)
        self.attributes[name] = numbers if is_known else None
        return self.attributes[name]

    def find_child(self, tag: str) -> "_Place | None":
        """The place of a child."""
        wants = [
            (rest, number, column)
            for (step, *rest), number, column in self.steps
            if is_name(tag, step)
        ]
        is_known = wants or self.is_whole
        path = f"{self.path}{local(tag)}."
        self.children[tag] = _Place(path, wants, self.is_whole) if is_known else None
        return self.children[tag]


class XmlValues:
    """The columns of a contract, ready to be found in many elements."""

    def __init__(self, columns: Sequence[Column], unknown: Unknown) -> None:
        self._columns = columns
        self._unknown = unknown
        self._root = _Place(
            "",
            [(_STEP.findall(c.path or c.name), number, c) for number, c in enumerate(columns)],
        )
        self._captures = unknown.policy == "capture"
        self._record = 0
        self._names: dict[str, None] = {}

    def records(self, elements: Iterable[tuple[Element, str]]) -> Iterator[Judged]:
        """The records that elements are, each with its raw text."""
        for element, raw in elements:
            self._record += 1
            self._names.clear()
            texts, problems, unknown = self.of(element)
            if self._captures:
                texts = [*texts, json_text(unknown) if unknown else None]
            if self._names and self._unknown.policy == "reject":
                value = self._unknown.meet(self._names, "")
                yield Judged(raw, texts, Reason.UNKNOWN_FIELD, value)
            else:
                yield Judged(raw, texts, column_problems=problems)

    def of(
        self, element: Element
    ) -> tuple[Sequence[str | None], Sequence[Reason | None] | None, dict[str, Any]]:
        """The texts of the columns, what is wrong with them if anything is, what is captured."""
        values: list[list[Value]] = [[] for _ in self._columns]
        unknown = self._visit(element, self._root, values)
        texts, problems = zip(*map(_text, self._columns, values), strict=True)
        return texts, problems if any(problems) else None, unknown

    def _visit(self, element: Element, place: _Place, values: list[list[Value]]) -> dict[str, Any]:
        """Add what an element has for each column to `values`; what is captured of it."""
        for number in place.itself:
            values[number].append(element)
        for number in place.text:
            values[number].append(own_text(element))
        captured: dict[str, Any] = {}
        if element.attrib:
            self._visit_attributes(element, place, values, captured)
        if place.steps or not (place.itself or place.is_whole):
            self._visit_children(element, place, values, captured)
        return captured

    def _visit_attributes(
        self,
        element: Element,
        place: _Place,
        values: list[list[Value]],
        captured: dict[str, Any],
    ) -> None:
        for name, value in element.attrib.items():
            try:
                numbers = place.attributes[name]
            except KeyError:
                numbers = place.find_attribute(name)
            if numbers is None:
                self._meet(place, attribute_name(name))
                captured[attribute_name(name)] = value
            else:
                for number in numbers:
                    values[number].append(value)

    def _visit_children(
        self,
        element: Element,
        place: _Place,
        values: list[list[Value]],
        captured: dict[str, Any],
    ) -> None:
        is_blank_so_far = place.is_left or is_blank(element.text or "")
        for child in element:
            tag = child.tag
            try:
                within = place.children[tag]
            except KeyError:
                within = place.find_child(tag)
            if within is not None:
                inner = self._visit(child, within, values)
                if inner and self._captures:
                    captured.setdefault(local(tag), []).append(inner)
            elif not place.itself:
                self._meet(place, local(tag))
                if self._captures:
                    captured.setdefault(local(tag), []).append(mapped(child))
            if is_blank_so_far and child.tail and not place.is_left:
                is_blank_so_far = is_blank(child.tail)
        if not is_blank_so_far:
            self._meet(place, OWN_TEXT)
            captured["#text"] = own_text(element)

    def _meet(self, place: _Place, name: str) -> None:
        """Note what is unknown: in each record only if that rejects it, else once."""
        if self._unknown.policy == "reject":
            self._names[place.path + name] = None
        elif name not in place.met:
            place.met.add(name)
            self._unknown.meet([place.path + name], f"record {self._record}")


def _holds_json(column: Column) -> bool:
    return column.type.family == "super"


def _text(column: Column, values: Sequence[Value]) -> tuple[str | None, Reason | None]:
    """The text of what stands at the place of a column, or why it has none."""
    if not values:
        return None, None
    if _holds_json(column):
        return json_text([v if isinstance(v, str) else mapped(v) for v in values]), None
    if len(values) > 1:
        return None, Reason.REPEATED_VALUE
    value = values[0]
    if isinstance(value, str):
        return value, None
    if len(value):
        return None, Reason.NESTED_VALUE
    return None if is_nil(value) else value.text or "", None
