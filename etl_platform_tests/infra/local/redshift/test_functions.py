"""Functions and paths into SUPER values that Redshift has and PostgreSQL lacks or has otherwise."""

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import redshift_connector

from infra.local.redshift.dialect import translate
from infra.local.redshift.errors import RedshiftError

Sql = Callable[..., list[list[Any]]]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("is_valid_json('{\"a\": 1}')", True),
        ("is_valid_json('{a}')", False),
        ("is_valid_json_array('[1]')", True),
        ("is_valid_json_array('{}')", False),
        ("is_valid_json_array('x')", False),
        ("json_extract_path_text('{\"a\": {\"b\": \"x\"}}' || '', 'a', 'b')", "x"),
        ("json_extract_path_text('{}', 'a')", None),
        ("json_extract_array_element_text('[1, \"b\"]', 1)", "b"),
        ("json_extract_array_element_text('[1]', -1)", None),
        ("json_array_length('[1, 2]')", 2),
        ("strtol('ff', 16)", 255),
        ("strtol('-0x1F', 16)", -31),
        ("last_day('2024-02-03')", date(2024, 2, 29)),
        ("add_months('2026-02-28', 1)", datetime.fromisoformat("2026-03-31")),
        ("add_months('2026-01-30', 1)", datetime.fromisoformat("2026-02-28")),
        ("next_day('2026-01-01', 'Thu')", date(2026, 1, 8)),
        ("date_part(hour, '2026-01-02 03:04'::timestamp)", 3),
        ("date_part('dow', '2026-01-04'::date)", 0),
        ("regexp_substr('abc123', '[0-9]+')", "123"),
        ("regexp_count('abcabc', 'b')", 2),
        ("split_part('a|b', '|', 2)", "b"),
        ("to_number('12,454.8-', '99G999D9S')::varchar", "-12454.8"),
        ("'a' || null", None),
        ("-7 / 2", -3),
        ("'abc' ILIKE 'A%'", True),
        ("months_between('1969-01-18', '1969-03-18')", -2.0),
        ("months_between('2014-08-31 10:00', '2014-09-30')", -1.0),
        ("months_between('2008-12-25 15:00', '2008-01-21 19:30')::numeric(9, 2)::float", 11.12),
        ("months_between('2008-12-19 19:00', '2008-01-08 19:30')::numeric(9, 2)::float", 11.35),
        ("sha1('abc')", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha('')", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("func_sha1('Amazon Redshift')", "eeac5ed1e11cda66032c30ad77b25071b5487f55"),
        ("sha1(null)", None),
        ("fnv_hash(1)", -5968735742475085980),
        ("fnv_hash(1::smallint)", 589727492704079044),
        ("fnv_hash(1::bigint)", -8517097267634966620),
        ("fnv_hash('Amazon Redshift')", 7783490368944507294),
        ("fnv_hash('Amazon Redshift', fnv_hash(1))", -2202602717770968555),
        ("fnv_hash('cd', fnv_hash('ab'))", -281581062704388899),
        ("checksum(109.20)", 10920),
        ("date_part_year('2008-05-02')", 2008),
        ("date_cmp('2026-01-01', '2026-01-02')", -1),
        ("interval_cmp('3 days', '1 day')", 1),
        ("try_cast('x' AS int)", None),
        ("try_cast('7' AS int)", 7),
        ("array(1, 'a', null)", '[1, "a", null]'),
        ("object('a', 1)", '{"a": 1}'),
        ("array_concat(array(1), array(2, 3))", "[1, 2, 3]"),
        ("subarray(array('a', 'b', 'c', 'd'), 1, 2)", '["b", "c"]'),
        ("split_to_array('a|b', '|')", '["a", "b"]'),
        ("$$it's \\d$$", "it's \\d"),
    ],
)
def test_a_function_gives_what_redshift_gives(sql: Sql, expression: str, value: object) -> None:
    assert sql(f"SELECT {expression}") == [[value]]


