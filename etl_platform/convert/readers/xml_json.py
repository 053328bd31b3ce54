"""Elements as JSON, by rules that do not depend on how often something happens to stand there.

An element is an object: its attributes by `@name`, its children by their names, each a list, and
its own text as `#text`. One that has text only is that text.
"""

import json
from typing import Any, Final
from xml.etree.ElementTree import Element

_NIL: Final = "http://www.w3.org/2001/XMLSchema-instance}nil"
_SPACES: Final = " \t\r\n"

json_text: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def mapped(element: Element) -> Any:
    """What the JSON of an element holds."""
    if is_nil(element) and len(element.attrib) == 1:
        return None
    members: dict[str, Any] = {
        attribute_name(name): value for name, value in element.attrib.items()
    }
    for child in element:
        members.setdefault(local(child.tag), []).append(mapped(child))
    if not members:
        return element.text or ""
    text = own_text(element)
    # Between elements, white space is indentation.
    if not is_blank(text) or (text and not len(element)):
        members["#text"] = text
    return members


def is_nil(element: Element) -> bool:
    """Whether an element without contents says that it has no value."""
    says_so = element.get(_NIL) in ("true", "1")
    return says_so and not len(element) and is_blank(element.text or "")


def is_blank(text: str) -> bool:
    """Whether a text is white space as XML knows it."""
    return not text.strip(_SPACES)


def own_text(element: Element) -> str:
    """The text of an element without that of the elements in it."""
    return "".join([element.text or "", *(child.tail or "" for child in element)])


def attribute_name(name: str) -> str:
    """Of two attributes with the same local name, at most one is outside of all namespaces."""
    return f"@{{{name}" if "}" in name else f"@{name}"


def local(name: str) -> str:
    """The name of an element or an attribute without its namespace."""
    return name.rpartition("}")[2] if "}" in name else name
