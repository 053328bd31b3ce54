"""Texts for values of every type: plain ones, ones on the edge of what is allowed, and nonsense."""

from hypothesis import strategies as st

COMMON = ("", " ", "NA", "null", "x", "0", "1", " 1 ", "\t1", "1\0", "é", "a" * 30, "\u2028")

LETTERS = "aB ßéΣ日😀\u00a0'\"\\,;#{}[]<>&:\t"
"""Those that stand in texts: of each length in UTF-8, and those that mean something to a format."""

_EDGES: dict[str, tuple[str, ...]] = {
    "whole": (
        *("1.0", "1.", "+5", "-0", "007", "1.5", "1e3", "1_000", "٣", "--1", "0x1f", "1,0", "+"),
        *("32767", "32768", "-32768", "-32769", "2147483647", "2147483648", "-2147483648.000"),
        *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "NaN", "1e0"),
        *("9999999999999999999999", "0" * 40 + "7", "1.00000000000000000000000001", ".0", "0."),
    ),
    "decimal": (
        *("12.34", "12.345", "12.340", "0.1", ".5", "5.", "-.5", "+1.10", "-0.00", "1e2", "NaN"),
        *(
            "9999.99",
            "10000",
            "99999999999999999999999999999999999999",
            "1" * 39,
            "0" * 50 + "1.50",
        ),
        *("0.004", "0.005", "0.0000000000000000000000000000000000000", "-12345678.9", ".", "1,5"),
    ),
    "floating": (
        *("1.5", "-0", "-0.0", "1e3", "1E-3", "+.5e1", "1e400", "-1e400", "1e-400", "5e-324"),
        *("2e-324", "3.4028235e38", "3.4028236e38", "3.4028235677973366e38", "1e-46", "16777217"),
        *("inf", "Infinity", "nan", "1d", "1f", "0x1p3", "1_0.0", "1e", "e1", "0.1", "1e+05"),
        *("1.00000017881393432617187499", "1.00000017881393432617187500000001"),
        *("179769313486231580793e289", "0.3333333333333333333333333", "123456789012345678"),
    ),
    "boolean": ("true", "TRUE", "f", "False", "T", "yes", "1", "0", "01", "true ", "tru", "1.0"),
    "date": (
        *("2013-01-31", "2013-02-30", "2012-02-29", "1900-02-29", "0000-01-01", "0001-01-01"),
        *("9999-12-31", "10000-01-01", "2013-1-31", "2013-01-31 ", "20130131", "31/01/2013"),
        *(
            "1/2/2013",
            "01/02/13",
            "2013-01-31T00:00:00",
            "-001-01-01",
            "infinity",
            "epoch",
            "today",
        ),
        *(
            "5 Jan 2013",
            "05 january 2013",
            "2013-13-01",
            "2013-00-10",
            "31.04.2013",
            "\uff12\uff1013-01-01",
        ),
    ),
    "moment": (
        *(
            "2013-01-31T06:00:00",
            "2013-01-31 06:00",
            "2013-01-31 06:00:00.5",
            "2013-01-31T24:00:00",
        ),
        *("2013-01-31T06:00:00Z", "2013-01-31T06:00:00+02:00", "2013-01-31T06:00:00-0530"),
        *("2013-01-31T06:00:00+02", "2013-01-31T06:00:00 +02:00", "2013-01-31T06:00:00+24:00"),
        *(
            "2013-01-31T06:00:00.1234567",
            "2013-01-31T06:00:60",
            "2013-01-31",
            "2013-02-30T00:00:00",
        ),
        *("0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999-00:01"),
        *("9999-12-31T23:59:59.999999", "0000-12-31T23:59:59-00:01", "2013-01-31t06:00:00", "now"),
        *(
            "2013-03-31T02:30:00",
            "2013-10-27T02:30:00",
            "2013-03-10T02:30:00",
            "2013-11-03T01:30:00",
        ),
        *("31/01/2013 06:05", "1/2/2013 6:5 pm", "01/02/13 12:00 AM", "31/01/2013 6:05 +0200"),
        *("2013-01-31T06:00:00z", "2013-01-31  06:00:00", "2013-01-31T6:00:00", "1359612000"),
    ),
    "time": (
        *("06:00", "06:00:00", "23:59:59.999999", "24:00", "6:00", "06:00:00.5", "06:00:00.500000"),
        *(
            "06:00:00.1234567",
            "06:60",
            "06:00:60",
            "06:00Z",
            "0600",
            "6.05",
            "12:30 pm",
            "06:00:00.",
        ),
    ),
    "varbyte": ("00", "aB09", "abc", "0x00", "zz", "00" * 40, "AA BB", "\\x00"),
    "super": (
        *('{"a": 1.10, "b": [1e3, "x y"]}', "[1, 2 ,3]", "12345678901234567890", '"text"', "null"),
        *(
            '{"a":1,"a":2}',
            "NaN",
            "[1,]",
            "{",
            "1e400",
            '"\\u0000"',
            '"\\ud800"',
            '"\\ud83d\\ude00"',
        ),
        *("  true  ", "'x'", '{"a":{"b":{"c":[[],{}]}}}', "[" * 101 + "]" * 101, '"a\tb"', "-0.0"),
        *('["é", "\\u00e9"]', "0.1000000000000000055511151231257827"),
    ),
}

_KINDS = {
    **dict.fromkeys(("smallint", "integer", "bigint"), "whole"),
    **dict.fromkeys(("real", "double"), "floating"),
    **dict.fromkeys(("timestamp", "timestamptz"), "moment"),
}


def texts_of(column_type: str, *, is_plain: bool) -> st.SearchStrategy[str]:
    """Texts for a column of a type: values of it, or that and everything else."""
    family = column_type.partition("(")[0]
    kind = _KINDS.get(family, family)
    if family in ("varchar", "char"):
        most = int(column_type.rstrip(")").partition("(")[2])
        plain = st.text("abx 01,", max_size=min(most, 12))
    else:
        plain = _PLAIN[_SMALL.get(column_type, kind)]
    free = st.text(LETTERS, max_size=12)
    edges = st.sampled_from([*_EDGES.get(kind, ()), *COMMON])
    return plain if is_plain else st.one_of(plain, plain, edges, edges, free)


_SMALL = {"decimal(4,4)": "fraction", "decimal(38,0)": "whole", "smallint": "small"}
_PLAIN: dict[str, st.SearchStrategy[str]] = {
    "small": st.integers(-20, 20).map(str),
    "whole": st.one_of(st.integers(-20, 20), st.integers(-(2**31), 2**31 - 1)).map(str),
    "decimal": st.decimals(-9999, 9999, places=2).map(str),
    "fraction": st.decimals(-0.5, 0.5, places=4).map(lambda number: format(number, "f")),
    "floating": st.floats(-3e38, 3e38, allow_nan=False, allow_infinity=False).map(repr),
    "boolean": st.sampled_from(["true", "false", "1", "0"]),
    "date": st.dates().map(str),
    "moment": st.datetimes().map(str),
    "time": st.times().map(str),
    "super": st.sampled_from(['{"a": 1.10}', "[1, 2]", '"text"', "12345678901234567890", "true"]),
    "varbyte": st.binary(max_size=3).map(bytes.hex),
}
