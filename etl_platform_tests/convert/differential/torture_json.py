"""Hostile JSON, in each shape of a file."""

import codecs

from etl_platform_tests.convert.differential.torture import (
    BROKEN,
    MALFORMED,
    UNREADABLE,
    Feed,
    feed,
)

_COLUMNS = [
    {"name": "id", "type": "integer"},
    {"name": "note", "type": "varchar(24)", "path": "in.note"},
    {"name": "price", "type": "decimal(22,2)"},
    {"name": "doc", "type": "super"},
    {"name": "second", "type": "varchar(9)", "path": "list.1"},
]
_ONE, _TWO = b'{"id":1}', b'{"id":2}'

_LINES = feed(
    "json lines",
    {"type": "json"},
    _COLUMNS,
    ("an empty file", b"", 0, ""),
    ("a byte order mark", codecs.BOM_UTF8 + _ONE, 1, ""),
    ("a byte order mark in the middle", _ONE + b"\n" + codecs.BOM_UTF8 + _TWO, 1, MALFORMED),
    ("blank lines", b"\n \n" + _ONE + b"\r\n\t\n\n" + _TWO + b"\nx", 2, MALFORMED),
    ("spaces around an object", b" \t" + _ONE + b" \r\n", 1, ""),
    ("a form feed before an object", b"\f" + _ONE, 0, MALFORMED),
    ("an empty object", b"{}", 1, ""),
    ("values that are no objects", b'[]\n1\n"a"\nnull\ntrue', 0, " ".join([MALFORMED] * 5)),
    ("an object in an array", b"[" + _ONE + b"]", 0, MALFORMED),
    (
        "two objects in a line",
        _ONE + _TWO + b"\n" + _ONE + b" " + _TWO,
        0,
        f"{MALFORMED} {MALFORMED}",
    ),
    ("an object over two lines", b'{"id":\n1}', 0, f"{MALFORMED} {MALFORMED}"),
    ("a torn object", b'{"id":1\n' + _TWO, 1, MALFORMED),
    (
        "NaN and others",
        b'{"id":NaN}\n{"id":Infinity}\n{"id":-Infinity}\n{"id":nan}',
        0,
        " ".join([MALFORMED] * 4),
    ),
    ("a comma too many", b'{"id":1,}\n{"doc":[1,]}\n{,"id":1}', 0, " ".join([MALFORMED] * 3)),
    ("single quotes", b"{'id':1}\n{id:1}", 0, f"{MALFORMED} {MALFORMED}"),
    ("a comment", b'{"id":1} // one\n{/* */"id":1}', 0, f"{MALFORMED} {MALFORMED}"),
    (
        "a name twice",
        b'{"id":1,"id":1}\n{"doc":{"a":1,"\\u0061":2}}',
        0,
        "duplicate_name duplicate_name",
    ),
    ("a control character", b'{"in":{"note":"a\tb"}}', 0, MALFORMED),
    ("wrong escapes", b'{"a":"\\x41"}\n{"a":"\\u12"}\n{"a":"\\"}', 0, " ".join([MALFORMED] * 3)),
    ("all escapes", b'{"in":{"note":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"}}', 1, ""),
    ("a pair", b'{"in":{"note":"\\ud83d\\ude00"}}', 1, ""),
    (
        "half a pair",
        b'{"in":{"note":"\\ud83d"}}\n{"a":"\\ude00\\ud83d"}',
        0,
        "lone_surrogate lone_surrogate",
    ),
    ("half a pair in a name", b'{"\\ud83d":1}', 0, "lone_surrogate"),
    (
        "NUL as an escape",
        b'{"in":{"note":"\\u0000"}}\n{"doc":["\\u0000"]}',
        0,
        "nul_character nul_character",
    ),
    ("NUL as a byte", b'{"id":1}\0\n{"id":\x001}', 0, f"{MALFORMED} {MALFORMED}"),
    ("a byte that is no UTF-8", b'{"in":{"note":"\xff"}}\n' + _ONE, 1, "undecodable"),
    (
        "whole numbers",
        b'{"id":1.0}\n{"id":1e0}\n{"id":-0}\n{"id":2147483648}\n{"id":1.5}',
        2,
        "not_an_integer out_of_range not_an_integer",
    ),
    (
        "wrong numbers",
        b'{"id":01}\n{"id":+1}\n{"id":.5}\n{"id":1.}\n{"id":0x1}\n{"id":-}',
        0,
        " ".join([MALFORMED] * 6),
    ),
    (
        "exact numbers",
        b'{"price":12345678901234567890.12}\n{"price":0.10}\n{"price":0.1000000000000000055}',
        2,
        "too_many_decimals",
    ),
    (
        "numbers as text",
        b'{"in":{"note":1e3}}\n{"in":{"note":-0.0}}\n{"in":{"note":12345678901234567890}}',
        3,
        "",
    ),
    ("a number as a string", b'{"id":"7","price":"1.10"}', 1, ""),
    ("digits of another script", '{"id":\u0661}'.encode(), 0, MALFORMED),
    (
        "a number of 500 digits",
        b'{"doc":' + b"1" * 500 + b'}\n{"a":' + b"1" * 501 + b"}",
        0,
        "out_of_range number_too_long",
    ),
    ("words", b'{"in":{"note":true}}\n{"in":{"note":null}}\n{"in":{"note":True}}', 2, MALFORMED),
    ("nesting at the limit", b'{"doc":' + b"[" * 99 + b"]" * 99 + b"}", 1, ""),
    ("nesting beyond the limit", b'{"doc":' + b"[" * 100 + b"]" * 100 + b"}", 0, "too_deep"),
    ("nesting that never ends", b'{"doc":' + b"[" * 100_000, 0, "too_deep"),
    ("nesting in a text", b'{"a":"' + b"[" * 1000 + b'"}', 1, ""),
    (
        "an object for a text",
        b'{"id":{},"in":{"note":[1]},"price":"x"}',
        0,
        "nested_value nested_value not_a_decimal",
    ),
    ("a text that looks like an array", b'{"in":{"note":"[1]"}}', 1, ""),
    ("a text on the way", b'{"in":"note"}\n{"in":null}\n{"in":[{"note":1}]}', 3, ""),
    (
        "places in a list",
        b'{"list":[1,2]}\n{"list":[1]}\n{"list":{"1":"x"}}\n{"list":[[],[]]}',
        3,
        "nested_value",
    ),
    (
        "documents in a column",
        b'{"doc":{"b": [1.10, 1e400],"a":"x  y"}}\n{"doc":"text"}\n{"doc":null}\n{"doc": 0.10}',
        3,
        "out_of_range",
    ),
    (
        "a document too long",
        b'{"doc":"' + b"x" * 65_534 + b'"}\n{"doc":"' + b"x" * 65_533 + b'"}',
        1,
        "too_long",
    ),
    ("names with a point, a slash and a tilde", b'{"in.note":"a","a/b":1,"~":2,"":3}', 1, ""),
    ("a name in escapes", b'{"\\u0069d":1.50}', 0, "not_an_integer"),
    ("names in capitals", b'{"ID":1}', 1, ""),
)

