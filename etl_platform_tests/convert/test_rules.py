"""Rules of columns: each broken one is a reason, and a record carries all of them."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform.contract.columns import Column
from etl_platform.contract.errors import ContractInvalid
from etl_platform.contract.scalars import comparable
from etl_platform.contract.types import ColumnType
from etl_platform.convert.casts import cast
from etl_platform.convert.reasons import Reason
from etl_platform.convert.rules import check_expressions
from etl_platform.convert.session import connect
from etl_platform.convert.sql import Literal, compose
from etl_platform_tests.convert.samples import Converted, contract, converted

CSV = {"type": "csv", "delimiter": ";"}


def judged(texts: list[str], kind: str, **options: Any) -> Converted:
    of = contract([{"name": "c", "type": kind, **options}, {"name": "n", "type": "integer"}], CSV)
    lines = ["c;n", *(f"{text};{number}" for number, text in enumerate(texts))]
    return converted(of, "\n".join(lines).encode())


def said(result: Converted) -> list[tuple[int, str]]:
    return [(record, reason) for record, _, reason, _ in result.reasons]


@pytest.mark.parametrize(
    ("kind", "options", "texts", "reasons"),
    [
        ("varchar(4)", {"allowed": ["NO", "it's"]}, ["NO", "no", ""], [(2, "not_allowed")]),
        ("integer", {"allowed": [1, "2"]}, ["1", "+2", "2.0", "3"], [(4, "not_allowed")]),
        ("decimal(4,2)", {"allowed": [0.5]}, ["0.50", ".5", "0.51"], [(3, "not_allowed")]),
        ("date", {"allowed": ["2013-01-31"]}, ["2013-01-31", "2013-01-30"], [(2, "not_allowed")]),
        (
            "integer",
            {"range": {"min": 0, "max": 5}},
            ["-1", "0", "5", "6", ""],
            [(1, "below_minimum"), (4, "above_maximum")],
        ),
        ("double", {"range": {"min": 0.1}}, ["0.1", "0.09999"], [(2, "below_minimum")]),
        ("real", {"range": {"max": 0.1}}, ["0.1", "0.11"], [(2, "above_maximum")]),
        (
            "date",
            {"range": {"max": "2013-01-31"}, "formats": ["%d/%m/%Y"]},
            ["31/1/2013", "1/2/2013"],
            [(2, "above_maximum")],
        ),
        (
            "timestamp",
            {"range": {"min": "2013-01-01T00:00:00+02:00"}},
            ["2012-12-31T22:00:00Z", "2012-12-31T21:59:59.999999Z"],
            [(2, "below_minimum")],
        ),
        (
            "timestamptz",
            {"range": {"max": "2013-01-01T00:00:00Z"}, "zone": "America/New_York"},
            ["2012-12-31 19:00", "2012-12-31 19:01"],
            [(2, "above_maximum")],
        ),
        (
            "time",
            {"range": {"min": "06:00", "max": "22:00:00.5"}},
            ["05:59:59.999999", "06:00", "06:00:00.1", "22:00:00.5", "22:00:00.500001"],
            [(1, "below_minimum"), (5, "above_maximum")],
        ),
        ("time", {"allowed": ["06:00"]}, ["06:00:00.000", "06:00:01"], [(2, "not_allowed")]),
        ("varchar(9)", {"pattern": "[A-Z]{2}"}, ["AB", "ABC", "xAB"], [(2,), (3,)]),
        ("varchar(9)", {"pattern": "a|ab"}, ["ab"], []),
        ("varchar(9)", {"pattern": r"\pL+"}, ["éa", "1"], [(2,)]),
        ("varchar(9)", {"pattern": "it's [{]x[}]"}, ["it's {x}"], []),
    ],
)
def test_a_value_that_breaks_a_rule_is_a_reject(
    kind: str, options: Any, texts: list[str], reasons: list[tuple[Any, ...]]
) -> None:
    result = judged(texts, kind, **options)
    expected = [(*reason, "pattern_mismatch")[:2] for reason in reasons]
    assert said(result) == expected
    assert len(result.rows) == len(texts) - len(expected)


def test_a_record_carries_every_rule_that_it_breaks() -> None:
    rules = {"pattern": "[0-9]{2}", "allowed": [10, 20], "range": {"min": 10, "max": 20}}
    result = judged(["10", "9", "300", "x"], "integer", **rules)
    assert said(result) == [
        (2, Reason.PATTERN_MISMATCH),
        (2, Reason.NOT_ALLOWED),
        (2, Reason.BELOW_MINIMUM),
        (3, Reason.PATTERN_MISMATCH),
        (3, Reason.NOT_ALLOWED),
        (3, Reason.ABOVE_MAXIMUM),
        (4, Reason.NOT_AN_INTEGER),
        (4, Reason.PATTERN_MISMATCH),
    ]


def test_rules_see_the_cleansed_text_and_a_reject_shows_it() -> None:
    result = judged([" ab ", " abc "], "varchar(9)", trim=True, case="upper", allowed=["AB"])
    assert [row["c"] for row in result.rows] == ["AB"]
    assert result.reasons == [(2, "c", Reason.NOT_ALLOWED, "ABC")]
    assert result.rejects[0]["raw"] == " abc ;1"


def test_a_null_breaks_no_rule_but_required() -> None:
    rules = {"pattern": "x", "allowed": ["x"]}
    assert judged([""], "varchar(9)", **rules).rows == [{"c": None, "n": 0}]
    assert said(judged([""], "varchar(9)", required=True, **rules)) == [(1, Reason.MISSING)]


numbers = st.decimals(-1000, 1000, places=2).map(str)


@settings(max_examples=40, deadline=None)
@given(ends=st.tuples(numbers, numbers), texts=st.lists(numbers, min_size=1, max_size=20))
def test_a_range_is_that_of_python(ends: tuple[str, str], texts: list[str]) -> None:
    least, most = sorted(ends, key=Decimal)
    result = judged(texts, "decimal(8,2)", range={"min": least, "max": most})
    inside = [n for n, t in enumerate(texts) if Decimal(least) <= Decimal(t) <= Decimal(most)]
    assert [row["n"] for row in result.rows] == inside


patterns = st.sampled_from(["a+b?", "[^a]*", "(a|b)*", "a.b", "^a$", "(?i)AB", "", "a{2}", r"\w+"])


@settings(max_examples=40, deadline=None)
@given(pattern=patterns.filter(bool), texts=st.lists(st.text("aAb.1", min_size=1), min_size=1))
def test_a_pattern_matches_in_full_as_in_python(pattern: str, texts: list[str]) -> None:
    result = judged(texts, "varchar(99)", pattern=pattern)
    matching = [n for n, text in enumerate(texts) if re.fullmatch(pattern, text)]
    assert [row["n"] for row in result.rows] == matching


values = st.one_of(
    st.integers(-(2**66), 2**66).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(lambda d: format(d, "f")),
    st.floats(allow_nan=False).map(repr),
    st.dates().map(str),
    st.datetimes().map(str),
    st.text(max_size=4).filter(lambda text: "\0" not in text),
)


@pytest.mark.parametrize(
    "kind",
    [
        *("smallint", "integer", "bigint", "decimal(6,2)", "decimal(38,0)", "real", "double"),
        *("date", "timestamp", "timestamptz", "varchar(4)", "char(4)"),
    ],
)
@settings(max_examples=40, deadline=None)
@given(several=st.lists(values, min_size=1, max_size=20))
def test_what_a_contract_may_compare_with_is_never_null_in_convert(
    kind: str, several: list[str]
) -> None:
    column_type = ColumnType.parse(kind)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'").fetchall()
        for text in several:
            try:
                comparable(column_type, text)
            except ValueError:
                continue
            typed = cast(column_type, Literal(text).sql)
            query = compose("SELECT {v}, {r}", v=typed.value, r=typed.reason)
            value, reason = connection.execute(query).fetchall()[0]
            assert value is not None
            assert reason is None


@pytest.mark.parametrize(
    ("options", "field", "problem"),
    [
        ({"pattern": "a("}, "columns[1].pattern", "missing )"),
        ({"pattern": "a{1001}"}, "columns[1].pattern", "invalid repetition size"),
        ({"replace": [{"pattern": "[b-a]", "with": ""}]}, "columns[1].replace", "range"),
        ({"replace": [{"pattern": "a", "with": r"\1"}]}, "columns[1].replace", "requests 1"),
        ({"type": "timestamp", "zone": "Mars/Base"}, "columns[1].zone", "Unknown TimeZone"),
    ],
)
def test_an_expression_that_duckdb_does_not_know_ends_the_conversion_with_its_name(
    tmp_path: Path, options: Any, field: str, problem: str
) -> None:
    column = {"name": "c", "type": "varchar(9)", **options}
    of = contract([{"name": "n", "type": "integer"}, column], CSV)
    with connect(tmp_path, 0.1, 1) as connection:
        with pytest.raises(ContractInvalid, match=re.escape(problem)) as caught:
            check_expressions(connection, of)
        assert caught.value.field == field
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_the_expressions_of_a_sound_contract_pass(tmp_path: Path) -> None:
    column = Column.model_validate(
        {
            "name": "at",
            "type": "timestamp",
            "zone": "Europe/Berlin",
            "pattern": r"\d.*",
            "replace": [{"pattern": "(T)", "with": r" \\"}],
        }
    )
    of = contract([column.model_dump(mode="json", by_alias=True)], CSV)
    with connect(tmp_path, 0.1, 1) as connection:
        check_expressions(connection, of)
