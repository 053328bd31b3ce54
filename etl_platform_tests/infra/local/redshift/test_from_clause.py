"""Rows made of arrays, objects and columns in FROM, as Redshift's manual shows them."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from infra.local.redshift.dialect import translate
from infra.local.redshift.errors import RedshiftError

Sql = Callable[..., list[list[Any]]]

# https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-unnest-examples.html
PRODUCTS = {
    1001: [{"product_id": "P456", "price": 299.99, "specs": {"size": "27 inch"}}],
    1002: [{"product_id": "P567", "price": 9.99}, {"product_id": "P678", "price": 159.99}],
    1003: [],
    1004: {"not": "an array"},
}


@pytest.fixture
def orders(sql: Sql) -> None:
    sql("CREATE TABLE orders (order_id int, products super)")
    for order, products in PRODUCTS.items():
        sql("INSERT INTO orders SELECT %s, json_parse(%s)", order, json.dumps(products))


@pytest.mark.parametrize(
    "source",
    [
        "orders o, o.products p",
        "orders AS o, o.products AS p",
        "orders o, UNNEST(o.products) AS p",
        "orders o INNER JOIN o.products p ON true",
    ],
)
def test_an_array_is_its_elements(sql: Sql, orders: None, source: str) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/query-super.html#unnest"""
    found = sql(f"SELECT o.order_id, p.product_id::varchar FROM {source} ORDER BY 1, 2")
    assert found == [[1001, "P456"], [1002, "P567"], [1002, "P678"]]


@pytest.mark.parametrize(
    "source", ["o.products AS p AT n", "UNNEST(o.products) AS p WITH OFFSET AS n"]
)
def test_the_place_of_an_element_counts_from_0(sql: Sql, orders: None, source: str) -> None:
    found = sql(f"SELECT p.product_id::varchar, n FROM orders o, {source} ORDER BY 1")
    assert found == [["P456", 0], ["P567", 0], ["P678", 1]]


def test_a_left_join_keeps_what_has_no_elements(sql: Sql, orders: None) -> None:
    query = "SELECT o.order_id, p.price FROM orders o LEFT JOIN o.products p ON true ORDER BY 1, 2"
    assert sql(query) == [
        [1001, "299.99"],
        [1002, "9.99"],
        [1002, "159.99"],
        [1003, None],
        [1004, None],
    ]


def test_elements_are_filtered_by_their_values(sql: Sql, orders: None) -> None:
    query = "SELECT count(*) FROM orders o, o.products p WHERE {}"
    assert sql(query.format("p.price > 100")) == [[2]]
    assert sql(query.format("p.product_id = 'P567'")) == [[1]]
    assert sql(query.format("p.specs.size::varchar LIKE '27%%'")) == [[1]]


def test_arrays_in_arrays_and_bare_values(sql: Sql) -> None:
    sql("CREATE TABLE foo AS SELECT json_parse('[[1.1, 1.2], [2.1]]') AS multi_level_array")
    query = "SELECT array, element FROM foo AS f, f.multi_level_array AS array, array AS element"
    assert sql(query + " ORDER BY 2") == [
        ["[1.1, 1.2]", "1.1"],
        ["[1.1, 1.2]", "1.2"],
        ["[2.1]", "2.1"],
    ]
    assert sql(f"{query} WHERE element = 2.1") == [["[2.1]", "2.1"]]
    names = 'SELECT n::varchar FROM (SELECT json_parse(\'["a", "b"]\') AS l) t, t.l AS n ORDER BY 1'
    assert sql(names) == [["a"], ["b"]]


def test_a_star_has_the_elements_and_not_their_places(sql: Sql, orders: None) -> None:
    (row,) = sql("SELECT * FROM orders o, o.products p WHERE o.order_id = 1001")
    assert len(row) == 3


def test_an_object_is_its_attributes(sql: Sql) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/query-super.html#unpivoting"""
    sql('CREATE TABLE t AS SELECT json_parse(\'{"apple": 2.5, "pear": 3}\') AS prices')
    query = "SELECT attr, val FROM t AS o, UNPIVOT o.prices AS val AT attr ORDER BY 1"
    assert sql(query) == [["apple", "2.5"], ["pear", "3"]]


