"""Contracts over all types and options, and hours of files for them: rendered, then damaged."""

import bz2
import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from etl_platform_tests.convert.differential import rendering
from etl_platform_tests.convert.differential.dirt import damaged
from etl_platform_tests.convert.differential.engines import full
from etl_platform_tests.convert.differential.oracle import Expressions
from etl_platform_tests.convert.differential.texts import texts_of

Draw = Callable[[st.SearchStrategy[Any]], Any]
Column = dict[str, Any]

TYPES = (
    *("smallint", "integer", "bigint", "decimal(6,2)", "decimal(38,0)", "decimal(20,10)"),
    *("decimal(4,4)", "real", "double", "boolean", "date", "timestamp", "timestamptz"),
    *("varchar(1)", "varchar(5)", "varchar(40)", "char(1)", "char(8)"),
    *("time", "varbyte(3)", "super"),
)
_UNKEYED = ("super", "varbyte")
_ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "UTC")
_DATE_FORMATS = ("%d/%m/%Y", "%Y%m%d", "%m/%d/%y", "%d %b %Y", "%d %B %Y", "%Y-%m-%d", "%d.%m.%Y")
_MOMENT_FORMATS = (
    *("%d/%m/%Y %H:%M", "%d/%m/%y %I:%M %p", "%d/%m/%Y %H:%M %z", "%Y-%m-%dT%H:%M:%S.%f"),
    *("%Y-%m-%d %H:%M:%S%z", "%Y%m%d", "%Y-%m-%d %H:%M:%S"),
)
_TIME_FORMATS = ("%H:%M", "%H%M", "%I:%M %p", "%H:%M:%S.%f", "%H.%M")
_PATTERNS = ("[0-9]+", ".*", "[a-z ]*", "(a|b|x)+.?", "[^,]{0,5}")
_REPLACED = (
    ("[ ,]", ""),
    ("([a-z])([0-9])", r"\2\1"),
    ("é", "e"),
    ("[0-9]+$", r"<\0>"),
    ("x", "\\\\"),
)
_VALUES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("smallint", "integer", "bigint"), (0, 1, -5, 100)),
    "decimal": (0, "0.0"),
    **dict.fromkeys(("real", "double"), (0, "0.1", "-1.5", 100)),
    "date": ("2013-01-31", "2000-01-01"),
    **dict.fromkeys(("timestamp", "timestamptz"), ("2013-01-31T06:00:00Z", "2000-01-01 00:00:00")),
    "time": ("06:00", "12:30:00.5"),
    "boolean": ("true", "0"),
    **dict.fromkeys(("varchar", "char"), ("a", "x", "")),
    "varbyte": ("00", "Ab"),
    "super": ("1", '{"a": 1}'),
}
"""Values that each column of the family holds, as a contract writes them."""

_DERIVED: dict[str, tuple[tuple[str, str, Callable[[Any], Any]], ...]] = {
    "integer": (
        ("{0} % 7", "smallint", lambda v: int(abs(v) % 7 * (1 if v >= 0 else -1))),
        ("{0} + 1", "bigint", lambda v: _in_integer(v + 1)),
        ("coalesce({0}, 7)", "integer", lambda v: 7 if v is None else v),
    ),
    "varchar": (
        ("{0} || '!'", "varchar(5)", lambda v: v + "!"),
        ("length({0})", "integer", len),
        ("nullif({0}, 'x')", "varchar(3)", lambda v: None if v == "x" else v),
    ),
    "date": (("year({0})", "smallint", lambda v: v.year),),
}


def _in_integer(value: int) -> int:
    if not -(2**31) <= value < 2**31:
        raise ArithmeticError(value)
    return value


@dataclass(frozen=True)
class Feed:
    """A contract, as the attributes of its YAML, with what each of its expressions means."""

    attributes: dict[str, Any]
    expressions: Expressions


