"""An alias is used again in the SELECT that gives it, unless a column has its name.

https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_list.html
"""

from collections.abc import Callable
from operator import add, mul, sub
from typing import Any

import pytest
import redshift_connector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.redshift.dialect import translate
from infra.local.redshift.statements import Undecided

Sql = Callable[..., list[list[Any]]]


@pytest.fixture
def t(sql: Sql) -> Sql:
    sql("CREATE TABLE t (a int, d timestamp, s varchar(9))")
    sql("INSERT INTO t VALUES (1, '2026-11-23 03:04', 'x'), (2, '2026-11-23 05:06', 'y')")
    return sql


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT a + 1 AS b, b * 2 AS c, c - b FROM t", [[2, 4, 2], [3, 6, 3]]),
        ("SELECT a AS b, b FROM t", [[1, 1], [2, 2]]),
        ("SELECT a - 1 AS b, -b * 2 FROM t", [[0, 0], [1, -2]]),
        ('SELECT a + 1 AS "Odd One", "odd one" + 1 FROM t', [[2, 3], [3, 4]]),
        ("SELECT 1 AS x, x + 1 AS y, y || 'z'", [[1, 2, "2z"]]),
        ("SELECT s.b AS x, x + 1 FROM (SELECT a + 1 AS b FROM t) AS s", [[2, 3], [3, 4]]),
        ("SELECT a AS x, (SELECT max(a) FROM t) + x FROM t", [[1, 3], [2, 4]]),
        ("SELECT sum(a) AS n, n * 10 FROM t", [[3, 30]]),
        ("SELECT trunc(d) AS day, to_char(day, 'DD') AS n, count(*) FROM t GROUP BY day, n", 1),
        ("SELECT a * 10 AS b, rank() OVER (ORDER BY b DESC) FROM t", [[10, 2], [20, 1]]),
        ("SELECT a AS b, b + 1 AS c FROM t UNION ALL SELECT a AS b, b + 2 FROM t", 4),
        ("SELECT DISTINCT a - a AS b, b + 1 FROM t", [[0, 1]]),
        ("SELECT a AS b, b + 1 FROM t WHERE a = 1", [[1, 2]]),
    ],
)
def test_an_alias_stands_for_its_value(t: Sql, query: str, rows: Any) -> None:
    found = t(query)
    assert len(found) == rows if isinstance(rows, int) else sorted(found) == rows


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT a * 10 AS s, s || '!' FROM t", [[10, "x!"], [20, "y!"]]),
        ("SELECT 7 AS a, a + 1 FROM t", [[7, 2], [7, 3]]),
        ("WITH w AS (SELECT 5 AS b) SELECT 1 AS b, b + 1 FROM w", [[1, 6]]),
        ("SELECT 1 AS b, b + 1 FROM (SELECT a AS b FROM t)", [[1, 2], [1, 3]]),
        ("SELECT 1 AS s, s FROM (SELECT * FROM t)", [[1, "x"], [1, "y"]]),
    ],
)
def test_a_column_comes_before_an_alias_of_its_name(t: Sql, query: str, rows: Any) -> None:
    assert sorted(t(query)) == rows


def test_an_alias_is_used_again_wherever_a_query_stands(t: Sql, schema: str) -> None:
    query = "SELECT a AS b, b + 1 AS c FROM t"
    t(f"CREATE TABLE made AS {query}")
    t(f"INSERT INTO made {query}")
    t(f"CREATE VIEW seen AS {query}")
    late = query.replace("FROM t", f"FROM {schema}.t")
    t(f"CREATE VIEW late AS {late} WITH NO SCHEMA BINDING")
    assert t("SELECT sum(b), sum(c) FROM made") == [[6, 10]]
    assert sorted(t("SELECT * FROM seen")) == [[1, 2], [2, 3]]
    assert sorted(t("SELECT b, c FROM late")) == [[1, 2], [2, 3]]
    assert t(f"EXPLAIN {query}")
    assert sorted(t("SELECT a AS b, b + %s FROM t", 5)) == [[1, 6], [2, 7]]


@pytest.mark.parametrize(
    "query", ["SELECT a AS b, z FROM t", "SELECT b, a AS b FROM t", "SELECT a b FROM t WHERE b = 1"]
)
def test_what_is_no_alias_and_no_column_is_still_an_error(t: Sql, query: str) -> None:
    with pytest.raises(redshift_connector.ProgrammingError, match="does not exist"):
        t(query)
    with pytest.raises(redshift_connector.ProgrammingError, match="transaction is aborted"):
        t("SELECT a AS b, b FROM t")


def test_only_a_statement_in_question_asks_for_columns() -> None:
    assert translate("SELECT x AS b, b FROM s.t, u") == Undecided(('"s"."t"', '"u"'))
    assert not isinstance(translate("SELECT x AS b, t.b FROM t"), Undecided)
    assert not isinstance(translate("SELECT x AS b, (SELECT b FROM u) FROM t"), Undecided)


STEPS = st.lists(
    st.tuples(st.sampled_from("+-*"), st.integers(0, 20), st.integers(0, 20)),
    min_size=1,
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(STEPS)
def test_aliases_of_aliases_give_what_they_stand_for(
    sql: Sql, steps: list[tuple[str, int, int]]
) -> None:
    operators = {"+": add, "-": sub, "*": mul}
    values, texts = [3], ["3 AS v0"]
    for number, (sign, one, other) in enumerate(steps, start=1):
        one, other = one % number, other % number
        # What may become too large for a bigint is cut.
        value = operators[sign](values[one], values[other])
        values.append(value % 1000 if value >= 0 else -(-value % 1000))
        texts.append(f"(v{one} {sign} v{other}) % 1000 AS v{number}")
    assert sql(f"SELECT {', '.join(texts)}") == [values]
