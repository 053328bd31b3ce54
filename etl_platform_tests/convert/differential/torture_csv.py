"""Hostile CSV."""

import bz2
import codecs
import gzip

from etl_platform_tests.convert.differential.torture import (
    MALFORMED,
    UNREADABLE,
    WIDTH,
    Feed,
    feed,
)

_COLUMNS = [
    {"name": "id", "type": "integer", "required": True},
    {"name": "note", "type": "varchar(12)"},
    {"name": "price", "type": "decimal(6,2)"},
]
_HEAD = b"id,note,price\n"
_BOM = codecs.BOM_UTF8

_PLAIN = feed(
    "csv",
    {"type": "csv"},
    _COLUMNS,
    ("an empty file", b"", 0, UNREADABLE),
    ("only a byte order mark", _BOM, 0, UNREADABLE),
    ("only a header", _HEAD, 0, ""),
    ("a header without a line end", b"id,note,price", 0, ""),
    ("a blank line before the header", b"\n" + _HEAD + b"1,a,2\n", 0, UNREADABLE),
    ("a byte order mark", _BOM + _HEAD + b"1,a,2\n", 1, ""),
    ("two byte order marks", _BOM + _BOM + _HEAD, 0, UNREADABLE),
    ("a byte order mark before a record", _HEAD + _BOM + b"1,a,2\n", 0, "not_an_integer"),
    ("another order of columns", b"price,id,note\n2,1,a\n", 1, ""),
    ("a column twice", b"id,note,note,price\n1,a,b,2\n", 0, UNREADABLE),
    ("a column in capitals", b"id,Note,price\n1,a,2\n", 0, UNREADABLE),
    ("an unknown column", b"id,x,note,price\n1,z,a,2\n", 1, ""),
    ("a header in quotes over two lines", b'id,"x\ny",note,price\n1,z,a,2\n', 1, ""),
    ("a header with an open quote", b'id,"note,price\n1,a,2\n', 0, UNREADABLE),
    ("a header of another encoding", b"id,note,price,\xe9\n1,a,2,3\n", 0, UNREADABLE),
    ("no last line end", _HEAD + b"1,a,2", 1, ""),
    ("line ends of two kinds", _HEAD + b"1,a,2\r\n2,b,3\n", 2, ""),
    ("two CR before LF", _HEAD + b"1,a,2\r\r\n", 1, ""),
    ("a CR at the end of the file", _HEAD + b"1,a,2\r", 1, ""),
    ("CR alone between lines", _HEAD + b"1,a,2\r2,b,3\r", 0, MALFORMED),
    ("a CR in a field", _HEAD + b"1,a\rb,2\n2,c,3\n", 1, MALFORMED),
    ("a CR in quotes", _HEAD + b'1,"a\rb",2\n', 1, ""),
    ("blank lines", _HEAD + b"\n1,a,2\n\r\n\n2,b,3\n\n", 2, ""),
    ("a line of spaces", _HEAD + b"  \n1,a,2\n", 1, WIDTH),
    ("a line break in quotes", _HEAD + b'1,"a\nb",2\n', 1, ""),
    ("a blank line in quotes", _HEAD + b'1,"a\n\nb",2\n', 1, ""),
    ("a delimiter in quotes", _HEAD + b'1,"a,b",2\n', 1, ""),
    ("doubled quotes", _HEAD + b'1,"a""b",2\n2,"""",3\n3,"",4\n', 3, ""),
    ("a quote within a bare field", _HEAD + b'1,5" disk,2\n', 1, ""),
    ("a quote behind a space", _HEAD + b'1, "a,b",2\n2,c,3\n', 1, WIDTH),
    ("text behind a quote", _HEAD + b'1,"a"b,2\n2,c,3\n', 1, MALFORMED),
    ("a space behind a quote", _HEAD + b'1,"a" ,2\n2,c,3\n', 1, MALFORMED),
    ("a quote that is never closed", _HEAD + b'1,a,2\n2,"b,3\n3,c,4\n', 1, MALFORMED),
    ("a quote that the next line closes", _HEAD + b'1,"a,2\n2,b",3\n4,d,5\n', 2, ""),
    ("single quotes", _HEAD + b"1,'a,b',2\n", 0, WIDTH),
    ("too few fields", _HEAD + b"1,a\n2,b,3\n", 1, WIDTH),
    ("too many fields", _HEAD + b"1,a,2,3\n2,b,3\n", 1, WIDTH),
    ("a delimiter at the end", _HEAD + b"1,a,2,\n", 0, WIDTH),
    ("only delimiters", _HEAD + b",,\n", 0, "missing"),
    ("NUL in a text", _HEAD + b"1,a\0b,2\n", 0, "nul_character"),
    ("NUL in a number", _HEAD + b"1\0,a,2\n", 0, "not_an_integer"),
    ("a file of NUL", _HEAD + b"\0" * 50, 0, WIDTH),
    ("a byte that is no UTF-8", _HEAD + b"1,\xff,2\n2,b,3\n", 1, "undecodable"),
    ("half a character", _HEAD + b"1,\xc3,2\n2,b,3\n", 1, "undecodable"),
    ("a long form of a slash", _HEAD + b"1,\xc0\xaf,2\n2,b,3\n", 1, "undecodable"),
    ("a surrogate in UTF-8", _HEAD + b"1,\xed\xa0\x80,2\n2,b,3\n", 1, "undecodable"),
    ("beyond Unicode", _HEAD + b"1,\xf4\x90\x80\x80,2\n", 0, "undecodable"),
    ("a bad byte in quotes", _HEAD + b'1,"\xff\n",2\n2,b,3\n', 1, "undecodable"),
    ("a bad byte and too few fields", _HEAD + b"\xff\n2,b,3\n", 1, "undecodable"),
    ("a text of escapes", _HEAD + b"1,\\xff,2\n", 1, ""),
    ("characters of four bytes", _HEAD + "1,😀😀😀,2\n2,😀😀😀😀,3\n".encode(), 1, "too_long"),
    ("line ends of Unicode", _HEAD + "1,a\u2028b\x85,2\n".encode(), 1, ""),
    (
        "numbers of many kinds",
        _HEAD + b"1.0,a,1e2\n+2,b,.5\n0x1,c,1.005\n1e2,d,9999.99\n",
        1,
        "not_a_decimal not_an_integer too_many_decimals not_an_integer",
    ),
    (
        "numbers at the limits",
        _HEAD + b"2147483647,a,-9999.99\n2147483648,b,10000\n",
        1,
        "out_of_range out_of_range",
    ),
    ("digits of another script", _HEAD + "\u0661,a,2\n".encode(), 0, "not_an_integer"),
    ("gzip in two members", gzip.compress(_HEAD, mtime=0) + gzip.compress(b"1,a,2\n"), 1, ""),
    ("gzip that is cut off", gzip.compress(_HEAD + b"1,a,2\n")[:-1], 0, UNREADABLE),
    ("gzip with something behind it", gzip.compress(_HEAD + b"1,a,2\n") + b"x", 0, UNREADABLE),
    ("gzip in gzip", gzip.compress(gzip.compress(_HEAD)), 0, UNREADABLE),
    ("gzip with a wrong sum", gzip.compress(_HEAD, mtime=0)[:-8] + b"\0" * 8, 0, UNREADABLE),
    ("bz2", bz2.compress(_HEAD) + bz2.compress(b"") + bz2.compress(b"1,a,2\n"), 1, ""),
    (
        "UTF-16 where UTF-8 is declared",
        (_HEAD + b"1,a,2\n").decode().encode("utf-16"),
        0,
        UNREADABLE,
    ),
    ("JSON", b'{"id":1,"note":"a","price":2}\n', 0, UNREADABLE),
)

