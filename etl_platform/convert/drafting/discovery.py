"""The first look at sample files: their format, and the places where single values stand."""

import csv
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, TextIO
from xml.parsers import expat

from etl_platform.contract.errors import FileUnreadable
from etl_platform.contract.types import ColumnType
from etl_platform.convert.drafting.parquet_discovery import discover_parquet
from etl_platform.convert.drafting.sample_files import Discovery, Fields, SampleFile
from etl_platform.convert.readers.records import MOST_RECORD_BYTES

MOST_RECORDS: Final = 100_000
"""Of each JSON file. A field that comes later only is not found."""

_SUFFIXES: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".xml": "xml",
    ".parquet": "parquet",
}
_DELIMITERS: Final = ",;\t|"
_LINES_COMPARED: Final = 50
_START_CHARACTERS: Final = 1024 * 1024
_CHUNK_BYTES: Final = 256 * 1024
_PARQUET: Final = b"PAR1"
_BETWEEN_VALUES: Final = " \t\r\n,["


def discover(files: Sequence[SampleFile]) -> Discovery:
    """Look at every file; raises FileUnreadable for one that is not in the format of the first."""
    kind = _kind(files[0])
    looks = {"csv": _csv, "json": _json, "xml": _xml, "parquet": discover_parquet}
    for file in files:
        if kind != "parquet" and _is_parquet(file):
            raise FileUnreadable(file.name, "it is Parquet", f"{kind}, as {files[0].name}")
    found = looks[kind](files)
    if not found.fields.kept:
        raise FileUnreadable(
            files[0].name, f"no single value is found in it as {kind}", "records with fields"
        )
    return found


def _kind(file: SampleFile) -> str:
    """By the name, whose last ending may be that of a compression; else by how it begins."""
    if _is_parquet(file):
        return "parquet"
    for suffix in reversed(PurePosixPath(file.name).suffixes[-2:]):
        if suffix.lower() in _SUFFIXES:
            return _SUFFIXES[suffix.lower()]
    with _text(file, "utf-8") as text:
        start = text.read(_START_CHARACTERS).lstrip("\ufeff \t\r\n")
    return {"<": "xml", "{": "json", "[": "json"}.get(start[:1], "csv")


def _is_parquet(file: SampleFile) -> bool:
    with file.path.open("rb") as source:
        return source.read(len(_PARQUET)) == _PARQUET


def _csv(files: Sequence[SampleFile]) -> Discovery:
    encoding = _encoding(files[0])
    delimiter = _delimiter(files[0], encoding)
    fields = Fields()
    headers = []
    for file in files:
        with _text(file, encoding) as text:
            header = next(csv.reader(text, delimiter=delimiter), [])
        if not header:
            raise FileUnreadable(file.name, "it has no header", "a first line of names")
        headers.append(header)
        for name in header:
            fields.add(name)
            if header.count(name) > 1:
                fields.leave_out(name, "stands twice in a header")
            elif not name.strip():
                fields.leave_out(name, "has no name")
    for name in fields.paths:
        if not all(name in header for header in headers):
            fields.leave_out(name, "is not in every file")
    form: dict[str, Any] = {"type": "csv"}
    if delimiter != ",":
        form["delimiter"] = delimiter
    if encoding != "utf-8":
        form["encoding"] = encoding
    return Discovery(form, fields)


def _encoding(file: SampleFile) -> str:
    with file.path.open("rb") as source:
        start = source.read(_START_CHARACTERS)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        start[: start.rfind(b"\n") + 1].decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _delimiter(file: SampleFile, encoding: str) -> str:
    """The one that gives most lines the same number of fields, more than one."""
    with _text(file, encoding) as text:
        lines = text.read(_START_CHARACTERS).splitlines()[:_LINES_COMPARED]

    def agreement(delimiter: str) -> tuple[int, int]:
        widths = Counter(len(cells) for cells in csv.reader(lines, delimiter=delimiter) if cells)
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        return (count, width) if width > 1 else (0, 0)

    return max(_DELIMITERS, key=agreement)


def _json(files: Sequence[SampleFile]) -> Discovery:
    shape = _json_shape(files[0])
    fields = Fields()
    lists: set[str] = set()
    for file in files:
        values = _json_lines(file) if shape == "lines" else _json_values(file)
        for record in itertools.islice(values, MOST_RECORDS):
            if isinstance(record, dict):
                lists |= _walk(record, "", fields)
    for path in fields.paths:
        if any(other.startswith(f"{path}.") for other in fields.paths):
            fields.leave_out(path, "holds an object in some records")
    types = dict.fromkeys(sorted(lists), ColumnType("super"))
    return Discovery({"type": "json", "shape": shape}, fields, types)