_ARRAY = feed(
    "json array",
    {"type": "json", "shape": "array"},
    _COLUMNS,
    ("an empty file", b"", 0, UNREADABLE),
    ("an object", _ONE, 0, UNREADABLE),
    ("an empty array", b" [ ] \n", 0, ""),
    ("elements", b"[" + _ONE + b" ,\n" + _TWO + b"]", 2, ""),
    ("a missing element", b"[" + _ONE + b",," + _TWO + b"]", 2, MALFORMED),
    ("a comma at the end", b"[" + _ONE + b",]", 1, MALFORMED),
    ("no comma", b"[" + _ONE + _TWO + b"," + _ONE + b"]", 1, MALFORMED),
    ("bad elements", b"[1,x," + _ONE + b',"a",[2],' + _TWO + b"]", 2, " ".join([MALFORMED] * 4)),
    ("never closed", b"[" + _ONE + b"," + _TWO, 1, BROKEN),
    ("closed too early", b"[" + _ONE + b"]," + _TWO + b"]", 1, BROKEN),
    ("something behind it", b"[" + _ONE + b"] x", 1, BROKEN),
    ("a bracket that closes two", b'[{"doc":[1},' + _TWO + b"]", 1, MALFORMED),
    ("a bracket that closes nothing", b"[}" + _ONE + b"," + _TWO + b"]", 1, MALFORMED),
    ("a quote that is never closed", b"[" + _ONE + b',{"a":"x},' + _TWO + b"]", 1, BROKEN),
    ("only a bracket", b"[", 0, BROKEN),
    ("a bad byte", b"[" + _ONE + b',{"a":"\xff"},' + _TWO + b"]", 2, "undecodable"),
)

_DOCUMENTS = feed(
    "json documents",
    {"type": "json", "shape": "documents"},
    _COLUMNS,
    ("an empty file", b"", 0, ""),
    ("only spaces", b" \n\t", 0, ""),
    ("nothing between them", _ONE + _TWO, 2, ""),
    ("over several lines", b'{\n"id":\n1\n}\n{\n"id":2}', 2, ""),
    ("garbage between them", _ONE + b"foo" + _TWO + b", " + _ONE, 3, f"{MALFORMED} {MALFORMED}"),
    ("an array between them", _ONE + b"[1]" + _TWO, 2, MALFORMED),
    ("the last one torn", _ONE + b'{"id":', 1, BROKEN),
    ("a text torn", _ONE + b'"x', 1, BROKEN),
    ("a bracket that closes nothing", _ONE + b"}" + _TWO, 2, MALFORMED),
)

_DOCUMENT = feed(
    "json document",
    {"type": "json", "shape": "document"},
    _COLUMNS,
    ("an empty file", b"", 0, UNREADABLE),
    ("only spaces", b" \n", 0, UNREADABLE),
    ("an object over several lines", b'\n{\n"id": 1\n}\n', 1, ""),
    ("two objects", _ONE + b"\n" + _TWO, 0, MALFORMED),
    ("a torn object", b'{"id":1', 0, MALFORMED),
)

JSON: tuple[Feed, ...] = (_LINES, _ARRAY, _DOCUMENTS, _DOCUMENT)
