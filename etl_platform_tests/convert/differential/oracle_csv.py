"""Delimited text, one character at a time, by docs/formats/csv.md."""

import codecs
from collections.abc import Iterator, Mapping
from typing import Any

from etl_platform_tests.convert.differential.oracle_records import (
    FieldsUnknown,
    Record,
    Unreadable,
    shown,
)


def csv_records(body: bytes, attributes: Mapping[str, Any]) -> Iterator[Record]:
    """The records of a file; `attributes` are those of a contract, as in its YAML."""
    form = attributes["format"]
    columns = [column for column in attributes["columns"] if "expression" not in column]
    text = _decoded(body, form.get("encoding", "utf-8"))
    errors = "surrogatepass" if form.get("encoding") == "utf-16" else "surrogateescape"
    scan = _Scan(text, form)
    for _ in range(form.get("skip_lines", 0)):
        if scan.at == len(text):
            raise Unreadable("it ends within the skipped lines")
        scan.pass_line()
    if form.get("header", "present") == "absent":
        header = [column["name"] for column in columns]
        positions = {name: number for number, name in enumerate(header)}
    else:
        header = _header(scan)
        positions = {c["name"]: _position(header, c.get("path") or c["name"]) for c in columns}
    others = [n for n, _ in enumerate(header) if n not in positions.values()]
    if others and attributes.get("unknown") == "block":
        raise FieldsUnknown
    while (found := scan.record()) is not None:
        fields, raw, is_malformed = found
        raw = raw.rstrip("\r")
        if shown(raw, errors) != raw:
            yield Record(shown(raw, errors), problem=frozenset({"undecodable"}))
        elif is_malformed:
            yield Record(raw, problem=frozenset({"malformed_record"}))
        elif len(fields) != len(header):
            yield Record(raw, problem=frozenset({"wrong_number_of_fields"}))
        else:
            yield Record(
                raw,
                {name: fields[position] for name, position in positions.items()},
                unknown=_named([header[n] for n in others], [fields[n] for n in others]),
            )


def _named(names: list[str], values: list[str]) -> dict[str, Any]:
    """The values by name; a name that stands there twice has a list of them."""
    found: dict[str, Any] = {}
    for name in names:
        alike = [(value,) for other, value in zip(names, values, strict=True) if other == name]
        found[name] = alike if len(alike) > 1 else alike[0]
    return found


def _decoded(body: bytes, encoding: str) -> str:
    """The text, with halves of surrogate pairs for what is not in the encoding."""
    if encoding == "utf-16":
        for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
            if body.startswith(mark):
                whole = len(body) - len(body) % 2
                rest = "".join(chr(0xDC00 + byte) for byte in body[whole:])
                return body[2:whole].decode(codec, "surrogatepass") + rest
        if body:
            raise Unreadable("it has no byte order mark")
        return ""
    if body.startswith(codecs.BOM_UTF8):
        if encoding != "utf-8":
            raise Unreadable("it has the mark of another encoding")
        body = body[3:]
    return body.decode(encoding, "surrogateescape")


def _header(scan: "_Scan") -> list[str]:
    scan.pass_comments()
    start = scan.at
    found = scan.record(may_be_blank=True)
    if found is None or not scan.text[start:].split("\n")[0].rstrip("\r"):
        raise Unreadable("it has no header")
    fields, raw, is_malformed = found
    if is_malformed or shown(raw, "surrogatepass") != raw or "\0" in raw:
        raise Unreadable("its header is none")
    return fields


def _position(header: list[str], name: str) -> int:
    if header.count(name) != 1:
        raise Unreadable(f"its header does not have {name} once")
    return header.index(name)


class _Scan:
    """A text and how far it is read."""

    def __init__(self, text: str, form: Mapping[str, Any]) -> None:
        self.text = text
        self.at = 0
        self._delimiter = form.get("delimiter", ",")
        self._quote = form.get("quote", '"')
        self._comment = form.get("comment")
        self._escapes = form.get("escape", "doubled") == "backslash"

    def pass_line(self) -> str:
        """Go behind the next line end, or to the end."""
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        line = self.text[self.at : end]
        self.at = min(end + 1, len(self.text))
        return line

    def pass_comments(self) -> None:
        while self._comment and self.text.startswith(self._comment, self.at):
            self.pass_line()

    def record(self, *, may_be_blank: bool = False) -> tuple[list[str], str, bool] | None:
        """The fields and the raw text of the next record, and whether it is malformed."""
        while not may_be_blank:
            if self.at == len(self.text):
                return None
            start = self.at
            line = self.pass_line()
            if line.rstrip("\r") and not (self._comment and line.startswith(self._comment)):
                self.at = start
                break
        if self.at == len(self.text):
            return None
        start = self.at
        fields: list[str] = []
        is_malformed = False
        while True:
            field, ended = self._field()
            fields.append(field)
            if ended == "malformed":
                is_malformed = True
                # What is wrong costs the rest of its line, and no line behind it.
                if self.at < len(self.text):
                    self.pass_line()
                break
            if ended == "record":
                break
        raw = self.text[start : self.at]
        return fields, raw.removesuffix("\n"), is_malformed

    def _field(self) -> tuple[str, str]:
        """The next field, and what ended: it alone, the record, or all hope."""
        if self.text.startswith(self._quote, self.at):
            return self._quoted()
        kept = ""
        while True:
            character = self.text[self.at : self.at + 1]
            if self._escaped():
                kept += self.text[self.at + 1]
                self.at += 2
            elif character and character not in (self._delimiter, "\n", "\r"):
                kept += character
                self.at += 1
            else:
                return kept, self._end_of_field()

    def _quoted(self) -> tuple[str, str]:
        self.at += 1
        kept = ""
        while self.at < len(self.text):
            if self._escaped():
                kept += self.text[self.at + 1]
                self.at += 2
            elif self.text[self.at] != self._quote:
                kept += self.text[self.at]
                self.at += 1
            elif not self._escapes and self.text.startswith(self._quote * 2, self.at):
                kept += self._quote
                self.at += 2
            else:
                self.at += 1
                return kept, self._end_of_field()
        return kept, "malformed"

    def _escaped(self) -> bool:
        """Whether a backslash stands here that makes the next character part of the field."""
        following = self.text[self.at + 1 : self.at + 2]
        return (
            self._escapes
            and self.text.startswith("\\", self.at)
            and following in (self._delimiter, self._quote, "\\", "\n", "\r")
            and self.text[self.at + 1 :] not in ("", "\n")
        )

    def _end_of_field(self) -> str:
        rest = self.text[self.at : self.at + 1]
        if rest == self._delimiter:
            self.at += 1
            return "field"
        behind = self.at
        while self.text.startswith("\r", behind):
            behind += 1
        if behind == len(self.text) or self.text[behind] == "\n":
            self.at = min(behind + 1, len(self.text))
            return "record"
        return "malformed"