@pytest.fixture
def part(sql: Sql) -> None:
    """The table of https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-pivot-unpivot-examples.html"""
    sql(
        "CREATE TABLE part (partname varchar, manufacturer varchar, quality int,"
        " price decimal(12, 2))"
    )
    sql(
        "INSERT INTO part VALUES ('prop', 'local parts co', 2, 10.00),"
        " ('prop', 'big parts co', NULL, 9.00), ('prop', 'small parts co', 1, 12.00),"
        " ('rudder', 'local parts co', 1, 2.50), ('rudder', 'big parts co', 2, 3.75),"
        " ('rudder', 'small parts co', NULL, 1.90), ('wing', 'local parts co', NULL, 7.50),"
        " ('wing', 'big parts co', 1, 15.20), ('wing', 'small parts co', NULL, 11.80)"
    )


def test_pivot_makes_a_column_of_each_value(sql: Sql, part: None) -> None:
    found = sql(
        "SELECT prop, round(rudder, 2), wing FROM (SELECT partname, price FROM part) PIVOT ("
        " AVG(price) FOR partname IN ('prop', 'rudder', 'wing'))"
    )
    assert [[round(value, 2) for value in row] for row in found] == [
        [Decimal("10.33"), Decimal("2.72"), Decimal("11.50")]
    ]


def test_what_pivot_does_not_name_groups_its_rows(sql: Sql, part: None) -> None:
    found = sql(
        "SELECT * FROM (SELECT quality, manufacturer FROM part) PIVOT ("
        " count(*) AS count FOR quality IN (1, 2, NULL AS na)) ORDER BY manufacturer"
    )
    assert found == [
        ["big parts co", 1, 1, 1],
        ["local parts co", 1, 1, 1],
        ["small parts co", 1, 0, 2],
    ]
    names = (
        'SELECT "1_count", na_count FROM (SELECT quality, manufacturer FROM part) PIVOT ('
        " count(*) AS count FOR quality IN (1, NULL AS na)) WHERE manufacturer LIKE 'small%%'"
    )
    assert sql(names) == [[1, 2]]


def test_unpivot_makes_rows_of_columns_and_leaves_nulls_out(sql: Sql) -> None:
    sql("CREATE TABLE colors (quality varchar, red int, green int, blue int)")
    sql("INSERT INTO colors VALUES ('high', 15, 20, 7), ('low', NULL, 3, NULL)")
    rest = "(SELECT quality, red, green FROM colors) UNPIVOT {} (cnt FOR color IN (red, green))"
    rows = f"SELECT * FROM {rest} ORDER BY 1, 2"
    assert sql(rows.format("")) == [["high", "green", 20], ["high", "red", 15], ["low", "green", 3]]
    assert sql(f"SELECT count(*) FROM {rest}".format("INCLUDE NULLS")) == [[4]]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM t PIVOT (sum(a) FOR g IN ('x', 'y'))",
        "SELECT * FROM (SELECT * FROM t) PIVOT (sum(a) FOR g IN ('x', 'y'))",
        "SELECT * FROM (SELECT a, g FROM t) PIVOT (sum(a), max(a) FOR g IN ('x', 'y'))",
        "SELECT unnest(a) FROM t",
    ],
)
def test_forms_that_are_not_served_are_refused(statement: str) -> None:
    with pytest.raises(RedshiftError):
        translate(statement)


def test_listagg_distinct_orders_by_the_value_and_works_over_a_window(sql: Sql) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_WF_LISTAGG.html"""
    sql("CREATE TABLE t (g varchar(1), a int)")
    sql("INSERT INTO t VALUES ('x', 10), ('x', 9), ('x', 10), ('y', 1), ('y', NULL)")
    grouped = "SELECT g, listagg(DISTINCT a, '|') WITHIN GROUP (ORDER BY a) FROM t GROUP BY g"
    assert sql(f"{grouped} ORDER BY 1") == [["x", "9|10"], ["y", "1"]]
    window = (
        "SELECT DISTINCT g, listagg(DISTINCT a, ', ') WITHIN GROUP (ORDER BY a DESC)"
        " OVER (PARTITION BY g) FROM t ORDER BY 1"
    )
    assert sql(window) == [["x", "10, 9"], ["y", "1"]]
