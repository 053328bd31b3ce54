"""A second conversion that shares no code with the product: slow, of the standard library only.

Its rules are those of docs/contract.md, docs/values.md and docs/formats/*.md, so that these pages
are held to what the product does as well. A contract is a dict, as its YAML is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from etl_platform_tests.convert.differential.oracle_csv import csv_records
from etl_platform_tests.convert.differential.oracle_json import json_records
from etl_platform_tests.convert.differential.oracle_records import (
    Behind,
    FieldsUnknown,
    Problem,
    Record,
    Unreadable,
    plain_contents,
)
from etl_platform_tests.convert.differential.oracle_values import cleansed, is_cut, judged
from etl_platform_tests.convert.differential.oracle_xml import xml_records

_READERS: dict[str, Callable[[bytes, Mapping[str, Any]], Iterator[Record]]] = {
    "csv": csv_records,
    "json": json_records,
    "xml": xml_records,
}

Expressions = Mapping[str, Callable[[Mapping[str, Any]], Any]]
"""For the SQL of each derived column the text of its value, from the values of the others."""


@dataclass(frozen=True)
class Reject:
    """`raw` is None where docs do not say what it is. Each reason is one of its alternatives."""

    file: int
    record: int
    raw: str | Behind | None
    reasons: frozenset[tuple[str, Problem]]


@dataclass(frozen=True)
class Row:
    """A row with the place where it stood."""

    file: int
    record: int
    values: Mapping[str, Any]
    cut: tuple[str, ...]


@dataclass
class Expected:
    """What an hour of files has to become; `rows` are in the order of the output.

    An hour that is blocked is so by the code of one of its files.
    """

    blocked_by: set[str] = field(default_factory=set)
    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    superseded: list[Row] = field(default_factory=list)

    @property
    def read(self) -> int:
        return len(self.rows) + len(self.rejects) + len(self.superseded)

    @property
    def values_cut(self) -> dict[str, int]:
        cut = [name for row in (*self.rows, *self.superseded) for name in row.cut]
        return {name: cut.count(name) for name in sorted(set(cut))}


def expected(
    attributes: Mapping[str, Any], files: Sequence[bytes], expressions: Expressions | None = None
) -> Expected:
    """What becomes of an hour with these files, in the order of the manifest."""
    hour = Expected()
    rows: list[Row] = []
    for number, body in enumerate(files):
        try:
            records = list(_READERS[attributes["format"]["type"]](plain_contents(body), attributes))
            if attributes.get("unknown") == "block" and any(r.unknown for r in records):
                raise FieldsUnknown
        except FieldsUnknown:
            hour.blocked_by.add("FIELDS_UNKNOWN")
            continue
        except Unreadable:
            if attributes.get("rejects", {}).get("unreadable_files") != "reject":
                hour.blocked_by.add("FILE_UNREADABLE")
            reason = ("", frozenset({"unreadable_file"}))
            hour.rejects.append(Reject(number, 0, None, frozenset({reason})))
            continue
        for position, record in enumerate(records, 1):
            judge = _judge(record, number, position, attributes, expressions or {})
            if isinstance(judge, Row):
                rows.append(judge)
            else:
                hour.rejects.append(judge)
    hour.superseded = _superseded(rows, attributes)
    left = {(row.file, row.record) for row in hour.superseded}
    kept = (row for row in rows if (row.file, row.record) not in left)
    hour.rows = sorted(kept, key=_order(attributes))
    return hour


def _judge(
    record: Record, file: int, number: int, attributes: Mapping[str, Any], expressions: Expressions
) -> Row | Reject:
    problem = record.problem
    if not problem and record.unknown and attributes.get("unknown") == "reject":
        problem = frozenset({"unknown_field"})
    if problem:
        return Reject(file, number, record.raw, frozenset({("", problem)}))
    values: dict[str, Any] = {}
    reasons: set[tuple[str, Problem]] = set()
    cut: list[str] = []
    tokens = attributes.get("null_tokens", [""])
    for column in sorted(attributes["columns"], key=lambda one: "expression" in one):
        name = column["name"]
        if name in record.column_problems:
            reasons.add((name, frozenset({record.column_problems[name]})))
            continue
        if "expression" in column:
            try:
                text = expressions[column["expression"]](values)
            except KeyError:
                continue
            except ArithmeticError:
                reasons.add((name, frozenset({"expression_failed"})))
                continue
        else:
            text = cleansed(record.texts[name], column, tokens)
        value, found = judged(text, column)
        reasons.update((name, one) for one in found)
        if not found:
            values[name] = value
        if is_cut(text, column):
            cut.append(name)
    if attributes.get("unknown") == "capture":
        values["_extra"] = dict(record.unknown) or None
    if reasons:
        return Reject(file, number, record.raw, frozenset(reasons))
    return Row(file, number, values, tuple(cut))


def _superseded(rows: Sequence[Row], attributes: Mapping[str, Any]) -> list[Row]:
    key = attributes.get("key")
    if not key:
        return []
    version = attributes["load"].get("version")
    newest: dict[tuple[Any, ...], Row] = {}

    def age(row: Row) -> tuple[Any, ...]:
        return (*([row.values[version]] if version else []), row.file, row.record)

    for row in rows:
        of = tuple(row.values[name] for name in key)
        if of not in newest or age(newest[of]) < age(row):
            newest[of] = row
    kept = {(row.file, row.record) for row in newest.values()}
    return [row for row in rows if (row.file, row.record) not in kept]


def _order(attributes: Mapping[str, Any]) -> Callable[[Row], Any]:
    """By the sort key, then by the key, nulls last; then as the rows stood."""
    names = [*attributes["load"].get("sortkey", ()), *attributes.get("key", ())]

    def order(row: Row) -> tuple[Any, ...]:
        values = [row.values[name] for name in names]
        ranked = [(value is None, 0 if value is None else value) for value in values]
        return (*ranked, row.file, row.record)

    return order
