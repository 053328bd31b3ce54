"""From an element to the texts of the columns.

A name without a namespace stands for the name in any of them; `{uri}name` for that one only.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

from etl_platform.contract.columns import Column
from etl_platform.convert.reasons import Reason

OWN_TEXT: Final = "text()"
"""The last step of a path to the text of an element without that of the elements in it."""

_STEP: Final = re.compile(r"@?(?:\{[^{}]*\})?[^.{}]+")
_NIL: Final = "http://www.w3.org/2001/XMLSchema-instance}nil"

Value = Element | str


def is_name(name: str, wanted: str) -> bool:
    """Whether the name of an element, as `uri}name`, is the one that a contract writes."""
    if wanted.startswith("{"):
        return name == wanted.removeprefix("{}").removeprefix("{")
    return _local(name) == wanted


@dataclass
class _Node:
    """What columns want of an element: itself, its own text, its attributes and its children.

    Attributes and children are found by local name, then told apart by the name that is wanted.
    """

    itself: list[int] = field(default_factory=list)
    text: list[int] = field(default_factory=list)
    attributes: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    children: dict[str, list[tuple[str, "_Node"]]] = field(default_factory=dict)

    def want(self, steps: Sequence[str], column: int) -> None:
        if not steps:
            self.itself.append(column)
            return
        step, *rest = steps
        if step == OWN_TEXT and not rest:
            self.text.append(column)
        elif step.startswith("@") and not rest:
            wanted = step[1:]
            self.attributes.setdefault(_local(wanted), []).append((wanted, column))
        else:
            alike = self.children.setdefault(_local(step), [])
            node = next((node for wanted, node in alike if wanted == step), None)
            if node is None:
                node = _Node()
                alike.append((step, node))
            node.want(rest, column)

    def find(self, element: Element, found: list[list[Value]]) -> None:
        """Add what the element has for each column to `found`."""
        for column in self.itself:
            found[column].append(element)
        for column in self.text:
            found[column].append(_own_text(element))
        if self.attributes:
            for name, value in element.attrib.items():
                for wanted, column in self.attributes.get(_local(name), ()):
                    if is_name(name, wanted):
                        found[column].append(value)
        if self.children:
            for child in element:
                tag = child.tag
                for wanted, node in self.children.get(_local(tag), ()):
                    if wanted == tag or is_name(tag, wanted):
                        node.find(child, found)


class XmlValues:
    """The columns of a contract, ready to be found in many elements."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._width = len(columns)
        self._root = _Node()
        for number, column in enumerate(columns):
            self._root.want(_STEP.findall(column.path or column.name), number)

    def of(self, element: Element) -> tuple[Sequence[str | None], Sequence[Reason | None] | None]:
        """The texts of the columns, and what is wrong with each if anything is."""
        found: list[list[Value]] = [[] for _ in range(self._width)]
        self._root.find(element, found)
        texts, problems = zip(*map(_single, found), strict=True)
        return texts, problems if any(problems) else None


def _single(values: Sequence[Value]) -> tuple[str | None, Reason | None]:
    """The text of what stands at the place of a column, or why it has none."""
    if not values:
        return None, None
    if len(values) > 1:
        return None, Reason.REPEATED_VALUE
    value = values[0]
    if isinstance(value, str):
        return value, None
    if len(value):
        return None, Reason.NESTED_VALUE
    return None if value.get(_NIL) in ("true", "1") else value.text or "", None


def _local(name: str) -> str:
    return name.rpartition("}")[2] if "}" in name else name


def _own_text(element: Element) -> str:
    return "".join([element.text or "", *(child.tail or "" for child in element)])
