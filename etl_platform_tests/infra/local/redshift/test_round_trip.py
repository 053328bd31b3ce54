"""What UNLOAD writes, COPY reads back as it was, in every format."""

import uuid
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform_tests.infra.local.redshift.lake import ROLE, Lake

Sql = Callable[..., list[list[Any]]]
COLUMNS = (
    "n int, a bigint, b decimal(20,5), c double precision, d boolean, e date, f timestamp,"
    " g varchar(40)"
)
VALUES = (
    st.integers(-(2**63), 2**63 - 1),
    st.decimals(Decimal(-(10**15) + 1), Decimal(10**15 - 1), places=5),
    st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False),
    st.booleans(),
    st.dates(date(1, 1, 1), date(9999, 12, 31)),
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),  # noqa: DTZ001 - TIMESTAMP has no zone
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
    | st.text('ab",|\\\r\nN', max_size=10),
)
ROWS = st.lists(st.tuples(*(st.none() | value for value in VALUES)), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("unload", "copy"),
    [
        pytest.param("FORMAT PARQUET", "FORMAT PARQUET", id="parquet"),
        pytest.param("CSV NULL AS '<null>'", "CSV NULL AS '<null>'", id="csv"),
        pytest.param("ESCAPE NULL AS '<null>' GZIP", "ESCAPE NULL AS '<null>' GZIP", id="text"),
    ],
)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=ROWS)
def test_rows_come_back_as_they_were(
    sql: Sql, lake: Lake, unload: str, copy: str, rows: list[tuple[Any, ...]]
) -> None:
    place = f"s3://{lake.bucket}/{uuid.uuid4().hex}/"
    for table in ("t", "u"):
        sql(f"DROP TABLE IF EXISTS {table}")
        sql(f"CREATE TABLE {table} ({COLUMNS})")
    marks = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s)"] * len(rows))
    values = [value for number, row in enumerate(rows) for value in (number, *row)]
    sql(f"INSERT INTO t VALUES {marks}", *values)
    sql(f"UNLOAD ('select * from t') TO '{place}' IAM_ROLE '{ROLE}' {unload}")
    sql(f"COPY u FROM '{place}' IAM_ROLE '{ROLE}' {copy}")
    assert sql("SELECT * FROM u ORDER BY n") == sql("SELECT * FROM t ORDER BY n")