@st.composite
def feeds(draw: Draw, formats: Sequence[str] = ("csv", "json", "xml")) -> Feed:
    """Contracts of these formats."""
    form = draw(_FORMATS[draw(st.sampled_from(list(formats)))])
    types = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=5))
    columns = [_column(draw, f"c{n}", kind, form) for n, kind in enumerate(types)]
    attributes: dict[str, Any] = {
        "format": form,
        "columns": columns,
        "load": {"strategy": "append"},
    }
    comparable = [c for c in columns if not c["type"].startswith(_UNKEYED)]
    if comparable and draw(st.booleans()):
        _keyed(draw, attributes, comparable)
    if comparable and draw(st.booleans()):
        attributes["load"]["sortkey"] = [draw(st.sampled_from(comparable))["name"]]
    expressions: dict[str, Callable[[Mapping[str, Any]], Any]] = {}
    if draw(st.integers(0, 3)) == 0:
        _derive(draw, columns, expressions)
    if draw(st.integers(0, 3)) == 0:
        attributes["null_tokens"] = ["", "NA", "0"]
    can_be_unknown = form["type"] != "xml" and form.get("header") != "absent"
    if can_be_unknown and draw(st.integers(0, 2)) == 0:
        attributes["unknown"] = draw(st.sampled_from(["block", "reject", "capture"]))
    policy = draw(st.sampled_from(["reject", "reject", "block"]))
    attributes["rejects"] = {"at_most": "100%", "unreadable_files": policy}
    return Feed(full(attributes), expressions)


def _keyed(draw: Draw, attributes: dict[str, Any], comparable: list[Column]) -> None:
    key = draw(st.lists(st.sampled_from(comparable), min_size=1, max_size=2, unique_by=id))
    attributes["key"] = [column["name"] for column in key]
    needed = key
    if draw(st.booleans()):
        version = draw(st.sampled_from(comparable))
        attributes["load"] = {"strategy": "upsert", "version": version["name"]}
        needed = [*key, version]
    for column in needed:
        column["required"] = True
        column.pop("too_long", None)


def _derive(
    draw: Draw, columns: list[Column], expressions: dict[str, Callable[[Mapping[str, Any]], Any]]
) -> None:
    sources = [c for c in columns if c["type"].partition("(")[0] in _DERIVED]
    if not sources:
        return
    source = draw(st.sampled_from(sources))
    name = source["name"]
    template, kind, function = draw(st.sampled_from(_DERIVED[source["type"].partition("(")[0]]))
    expression = template.format(name)

    def text(values: Mapping[str, Any]) -> str | None:
        value = values[name]
        made = None if value is None and "coalesce" not in expression else function(value)
        return None if made is None else str(made)

    expressions[expression] = text
    place = draw(st.integers(0, len(columns)))
    columns.insert(place, {"name": "derived", "type": kind, "expression": expression})


def _column(draw: Draw, name: str, kind: str, form: Mapping[str, Any]) -> Column:
    family = kind.partition("(")[0]
    column: Column = {"name": name, "type": kind}
    for option, families, choices in _OPTIONS:
        if (families is None or family in families) and draw(st.integers(0, 15)) == 0:
            column[option] = draw(choices)
    if family in _VALUES and draw(st.integers(0, 15)) == 0:
        column["default"] = draw(st.sampled_from(_VALUES[family]))
    if family in _LISTED and draw(st.integers(0, 15)) == 0:
        column["allowed"] = list(_VALUES[family])
    if family in _RANGED and draw(st.integers(0, 15)) == 0:
        end = draw(st.sampled_from(["min", "max"]))
        column["range"] = {end: draw(st.sampled_from(_VALUES[family]))}
    if "formats" in column or "mapping" in column:
        column.pop("default", None)
    if form.get("header") != "absent" and draw(st.booleans()):
        column["path"] = draw(st.sampled_from(_PATHS[form["type"]])).format(name)
    return column