def _json_shape(file: SampleFile) -> str:
    """How the objects stand in a file."""
    with _text(file, "utf-8") as text:
        start = text.read(_START_CHARACTERS).lstrip()
    if start.startswith("["):
        return "array"
    if isinstance(_loaded(start.partition("\n")[0]), dict):
        return "lines"
    values = list(itertools.islice(_json_values(file), 2))
    if not values or not isinstance(values[0], dict):
        raise FileUnreadable(file.name, "no JSON object is found in it", "JSON objects")
    return "document" if len(values) == 1 else "documents"


def _json_lines(file: SampleFile) -> Iterator[Any]:
    """A line that is not JSON is passed over: the count of rejects will tell of it."""
    with _text(file, "utf-8") as text:
        yield from (_loaded(line) for line in text)


def _loaded(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _json_values(file: SampleFile) -> Iterator[Any]:
    """The elements of an array, or values one after the other, up to the first broken one."""
    decoder = json.JSONDecoder()
    waiting = ""
    with _text(file, "utf-8") as text:
        while piece := text.read(max(_START_CHARACTERS, len(waiting))):
            waiting = (waiting + piece).lstrip(_BETWEEN_VALUES)
            position = 0
            while position < len(waiting):
                try:
                    value, position = decoder.raw_decode(waiting, position)
                except (ValueError, RecursionError):
                    break
                yield value
                while position < len(waiting) and waiting[position] in _BETWEEN_VALUES:
                    position += 1
            waiting = waiting[position:]
            if len(waiting) > MOST_RECORD_BYTES:
                return


def _walk(value: dict[str, Any], prefix: str, fields: Fields) -> set[str]:
    """Where lists stand in an object; `fields` gets every place in it."""
    lists: set[str] = set()
    for name, inner in value.items():
        path = f"{prefix}{name}"
        if not name or "." in name:
            fields.leave_out(path, "has a name that no path can have")
        elif isinstance(inner, dict):
            lists |= _walk(inner, f"{path}.", fields)
        else:
            fields.add(path)
            if isinstance(inner, list):
                lists.add(path)
    return lists


def _xml(files: Sequence[SampleFile]) -> Discovery:
    row = _row_element(files[0])
    fields = Fields()
    for file in files:
        _XmlFields(file.name, row, fields).read(file.path)
    return Discovery({"type": "xml", "row": row}, fields)


def _row_element(file: SampleFile) -> str:
    """The most frequent element of the outermost level on which one occurs twice."""
    levels: list[Counter[str]] = []
    depth = 0

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal depth
        if depth == len(levels):
            levels.append(Counter())
        levels[depth][_local(name)] += 1
        depth += 1

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser = _parser(file.name)
    parser.StartElementHandler, parser.EndElementHandler = start, end
    _feed(parser, file)
    for level in levels:
        name, count = level.most_common(1)[0]
        if count > 1:
            return name
    # One record only: it is what the root holds.
    return next(iter(levels[min(1, len(levels) - 1)]))


class _XmlFields:
    """The handlers of one parser, which collect the places below each row element."""

    def __init__(self, name: str, row: str, fields: Fields) -> None:
        self._name = name
        self._row = row
        self._fields = fields
        self._steps: list[str] | None = None
        self._outer = 0
        self._seen: Counter[str] = Counter()
        self._parents: set[str] = set()

    def read(self, path: Path) -> None:
        parser = _parser(self._name)
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        _feed(parser, SampleFile(path, self._name))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = _local(name)
        if self._steps is None:
            if name != self._row:
                return
            self._steps = []
        else:
            self._parents.add(".".join(self._steps))
            self._steps.append(name)
            self._seen[".".join(self._steps)] += 1
        own = (f"@{_local(attribute)}" for attribute in attributes)
        self._seen.update(".".join([*self._steps, attribute]) for attribute in own)

    def _end(self, _: str) -> None:
        if self._steps is None:
            return
        if self._steps:
            self._steps.pop()
            return
        for path, count in self._seen.items():
            if path in self._parents:
                self._fields.leave_out(path, "holds elements")
            self._fields.add(path)
            if count > 1:
                self._fields.leave_out(path, "stands several times in a record")
        self._steps = None
        self._seen.clear()
        self._parents.clear()


def _local(name: str) -> str:
    """A path that names no namespace means the name in any."""
    return name.rpartition("}")[2]


def _parser(name: str) -> "expat.XMLParserType":
    def refuse(*_: object) -> None:
        raise FileUnreadable(name, "it declares a document type", "XML without a DOCTYPE")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartDoctypeDeclHandler = refuse
    return parser


def _feed(parser: "expat.XMLParserType", file: SampleFile) -> None:
    try:
        with file.path.open("rb") as source:
            while chunk := source.read(_CHUNK_BYTES):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise FileUnreadable(file.name, f"it is not well-formed ({error})", "whole XML") from None


def _text(file: SampleFile, encoding: str) -> TextIO:
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    return file.path.open(encoding=codec, errors="replace", newline="")