_BACKSLASH = feed(
    "csv with backslashes",
    {"type": "csv", "escape": "backslash"},
    _COLUMNS,
    ("an escaped quote", _HEAD + b'1,"a\\"b",2\n', 1, ""),
    ("an escaped delimiter", _HEAD + b"1,a\\,b,2\n", 1, ""),
    ("an escaped line break", _HEAD + b"1,a\\\nb,2\n", 1, ""),
    ("an escaped backslash before a quote", _HEAD + b'1,"a\\\\",2\n', 1, ""),
    ("a backslash before a letter", _HEAD + b'1,\\N,2\n2,"\\t",3\n', 2, ""),
    ("two quotes in a row", _HEAD + b'1,"a""b",2\n2,c,3\n', 1, MALFORMED),
    ("text behind a quote", _HEAD + b'1,"a"b,2\n2,c,3\n', 1, MALFORMED),
    ("text and a line break behind a quote", _HEAD + b'1,"a"b,"2\n2,c,3\n', 1, MALFORMED),
    ("a quote that only an escape follows", _HEAD + b'1,"a\\",2\n2,c,3\n', 0, MALFORMED),
    ("a backslash at the end", _HEAD + b"1,a,2\\", 0, "not_a_decimal"),
    ("a backslash before the last line end", _HEAD + b"1,a,2\\\n", 0, "not_a_decimal"),
    ("a bare CR", _HEAD + b"1,a\rb,2\n2,c,3\r\n", 1, MALFORMED),
    ("empty quotes", _HEAD + b'1,"",2\n', 1, ""),
)

_UTF16 = feed(
    "csv in UTF-16",
    {"type": "csv", "encoding": "utf-16"},
    _COLUMNS,
    ("little endian", (_HEAD + b"1,a,2\n").decode().encode("utf-16"), 1, ""),
    ("big endian", codecs.BOM_UTF16_BE + "id,note,price\n1,日,2\n".encode("utf-16-be"), 1, ""),
    ("no mark", "id,note,price\n1,a,2\n".encode("utf-16-le"), 0, UNREADABLE),
    (
        "half a pair",
        codecs.BOM_UTF16_LE
        + "id,note,price\n1,\ud800,2\n2,b,3\n".encode("utf-16-le", "surrogatepass"),
        1,
        "undecodable",
    ),
    (
        "half a unit",
        (_HEAD + b"1,a,2\n2,b,3").decode().encode("utf-16") + b"\x33",
        1,
        "undecodable",
    ),
    ("a pair", (_HEAD.decode() + "1,😀,2\n").encode("utf-16"), 1, ""),
    ("only a mark", codecs.BOM_UTF16_LE, 0, UNREADABLE),
)

_CP1252 = feed(
    "csv in cp1252 without a header",
    {"type": "csv", "encoding": "cp1252", "header": "absent", "delimiter": ";", "comment": "#"},
    _COLUMNS,
    ("an empty file", b"", 0, ""),
    ("the euro", b"1;\x80;2\n", 1, ""),
    ("a byte that it leaves open", b"1;\x81;2\n2;b;3\n", 1, "undecodable"),
    ("a mark of UTF-8", _BOM + b"1;a;2\n", 0, UNREADABLE),
    ("a comment", b"# id;note;price\n1;a;2\n#\n", 1, ""),
    ("a comment in quotes", b'1;"a\n# b";2\n', 1, ""),
    ("a comment character within a line", b"1;a # b;2\n", 1, ""),
    ("a line of the wrong width", b"1;a\n2;b;3;4\n3;c;4\n", 1, f"{WIDTH} {WIDTH}"),
)

CSV: tuple[Feed, ...] = (_PLAIN, _BACKSLASH, _UTF16, _CP1252)