_TEXT_TYPES = ("varchar", "char")
_WHOLE = ("smallint", "integer", "bigint", "decimal")
_LISTED = (*_TEXT_TYPES, *_WHOLE, "date", "time")
_RANGED = (*_WHOLE, "real", "double", "date", "time", "timestamp", "timestamptz")
_NOT_SUPER = tuple({kind.partition("(")[0] for kind in TYPES} - {"super"})
_OPTIONS: tuple[tuple[str, tuple[str, ...] | None, st.SearchStrategy[Any]], ...] = (
    ("required", None, st.just(True)),
    ("trim", None, st.just(True)),
    ("null_tokens", None, st.sampled_from([[], ["NA", " "], ["x", "0", "null"]])),
    ("case", _NOT_SUPER, st.sampled_from(["lower", "upper"])),
    (
        "replace",
        _NOT_SUPER,
        st.lists(st.sampled_from([{"pattern": p, "with": w} for p, w in _REPLACED]), max_size=2),
    ),
    ("mapping", _NOT_SUPER, st.sampled_from([{"a": "1", "x": ""}, {"NA": "0", "1": "2013-01-31"}])),
    ("formats", ("date",), st.lists(st.sampled_from(_DATE_FORMATS), min_size=1, max_size=3)),
    (
        "formats",
        ("timestamp", "timestamptz"),
        st.lists(st.sampled_from(_MOMENT_FORMATS), min_size=1, max_size=3),
    ),
    ("formats", ("time",), st.lists(st.sampled_from(_TIME_FORMATS), min_size=1, max_size=2)),
    ("zone", ("timestamp", "timestamptz"), st.sampled_from(_ZONES)),
    ("too_long", _TEXT_TYPES, st.just("truncate")),
    ("pattern", _NOT_SUPER, st.sampled_from(_PATTERNS)),
)

_PATHS = {
    "csv": ("{0} x", "{0}.y", "É{0}", "{0}"),
    "json": ("in.{0}", "in.deep.{0}", "{0}", "list.0", "list.1.{0}", "a/b~{0}", "@{0}"),
    "xml": ("@{0}", "in.{0}", "in.@{0}", "text()", "in.text()", "{{urn:a}}{0}", "{{}}{0}"),
}

_FORMATS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "csv": st.fixed_dictionaries(
        {"type": st.just("csv")},
        optional={
            "delimiter": st.sampled_from([";", "\t", "|", "§"]),
            "quote": st.sampled_from(["'", '"']),
            "escape": st.just("backslash"),
            "encoding": st.sampled_from(["utf-16", "latin-1", "cp1252"]),
            "header": st.just("absent"),
            "skip_lines": st.integers(0, 2),
            "comment": st.sampled_from(["#", "a"]),
        },
    ),
    "json": st.fixed_dictionaries(
        {"type": st.just("json")},
        optional={"shape": st.sampled_from(["lines", "array", "documents", "document"])},
    ),
    "xml": st.fixed_dictionaries(
        {"type": st.just("xml")},
    ).flatmap(
        lambda form: st.sampled_from(["r", "/x/r", "{urn:a}r"]).map(lambda r: {**form, "row": r})
    ),
}


@st.composite
def hours(draw: Draw, feed: Feed) -> list[bytes]:
    """The files of one hour. Values come from few texts, so that keys meet."""
    columns = [c for c in feed.attributes["columns"] if "expression" not in c]
    pools = [
        draw(st.lists(texts_of(c["type"], is_plain=draw(st.booleans())), min_size=1, max_size=4))
        for c in columns
    ]
    return [_file(draw, feed, columns, pools) for _ in range(draw(st.integers(1, 3)))]


def _gzipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _file(draw: Draw, feed: Feed, columns: list[Column], pools: list[list[str]]) -> bytes:
    row = st.tuples(*(st.sampled_from([*pool, None]) for pool in pools))
    rows = draw(st.lists(row, max_size=5))
    body = rendering.rendered(draw, feed.attributes, columns, rows)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        body = damaged(draw, body)
    packed = draw(st.sampled_from([None, None, None, None, _gzipped, bz2.compress]))
    if packed is not None:
        middle = draw(st.integers(0, len(body)))
        body = packed(body[:middle]) + packed(body[middle:])
        if draw(st.integers(0, 5)) == 0:
            body = damaged(draw, body)
    return body
