"""COPY of JSON: by the names of members, by jsonpaths, whole into a SUPER.

https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-json.html
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.lake import Lake, copy_text

Sql = Callable[..., list[list[Any]]]


def fails(sql: Sql, statement: str) -> str:
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql(statement)
    fields = error.value.args[0]
    return f"{fields['M']} {fields.get('D', '')}"


def test_members_meet_columns_by_name(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (id int, name varchar(20), ok boolean, price decimal(20,10))")
    content = (
        '{"name": "x\\n\\"y\\"", "id": 1, "more": [1], "ok": true,'
        ' "price": 1234567890.0123456789}\n'
        '{\n  "id": 2,\n  "name": null\n}{"ID": 9, "id": 3, "name": ""}'
    )
    sql(copy_text("t", lake.text("a.json", content), "FORMAT AS JSON 'auto'"))
    assert sql("SELECT * FROM t ORDER BY id") == [
        [1, 'x\n"y"', True, Decimal("1234567890.0123456789")],
        [2, None, None, None],
        [3, "", None, None],
    ]


def test_auto_minds_the_case_and_auto_ignorecase_does_not(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (id int, a_b varchar(5))")
    url = lake.text("a.json", '{"Id": 1, "A_b": "x"}')
    sql(copy_text("t", url, "JSON 'auto'"))
    sql(copy_text("t", url, "JSON AS 'auto ignorecase'"))
    assert sql("SELECT * FROM t ORDER BY id") == [[1, "x"], [None, None]]


def test_nested_values_become_json_text_or_super(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a varchar(50), b super, c super, d super)")
    url = lake.text("a.json", '{"a": {"x": [1.50, null]}, "b": {"y": 1}, "c": "text"}')
    sql(copy_text("t", url, "JSON 'auto'"))
    ((a, b, c, d),) = sql("SELECT a, json_serialize(b), json_serialize(c), d FROM t")
    assert a == '{"x":[1.50,null]}'
    assert (json.loads(b), json.loads(c), d) == ({"y": 1}, "text", None)


def test_jsonpaths_say_where_each_column_is(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int, b varchar(5), c int)")
    paths = {"jsonpaths": ["$['x']['y']", "$.list[1]", "$['no']"]}
    where = lake.text("paths.json", json.dumps(paths))
    url = lake.text("a.json", '{"x": {"y": 1}, "list": ["p", "q"]}\n{"x": 2, "list": []}\n')
    sql(copy_text("t", url, f"JSON '{where}'"))
    assert sql("SELECT * FROM t ORDER BY a") == [[1, "q", None], [None, None, None]]


def test_arrays_are_read_by_jsonpaths(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int, b varchar(5))")
    where = lake.text("paths.json", '{"jsonpaths": ["$[1]", "$[0]"]}')
    sql(copy_text("t (a, b)", lake.text("a.json", '["x", 1]["y", 2]'), f"JSON '{where}'"))
    assert sql("SELECT * FROM t ORDER BY a") == [[1, "x"], [2, "y"]]


def test_jsonpaths_of_another_number_than_the_columns_are_refused(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int, b int)")
    where = lake.text("paths.json", '{"jsonpaths": ["$.a"]}')
    text = fails(sql, copy_text("t", lake.text("a.json", "{}"), f"JSON '{where}'"))
    assert "Number of jsonpaths and the number of columns should match. JSONPath size: 1" in text
    assert "Number of columns in table or column list: 2" in text


@pytest.mark.parametrize("paths", ["", "[]", '{"jsonpaths": ["a"]}', '{"jsonpaths": ["$..a"]}'])
def test_a_jsonpaths_file_of_another_shape_is_refused(sql: Sql, lake: Lake, paths: str) -> None:
    sql("CREATE TABLE t (a int)")
    where = lake.text("paths.json", paths)
    text = fails(sql, copy_text("t", lake.text("a.json", "{}"), f"JSON '{where}'"))
    assert "Invalid JSONPath format" in text


def test_noshred_takes_each_value_whole(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a super)")
    sql(copy_text("t", lake.text("a.json", '{"x": 1} {"x": 2}'), "JSON 'noshred'"))
    assert sql("SELECT count(*) FROM t") == [[2]]
    sql("CREATE TABLE u (a super, b int)")
    assert "single SUPER column" in fails(
        sql, copy_text("u", lake.text("a.json", "{}"), "JSON 'noshred'")
    )


def test_what_is_neither_auto_nor_a_place_is_refused(sql: Sql, lake: Lake) -> None:
    sql("CREATE TABLE t (a int)")
    text = fails(sql, copy_text("t", lake.text("a.json", "{}"), "JSON 'Auto'"))
    assert "auto or s3://bucket/key is expected" in text


def test_a_malformed_value_is_one_error_and_the_next_lines_are_read(
    sql: Sql, connection: redshift_connector.Connection, lake: Lake
) -> None:
    sql("CREATE TABLE t (a int)")
    content = '{"a": 1}\n{"a": oops}\n{"a": 2}\n{"a": NaN}\n{"a": "3'
    sql(copy_text("t", lake.text("a.json", content), "JSON 'auto' MAXERROR 9"))
    connection.commit()
    assert sql("SELECT a FROM t ORDER BY a") == [[1], [2]]
    assert sql(
        "SELECT line_number, err_code FROM stl_load_errors WHERE query = pg_last_copy_id()"
        " ORDER BY 1"
    ) == [[2, 1216], [4, 1216], [5, 1216]]
