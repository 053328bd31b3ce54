"""Columns by expression: what may be written, and what becomes of the value of each record."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_platform.contract.errors import ContractInvalid
from etl_platform.contract.source import SourceContract
from etl_platform.convert.derived import Refused, used_columns
from etl_platform.convert.rules import check_contract
from etl_platform_tests.convert.samples import Converted, Row, contract, converted

CSV = {"type": "csv", "delimiter": ";"}
READ: list[Row] = [
    {"name": "a", "type": "integer"},
    {"name": "b", "type": "varchar(20)", "trim": True},
    {"name": "d", "type": "date"},
    {"name": "p", "type": "decimal(10,2)", "required": True, "range": {"max": 100}},
    {"name": "doc", "type": "super"},
]


def feed(kind: str, expression: str, **options: Any) -> SourceContract:
    derived = {"name": "made", "type": kind, "expression": expression, **options}
    # In front of columns that are read, whose places in a record are other numbers then.
    return contract([derived, *READ], CSV)


def made(of: SourceContract, *lines: str) -> Converted:
    return converted(of, "\n".join(["a;b;d;p;doc", *lines]).encode())


@pytest.mark.parametrize(
    ("kind", "expression", "line", "value"),
    [
        ("integer", "a * 2 -- twice", "21;;;1;", 42),
        ("decimal(12,3)", "p * 1.5", ";;;10.01;", Decimal("15.015")),
        ("varchar(20)", "upper(b) || '-' || a", "7; x ;;1;", "X-7"),
        ("smallint", "year(d)", ";;2013-02-28;1;", 2013),
        ("date", "d + 1", ";;2012-02-28;1;", "2012-02-29"),
        ("boolean", "a IN (1, 2) AND p BETWEEN 0 AND 5", "2;;;5;", True),
        ("varchar(9)", "CASE WHEN a > 0 THEN 'more' ELSE 'less' END", "0;;;1;", "less"),
        ("varchar(9)", "coalesce(b, 'none')", ";;;1;", "none"),
        ("varchar(9)", "nullif(b, 'x')", ";x;;1;", None),
        ("integer", "(doc ->> '$.n')::INTEGER", ';;;1;{"n":5}', 5),
        ("super", "to_json({'n': a, 'b': b})", "1;x;;1;", '{"n":1,"b":"x"}'),
        ("varbyte(16)", "md5(b)", ";x;;1;", "9dd4e461268c8034f5c8564e155c67a6"),
        ("time", "TIME '06:00' + INTERVAL (a) MINUTE", "90;;;1;", "07:30:00"),
        ("varchar(9)", "'fixed'", ";;;1;", "fixed"),
        ("varchar(9)", "b", ";;;1;", None),
    ],
)
def test_an_expression_is_over_cleansed_and_typed_values(
    kind: str, expression: str, line: str, value: object
) -> None:
    result = made(feed(kind, expression), line)
    assert result.reasons == []
    (row,) = result.rows
    assert (str(row["made"]) if kind == "date" else row["made"]) == value


@pytest.mark.parametrize(
    ("kind", "expression", "options", "line", "reason"),
    [
        ("integer", "a / 2", {}, "3;;;1;", ("not_an_integer", "1.5")),
        (
            "date",
            "d + INTERVAL 1 DAY",
            {},
            ";;2012-02-28;1;",
            ("not_a_date", "2012-02-29 00:00:00"),
        ),
        ("smallint", "a * 2", {}, "30000;;;1;", ("out_of_range", "60000")),
        ("decimal(6,2)", "a / 3.0", {}, "1;;;1;", ("too_many_decimals", "0.3333333333333333")),
        ("double", "a / 0", {}, "1;;;1;", ("not_a_number", "inf")),
        ("varchar(2)", "b || b", {}, ";xy;;1;", ("too_long", "xyxy")),
        ("super", "b", {}, ";xy;;1;", ("not_json", "xy")),
        ("integer", "b::INTEGER", {}, ";xy;;1;", ("expression_failed", None)),
        ("bigint", "a::BIGINT * 9223372036854775807", {}, "2;;;1;", ("expression_failed", None)),
        ("integer", "a", {"required": True}, ";;;1;", ("missing", None)),
        ("integer", "a", {"range": {"max": 5}}, "6;;;1;", ("above_maximum", "6")),
        ("varchar(9)", "b", {"pattern": "x+"}, ";xy;;1;", ("pattern_mismatch", "xy")),
        ("varchar(9)", "b", {"allowed": ["x"]}, ";xy;;1;", ("not_allowed", "xy")),
    ],
)
def test_a_derived_value_is_as_strict_as_a_text(
    kind: str, expression: str, options: Any, line: str, reason: tuple[str, str | None]
) -> None:
    good = "1;x;;1;"
    lines = [line] if kind == "super" else [line, good]
    result = made(feed(kind, expression, **options), *lines)
    first = [said[2:] for said in result.reasons if said[:2] == (1, "made")]
    assert first == [reason]


def test_the_record_of_a_failed_expression_is_a_reject_and_its_neighbours_are_rows() -> None:
    result = made(feed("integer", "b::INTEGER"), ";1;;1;", ";x;;1;", ";;;1;", ";2;;1;")
    assert [row["made"] for row in result.rows] == [1, None, 2]
    assert result.reasons == [(2, "made", "expression_failed", None)]


def test_what_needs_a_broken_value_is_not_evaluated_and_says_nothing() -> None:
    of = feed("integer", "a + p", required=True)
    result = made(of, "x;;;1;", "1;;;;", "1;;;101;", "1;;2013-02-30;1;")
    assert result.reasons == [
        (1, "a", "not_an_integer", "x"),
        (2, "p", "missing", None),
        (3, "p", "above_maximum", "101"),
        (4, "d", "not_a_date", "2013-02-30"),
    ]


def test_a_value_that_breaks_a_rule_keeps_an_expression_from_it() -> None:
    result = made(feed("varchar(3)", "p || '!'"), ";;;1;", ";;;101;")
    assert result.reasons == [(1, "made", "too_long", "1.00!"), (2, "p", "above_maximum", "101")]


def test_what_a_reader_says_of_a_column_keeps_an_expression_from_it() -> None:
    columns: list[Row] = [
        {"name": "made", "type": "integer", "expression": "b + 1", "required": True},
        {"name": "a", "type": "integer"},
        {"name": "b", "type": "integer"},
    ]
    body = b'{"a":1,"b":[1]}\n{"a":{},"b":2}\n{"a":1,"b":2}\n'
    result = converted(contract(columns, {"type": "json"}), body)
    assert result.reasons == [(1, "b", "nested_value", None), (2, "a", "nested_value", None)]
    assert result.rows == [{"made": 3, "a": 1, "b": 2}]


def test_a_key_and_a_version_may_be_derived() -> None:
    columns: list[Row] = [
        {"name": "id", "type": "integer", "required": True, "expression": "a // 10"},
        {"name": "at", "type": "time", "required": True, "expression": "t"},
        {"name": "a", "type": "integer"},
        {"name": "t", "type": "time"},
    ]
    load = {"strategy": "upsert", "version": "at"}
    of = contract(columns, {"type": "csv"}, key=["id"], load=load)
    result = converted(of, b"a,t\n10,06:00:01\n11,06:00:00.5\n12,06:00\n20,07:00\n")
    assert result.superseded == 2
    assert [(row["id"], row["a"], row["at"]) for row in result.rows] == [
        (1, 10, "06:00:01"),
        (2, 20, "07:00:00"),
    ]


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=50))
def test_every_record_is_evaluated_for_itself(values: list[int]) -> None:
    result = made(feed("integer", "a * 2"), *(f"{value};;;1;" for value in values))
    fits = [value for value in values if -(2**31) <= value * 2 < 2**31]
    assert sorted(row["made"] for row in result.rows) == sorted(value * 2 for value in fits)
    assert len(result.rejects) == len(values) - len(fits)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("c + 1", "it uses c; expected columns that are read: a, b, d, p, doc"),
        ("A + 1", "it uses A; expected columns"),
        ("a.x", "it uses a.x; expected columns"),
        ("made", "it uses made; expected columns"),
        ("_record", "it uses _record; expected columns"),
        ("current_date", "it uses current_date; expected columns"),
        ("a + ", "syntax error"),
        ("a) + (a", "syntax error"),
        ("a /* open", "unterminated"),
        ("a; DROP TABLE records", "Only SELECT statements"),
        ("a; SELECT 1", "a query of its own"),
        ("a UNION SELECT 2", "a query of its own"),
        ("a FROM records", "more than one expression"),
        ("a, b", "more than one expression"),
        ("a AS b", "more than one expression"),
        ("a ORDER BY a", "more than one expression"),
        ("DISTINCT a", "more than one expression"),
        ("(SELECT 1)", "it has a subquery"),
        ("EXISTS (SELECT 1)", "it has a subquery"),
        ("*", "it has a star"),
        ("?", "it has a parameter"),
        ("row_number() OVER ()", "it has a window"),
        ("list_transform([a], lambda x: x)", "it has a lambda"),
        ("b COLLATE nocase", "it has a collate"),
        ("sum(a)", "it calls sum"),
        ("random()", "it calls random"),
        ("uuid()", "it calls uuid"),
        ("now()", "it calls now"),
        ("today()", "it calls today"),
        ("age(d)", "it calls age"),
        ("ago(INTERVAL 1 DAY)", "it calls ago"),
        ("nextval('s')", "it calls nextval"),
        ("getenv('HOME')", "it calls getenv"),
        ("read_text('/etc/passwd')", "it calls read_text"),
        ("current_setting('threads')", "it calls current_setting"),
        ("pg_sleep(1)", "it calls sleep_ms"),
        ("unnest([a])", "it calls unnest"),
        ("nowhere(a)", "it calls nowhere"),
        ("b + a", "No function matches"),
        ("substr(a)", "No function matches"),
        ("a::nowhere", "nowhere does not exist"),
    ],
)
def test_what_is_no_function_of_the_record_is_refused_by_name(
    expression: str, problem: str
) -> None:
    with pytest.raises(ContractInvalid, match=problem) as refused:
        check_contract(feed("integer", expression))
    assert refused.value.field == "columns[0].expression"


def test_no_expression_reads_a_file_that_exists(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for call in (f"read_text('{secret}')", f"read_blob('{secret}')", f"glob('{secret}')"):
        with pytest.raises(ContractInvalid, match="it calls"):
            check_contract(feed("varchar(20)", call))


@given(expression=st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_text_is_an_expression_or_is_refused_as_one(expression: str) -> None:
    try:
        names = used_columns(expression)
    except (Refused, ValueError):
        return
    assert all(isinstance(name, str) for name in names)


def test_the_derived_columns_in_the_paper_are_made_as_it_says() -> None:
    paper = (Path(__file__).parents[2] / "docs" / "values.md").read_text()
    block = paper.partition("## Derived columns")[2].partition("```yaml\n")[2].partition("```")[0]
    of = contract(yaml.safe_load(block)["columns"], {"type": "csv"})
    check_contract(of)
    (row,) = converted(of, b"net,country,opened_at\n10.50, at ,06:30\n").rows
    assert row == {
        "net": Decimal("10.50"),
        "country": "AT",
        "opened_at": "06:30:00",
        "gross": Decimal("12.4950"),
        "is_domestic": True,
        "opens": 6,
    }
