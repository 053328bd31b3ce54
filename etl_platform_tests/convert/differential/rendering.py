"""Records as the bytes of a file, in the spellings that a format allows."""

import codecs
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Column = Mapping[str, Any]
Cells = Sequence[str | None]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def rendered(
    draw: Draw, attributes: Mapping[str, Any], columns: Sequence[Column], rows: Sequence[Cells]
) -> bytes:
    """A file that holds these rows."""
    return _WRITERS[attributes["format"]["type"]](draw, attributes["format"], columns, rows)


def _csv(
    draw: Draw, form: Mapping[str, Any], columns: Sequence[Column], rows: Sequence[Cells]
) -> bytes:
    delimiter = form.get("delimiter", ",")
    names = [column.get("path") or column["name"] for column in columns]
    order = list(range(len(names)))
    with_more = False
    lines = [f"skipped {n}" for n in range(form.get("skip_lines", 0))]
    if form.get("header", "present") == "present":
        with_more = draw(st.integers(0, 3)) == 0
        order = draw(st.permutations(order))
        lines.append(delimiter.join(_cell(draw, names[n], form) for n in order))
        lines[-1] += f"{delimiter}more" if with_more else ""
    for row in rows:
        cells = [_cell(draw, row[n] or "", form) for n in order]
        lines.append(delimiter.join([*cells, *(["extra"] if with_more else [])]))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    text = str(end.join(lines) + draw(st.sampled_from(["", end])))
    encoding = str(form.get("encoding", "utf-8"))
    if encoding == "utf-16":
        return codecs.BOM_UTF16_LE + text.encode("utf-16-le")
    mark = draw(st.sampled_from([b"", b"", codecs.BOM_UTF8])) if encoding == "utf-8" else b""
    return bytes(mark) + text.encode(encoding, "ignore")


def _cell(draw: Draw, text: str, form: Mapping[str, Any]) -> str:
    quote = str(form.get("quote", '"'))
    special = {form.get("delimiter", ","), quote, "\n", "\r", "\\"}
    # Now and then bare although it should not be.
    if draw(st.integers(0, 9)) == 0 or (not special & set(text) and draw(st.integers(0, 3))):
        return text
    if form.get("escape") == "backslash":
        return quote + text.replace("\\", "\\\\").replace(quote, f"\\{quote}") + quote
    return quote + text.replace(quote, quote * 2) + quote


def _json(
    draw: Draw, form: Mapping[str, Any], columns: Sequence[Column], rows: Sequence[Cells]
) -> bytes:
    records = [_object(draw, columns, row) for row in rows]
    shape = form.get("shape", "lines")
    text: str
    if shape == "array":
        text = "[" + draw(st.sampled_from([",", ", ", "\n,"])).join(records) + "]"
    elif shape == "documents":
        text = draw(st.sampled_from(["", "\n", " "])).join(records)
    elif shape == "document":
        text = records[0] if records else "{}"
    else:
        text = "".join(
            record + draw(st.sampled_from(["\n", "\n", "\r\n", "\n \n"])) for record in records
        )
    return bytes(draw(st.sampled_from([b"", b"", codecs.BOM_UTF8]))) + text.encode()


def _object(draw: Draw, columns: Sequence[Column], row: Cells) -> str:
    """An object with each text where its column looks for it."""
    tree: dict[str, Any] = {}
    for column, text in zip(columns, row, strict=True):
        if text is None and draw(st.booleans()):
            continue
        here = tree
        *before, last = (column.get("path") or column["name"]).split(".")
        for step in before:
            inner = here.setdefault(step, {})
            here = inner if isinstance(inner, dict) else here
        here.setdefault(last, _Leaf(_json_value(draw, text, column)))
    if draw(st.integers(0, 5)) == 0:
        tree["more"] = _Leaf('[1.50,{"é":null}]')
    return _written(draw, tree)


class _Leaf(str):
    """A value as it is spelled."""

    __slots__ = ()


def _json_value(draw: Draw, text: str | None, column: Column) -> str:
    if text is None:
        return "null"
    is_bare = _NUMBER.fullmatch(text) or text in ("true", "false") or column["type"] == "super"
    if is_bare and "\n" not in text and draw(st.integers(0, 2)):
        return text
    return json.dumps(text, ensure_ascii=draw(st.booleans()))


def _written(draw: Draw, tree: Mapping[str, Any]) -> str:
    if tree and all(re.fullmatch("[01]", name) for name in tree) and draw(st.booleans()):
        places = [tree.get(str(n), _Leaf("null")) for n in range(2)]
        return (
            "[" + ",".join(p if isinstance(p, _Leaf) else _written(draw, p) for p in places) + "]"
        )
    colon = draw(st.sampled_from([":", ": "]))
    members = (
        json.dumps(name, ensure_ascii=False)
        + colon
        + (value if isinstance(value, _Leaf) else _written(draw, value))
        for name, value in tree.items()
    )
    return "{" + ",".join(members) + "}"


def _xml(
    draw: Draw, form: Mapping[str, Any], columns: Sequence[Column], rows: Sequence[Cells]
) -> bytes:
    prefix = "p:" if draw(st.booleans()) else ""
    parts = [_row(draw, prefix, columns, row) for row in rows]
    text = '<x xmlns:p="urn:a" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
    text += str(draw(st.sampled_from(["", "\n  "]))).join(parts) + "</x>"
    encoding = str(draw(st.sampled_from(["", "", "utf-8", "iso-8859-1", "utf-16"])))
    prolog = f'<?xml version="1.0" encoding="{encoding}"?>' if encoding else ""
    return (prolog + text).encode(encoding or "utf-8", "xmlcharrefreplace")


def _row(draw: Draw, prefix: str, columns: Sequence[Column], row: Cells) -> str:
    own: list[str] = []
    inner: list[str] = []
    attributes: dict[str, str] = {}
    inner_attributes: dict[str, str] = {}
    for column, cell in zip(columns, row, strict=True):
        if cell is None and draw(st.booleans()):
            continue
        *before, last = re.findall(
            r"@?(?:\{[^{}]*\})?[^.{}]+", column.get("path") or column["name"]
        )
        bag, named = (inner, inner_attributes) if before else (own, attributes)
        text = _NO_XML.sub("", cell or "")
        if last.startswith("@"):
            named[last[1:]] = f" {last[1:]}={quoteattr(text)}"
        elif last == "text()":
            bag.append(escape(text))
        else:
            bag.append(_element(draw, last, text, is_nil=cell is None))
    if inner or inner_attributes:
        own.append(f"<in{''.join(inner_attributes.values())}>{''.join(inner)}</in>")
    return f"<{prefix}r{''.join(attributes.values())}>{''.join(own)}</{prefix}r>"


def _element(draw: Draw, name: str, text: str, *, is_nil: bool) -> str:
    prefix = "p:" if name.startswith("{urn:a}") else ""
    tag = prefix + name.rpartition("}")[2]
    if is_nil:
        return f'<{tag} i:nil="true"/>'
    body = escape(text)
    if "]]>" not in text and draw(st.integers(0, 3)) == 0:
        body = f"<![CDATA[{text}]]>"
    element = f"<{tag}>{body}</{tag}>"
    return element * (2 if draw(st.integers(0, 15)) == 0 else 1)


_WRITERS: dict[
    str, Callable[[Draw, Mapping[str, Any], Sequence[Column], Sequence[Cells]], bytes]
] = {
    "csv": _csv,
    "json": _json,
    "xml": _xml,
}