def test_sha1_is_that_of_texts_of_every_length(sql: Sql) -> None:
    """A block has 64 bytes, of which 9 are for the end and the length."""
    texts = ["ä€\U0001f600" * (length // 9) + "x" * (length % 9) for length in range(135)]
    rows = sql("SELECT " + ", ".join(f"sha1('{text}')" for text in texts))
    hashes = [hashlib.sha1(text.encode(), usedforsecurity=False) for text in texts]
    assert rows == [[found.hexdigest() for found in hashes]]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_the_clocks_are_in_utc_whatever_zone_a_session_has(sql: Sql, zone: str) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_GETDATE.html, r_SYSDATE.html"""
    sql(f"SET timezone TO '{zone}'")
    ((second, moment),) = sql("SELECT getdate(), sysdate")
    now = datetime.now(UTC).replace(tzinfo=None)
    assert timedelta(0) <= now - second < timedelta(minutes=1)
    assert timedelta(0) <= now - moment < timedelta(minutes=1)
    assert second.microsecond == 0


@pytest.mark.parametrize("expression", ["strtol('9', 8)", "''::int", "''::date"])
def test_a_text_that_is_no_value_is_an_error(sql: Sql, expression: str) -> None:
    with pytest.raises(redshift_connector.ProgrammingError):
        sql(f"SELECT {expression}")


def test_aggregates_work_over_windows_too(sql: Sql) -> None:
    sql("CREATE TABLE t (g varchar(1), a int)")
    sql("INSERT INTO t VALUES ('x', 1), ('x', 2), ('x', 9), ('y', 4)")
    assert sql("SELECT median(a) FROM t") == [[3]]
    assert sql(
        "SELECT g, a, median(a) OVER (PARTITION BY g),"
        " ratio_to_report(a) OVER (PARTITION BY g),"
        " listagg(a, ',') WITHIN GROUP (ORDER BY a DESC) OVER (PARTITION BY g)"
        " FROM t ORDER BY g, a"
    ) == [
        ["x", 1, 2.0, 1 / 12, "9,2,1"],
        ["x", 2, 2.0, 2 / 12, "9,2,1"],
        ["x", 9, 2.0, 9 / 12, "9,2,1"],
        ["y", 4, 4.0, 1.0, "4"],
    ]


def test_an_average_of_whole_numbers_is_a_whole_number(sql: Sql) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_AVG.html"""
    sql("CREATE TABLE t (g varchar(1), a int, b decimal(5, 2), c float)")
    sql("INSERT INTO t VALUES ('x', 1, 1, 1), ('x', 2, 2, 2), ('y', -5, 4, 4)")
    query = "SELECT avg(a), avg(b), avg(c), avg(DISTINCT a) FROM t WHERE g = 'x'"
    assert sql(query) == [[1, Decimal("1.5"), 1.5, 1]]
    assert sql("SELECT avg(a) OVER (PARTITION BY g) FROM t ORDER BY g") == [[1], [1], [-5]]
    assert sql("SELECT g FROM t GROUP BY g HAVING avg(a) < 0 ORDER BY avg(a)") == [["y"]]
    assert sql("SELECT avg(a) + 0.5 AS half, avg(a) FROM t") == [[Decimal("0.5"), 0]]


def test_window_functions_pass_over_nulls(sql: Sql) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_WF_LAG.html"""
    sql("CREATE TABLE t (i int, a varchar(1))")
    sql("INSERT INTO t VALUES (1, 'p'), (2, null), (3, 'q'), (4, null)")
    frame = "OVER (ORDER BY i ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
    assert sql(
        "SELECT lag(a) IGNORE NULLS OVER (ORDER BY i), lead(a, 1) IGNORE NULLS OVER (ORDER BY i),"
        f" last_value(a IGNORE NULLS) {frame}, first_value(a) IGNORE NULLS {frame},"
        f" last_value(a RESPECT NULLS) {frame} FROM t ORDER BY i"
    ) == [
        [None, "q", "q", "p", None],
        ["p", "q", "q", "p", None],
        ["p", None, "q", "p", None],
        ["q", None, "q", "p", None],
    ]
    with pytest.raises(RedshiftError, match="lag"):
        translate("SELECT lag(a, 2) IGNORE NULLS OVER (ORDER BY i) FROM t")


def test_group_by_all_groups_by_what_is_not_aggregated(sql: Sql) -> None:
    sql("CREATE TABLE t (g varchar(1), h int, a int)")
    sql("INSERT INTO t VALUES ('x', 1, 1), ('x', 1, 2), ('x', 2, 3)")
    query = "SELECT g, h * 10, sum(a) + 1, count(*) FROM t GROUP BY ALL ORDER BY 2"
    assert sql(query) == [["x", 10, 4, 2], ["x", 20, 4, 1]]
    assert sql("SELECT max(a) FROM t GROUP BY ALL") == [[3]]


@pytest.fixture
def orders(sql: Sql, schema: str) -> str:
    """A table with one nested SUPER."""
    sql("CREATE TABLE orders (id int, doc super)")
    document = '{"a": {"lines": [{"sku": 7}, {"sku": "k", "day": "2026-01-02"}]}}'
    sql(f"INSERT INTO orders SELECT 1, json_parse('{document}')")
    return schema


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("doc.a.lines[0].sku", "7"),
        ("doc['a']['lines'][id - 1]['sku']", "7"),
        ("orders.doc.a.lines[1].sku", '"k"'),
        ("{schema}.orders.doc.a.lines[0].sku::int + 1", 8),
        ("orders.doc.a.lines[1].sku::varchar", "k"),
        ("doc.a.lines[1].day::date", date(2026, 1, 2)),
        ("doc.a.lines[9].sku", None),
        ("doc.a.nothing.there", None),
        ("json_typeof(doc.a.lines)", "array"),
        ("get_array_length(doc.a.lines)", 2),
        ("is_object(doc.a)", True),
    ],
)
def test_a_path_leads_into_a_super(sql: Sql, orders: str, path: str, value: object) -> None:
    assert sql(f"SELECT {path.format(schema=orders)} FROM {orders}.orders") == [[value]]


def test_a_path_begins_at_an_alias_a_subquery_or_a_cte_too(sql: Sql, orders: str) -> None:
    assert sql("SELECT o.doc.a.lines[0].sku FROM orders AS o") == [["7"]]
    assert sql("SELECT q.doc.a.lines[0].sku FROM (SELECT doc FROM orders) q") == [["7"]]
    assert sql("WITH c AS (SELECT doc FROM orders) SELECT c.doc.a.lines[0].sku FROM c") == [["7"]]
    assert sql(f"SELECT {orders}.orders.id FROM {orders}.orders") == [[1]]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT regexp_matches('a', 'a')",
        "SELECT array_length(a, 1) FROM t",
        "SELECT * FROM jsonb_array_elements(a)",
        "INSERT INTO t SELECT generate_series(1, 3)",
        "WITH n AS (SELECT generate_series(1, 3) AS i) SELECT * FROM t JOIN n ON t.a = n.i",
    ],
)
def test_what_would_give_other_rows_than_redshift_is_refused(statement: str) -> None:
    with pytest.raises(RedshiftError):
        translate(statement)


def test_a_function_of_the_leader_node_works_without_a_table(sql: Sql) -> None:
    query = "WITH n AS (SELECT generate_series(1, 3) AS i) SELECT sum(i) FROM n"
    assert sql(query) == [[6]]
