"""Tables as SQLAlchemy reads them from the catalog, through sqlalchemy-redshift."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redshift_connector
import sqlalchemy as sa
from sqlalchemy_redshift.dialect import SUPER

from etl_platform_tests.infra.local.redshift.endpoint import ADMIN, DATABASE, PASSWORD, Endpoint
from infra.local.redshift.dialect import translate
from infra.local.redshift.errors import RedshiftError

Sql = Callable[..., list[list[Any]]]

reflects_columns = pytest.mark.skipif(
    sa.__version__ >= "2.1",
    reason="sqlalchemy-redshift 1.0 calls functions of SQLAlchemy 2.0 for columns",
)


@pytest.fixture
def inspector(
    endpoint: Endpoint, sql: Sql, connection: redshift_connector.Connection, schema: str
) -> Iterator[sa.Inspector]:
    sql("CREATE TABLE customer (id int PRIMARY KEY, name varchar(20) UNIQUE)")
    sql(
        "CREATE TABLE orders (id bigint NOT NULL DISTKEY, line int, customer int REFERENCES"
        " customer (id), price decimal(10, 2) ENCODE zstd, made_at timestamp SORTKEY, doc super,"
        " PRIMARY KEY (id, line), CONSTRAINT one_price UNIQUE (id, price)) "
    )
    sql("CREATE VIEW dear AS SELECT id FROM orders WHERE price > 100")
    sql(f"CREATE VIEW late AS SELECT id, price FROM {schema}.orders WITH NO SCHEMA BINDING")
    sql("COMMENT ON TABLE orders IS 'What was ordered'")
    connection.commit()
    url = f"redshift+redshift_connector://{ADMIN}:{PASSWORD}@127.0.0.1:{endpoint.port}/{DATABASE}"
    engine = sa.create_engine(url, connect_args={"ssl": False})
    yield sa.inspect(engine)
    engine.dispose()


def test_tables_views_and_schemas_are_listed_and_no_others(
    inspector: sa.Inspector, schema: str
) -> None:
    assert sorted(inspector.get_table_names(schema)) == ["customer", "orders"]
    assert sorted(inspector.get_view_names(schema)) == ["dear", "late"]
    assert "price > 100" in inspector.get_view_definition("dear", schema)
    assert "WITH NO SCHEMA BINDING" in inspector.get_view_definition("late", schema)
    assert inspector.has_table("orders", schema)
    assert not inspector.has_table("nothing", schema)
    names = inspector.get_schema_names()
    assert schema in names
    assert not {"redshift_local", "pg_catalog"} & set(names)


def test_keys_are_shown_although_none_is_enforced(
    inspector: sa.Inspector, schema: str, sql: Sql
) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html"""
    key = inspector.get_pk_constraint("orders", schema)
    assert (key["name"], key["constrained_columns"]) == ("orders_pkey", ["id", "line"])
    (foreign,) = inspector.get_foreign_keys("orders", schema)
    assert (foreign["constrained_columns"], foreign["referred_table"]) == (["customer"], "customer")
    (unique,) = inspector.get_unique_constraints("orders", schema)
    assert (unique["name"], unique["column_names"]) == ("one_price", ["id", "price"])
    assert inspector.get_unique_constraints("customer", schema)[0]["name"] == "customer_name_key"
    assert inspector.get_check_constraints("orders", schema) == []
    for _ in range(2):
        sql("INSERT INTO customer VALUES (1, 'the same')")
    assert sql("SELECT count(*) FROM customer") == [[2]]


def test_distribution_sort_keys_and_comments_are_read(inspector: sa.Inspector, schema: str) -> None:
    assert inspector.get_table_options("orders", schema) == {
        "redshift_diststyle": "KEY",
        "redshift_distkey": "id",
        "redshift_sortkey": ("made_at",),
        "redshift_interleaved_sortkey": None,
    }
    assert inspector.get_table_comment("orders", schema) == {"text": "What was ordered"}


@reflects_columns
def test_a_table_is_reflected_with_its_types(inspector: sa.Inspector, schema: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = sa.Table("orders", sa.MetaData(), autoload_with=inspector.bind, schema=schema)
    types = {
        "id": sa.BIGINT,
        "line": sa.INTEGER,
        "customer": sa.INTEGER,
        "price": sa.NUMERIC,
        "made_at": sa.TIMESTAMP,
        "doc": SUPER,
    }
    assert list(table.c.keys()) == list(types)
    assert all(isinstance(table.c[name].type, kind) for name, kind in types.items())
    price: Any = table.c.price
    assert (price.type.precision, price.info) == (10, {"encode": "zstd"})
    assert not table.c.line.nullable


@reflects_columns
def test_the_columns_of_a_late_binding_view_are_reflected_once(
    inspector: sa.Inspector, schema: str
) -> None:
    columns = inspector.get_columns("late", schema)
    assert [(column["name"], str(column["type"])) for column in columns] == [
        ("id", "BIGINT"),
        ("price", "NUMERIC(10, 2)"),
    ]


def test_the_catalog_takes_functions_of_the_leader_node_and_tables_do_not(sql: Sql) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/c_sql-functions-leader-node-only.html"""
    sql("CREATE TABLE t (a int)")
    listed = "SELECT array_to_string(array_agg(relname), ',') FROM pg_class WHERE relname = 't'"
    assert "t" in sql(listed)[0][0].split(",")
    with pytest.raises(RedshiftError, match="array_agg"):
        translate("SELECT array_agg(a) FROM t")
    with pytest.raises(RedshiftError, match="array_agg"):
        translate("SELECT array_agg(a) FROM t, pg_class")
