"""How a table is spread and sorted: what ALTER TABLE changes of it, and what the catalog shows.

https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
"""

from collections.abc import Callable
from typing import Any

import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.endpoint import Endpoint, run
from infra.local.redshift.dialect import translate
from infra.local.redshift.errors import RedshiftError

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection

EVEN, KEY, ALL, AUTO = 0, 1, 8, 9


def _layout(sql: Sql, table: str = "t") -> tuple[int, list[str], dict[str, int]]:
    """The style, the distribution key and the places of the sort key, as the catalog has them."""
    rows = sql(
        "SELECT c.reldiststyle, a.attname, a.attisdistkey, a.attsortkeyord"
        " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " JOIN pg_attribute AS a ON a.attrelid = c.oid"
        f" WHERE c.relname = '{table}' AND n.nspname = current_schema() AND a.attnum > 0"
        " AND NOT a.attisdropped ORDER BY a.attnum"
    )
    places = {name: place for _, name, _, place in rows if place}
    return rows[0][0], [name for _, name, is_key, _ in rows if is_key], places


def _message(sql: Sql, statement: str) -> str:
    with pytest.raises(redshift_connector.ProgrammingError) as refused:
        sql(statement)
    return str(refused.value.args[0]["M"])


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ("ALTER DISTKEY b", (KEY, ["b"], {"a": 1})),
        ("ALTER DISTSTYLE KEY DISTKEY b", (KEY, ["b"], {"a": 1})),
        ("ALTER DISTSTYLE EVEN", (EVEN, [], {"a": 1})),
        ("ALTER DISTSTYLE ALL", (ALL, [], {"a": 1})),
        ("ALTER DISTSTYLE AUTO", (AUTO, [], {"a": 1})),
        ("ALTER SORTKEY (b, a)", (KEY, ["a"], {"b": 1, "a": 2})),
        ("ALTER COMPOUND SORTKEY (b)", (KEY, ["a"], {"b": 1})),
        ("ALTER SORTKEY NONE", (KEY, ["a"], {})),
        ("ALTER SORTKEY AUTO", (KEY, ["a"], {"a": 1})),
        ("ALTER SORTKEY (b), ALTER DISTKEY b", (KEY, ["b"], {"b": 1})),
        ("ALTER DISTSTYLE ALL, ALTER SORTKEY (b)", (ALL, [], {"b": 1})),
    ],
)
def test_a_layout_is_changed_and_shown(
    sql: Sql, connection: Connection, clauses: str, expected: Any
) -> None:
    sql("CREATE TABLE t (a int, b varchar(3)) DISTKEY (a) SORTKEY (a)")
    sql("INSERT INTO t VALUES (1, 'x')")
    connection.commit()
    sql(f"ALTER TABLE t {clauses}")
    assert _layout(sql) == expected
    connection.rollback()
    assert _layout(sql) == (KEY, ["a"], {"a": 1})


def test_the_view_of_tables_says_who_has_chosen_the_sort_key(sql: Sql) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLE_INFO.html"""
    sql("CREATE TABLE t (a int, b int)")
    sql("INSERT INTO t VALUES (1, 1)")
    shown = (
        "SELECT sortkey1, sortkey_num FROM svv_table_info"
        ' WHERE "table" = \'t\' AND "schema" = current_schema()'
    )
    assert sql(shown) == [["AUTO(SORTKEY)", 0]]
    sql("ALTER TABLE t ALTER SORTKEY (b, a)")
    assert sql(shown) == [["b", 2]]
    sql("ALTER TABLE t ALTER SORTKEY AUTO")
    assert sql(shown) == [["AUTO(SORTKEY(b))", 2]]
    sql("ALTER TABLE t ALTER SORTKEY NONE")
    assert sql(shown) == [["", 0]]


def test_a_new_sort_key_is_not_compressed_any_more(sql: Sql) -> None:
    sql("CREATE TABLE t (a int ENCODE az64, b int ENCODE az64) SORTKEY (a)")
    sql("ALTER TABLE t ALTER SORTKEY (a, b)")
    encodings = "SELECT encoding FROM pg_table_def WHERE tablename = 't'"
    assert sql(encodings) == [["az64"], ["none"]]


def test_an_interleaved_sort_key_stands_in_the_way_of_distribution_until_it_is_compound(
    sql: Sql, connection: Connection
) -> None:
    """Its places: https://docs.aws.amazon.com/redshift/latest/dg/r_PG_TABLE_DEF.html"""
    sql("CREATE TABLE t (a int, b int, c int) INTERLEAVED SORTKEY (a, b, c)")
    connection.commit()
    assert _layout(sql) == (AUTO, [], {"a": -1, "b": 2, "c": -3})
    for clause in ("DISTKEY a", "DISTSTYLE EVEN", "DISTSTYLE ALL"):
        assert "interleaved" in _message(sql, f"ALTER TABLE t ALTER {clause}")
        connection.rollback()
    sql("ALTER TABLE t ALTER SORTKEY (b)")
    sql("ALTER TABLE t ALTER DISTKEY a")
    assert _layout(sql) == (KEY, ["a"], {"b": 1})


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        ("ALTER DISTKEY c", 'column "c" does not exist'),
        ("ALTER SORTKEY (a, c)", 'column "c" does not exist'),
        ("ALTER SORTKEY (doc)", 'column "doc" of type super'),
        ("DROP COLUMN a", 'cannot drop distkey column "a"'),
        ("DROP b", 'cannot drop sortkey column "b"'),
    ],
)
def test_a_layout_that_cannot_be_is_refused(sql: Sql, clause: str, message: str) -> None:
    sql("CREATE TABLE t (a int, b int, doc super) DISTKEY (a) SORTKEY (b)")
    assert message in _message(sql, f"ALTER TABLE t {clause}")


def test_a_column_that_no_key_names_is_dropped(sql: Sql) -> None:
    sql("CREATE TABLE t (a int, b int) DISTKEY (a)")
    sql("ALTER TABLE t DROP COLUMN b")
    sql("ALTER TABLE t ALTER DISTSTYLE EVEN")
    sql("ALTER TABLE t ADD COLUMN c int")
    sql("ALTER TABLE t DROP a")
    assert _layout(sql) == (EVEN, [], {})


def test_a_column_that_is_renamed_stays_a_key(sql: Sql) -> None:
    sql("CREATE TABLE t (a int ENCODE zstd, b int) DISTKEY (a) SORTKEY (b, a)")
    sql('ALTER TABLE t RENAME COLUMN a TO "to"')
    assert _layout(sql) == (KEY, ["to"], {"b": 1, "to": 2})
    assert sql("SELECT encoding FROM pg_table_def WHERE tablename = 't'") == [["zstd"], ["none"]]


def test_a_temporary_table_is_not_made_even(sql: Sql) -> None:
    sql("CREATE TEMP TABLE t (a int) DISTKEY (a)")
    assert "temporary" in _message(sql, "ALTER TABLE t ALTER DISTSTYLE EVEN")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t ALTER DISTSTYLE SOME",
        "ALTER TABLE t ALTER DISTSTYLE KEY a",
        "ALTER TABLE t ALTER DISTKEY (a)",
        "ALTER TABLE t ALTER SORTKEY a",
        "ALTER TABLE t ALTER SORTKEY (a), ALTER DISTSTYLE AUTO",
        "ALTER TABLE t ALTER SORTKEY NONE, ALTER DISTKEY a",
        "ALTER TABLE t ALTER DISTKEY a, ALTER DISTKEY b",
        "ALTER TABLE t ALTER DISTKEY a, ALTER SORTKEY (a), ALTER SORTKEY (b)",
        "ALTER TABLE t ALTER DISTKEY a b",
        "CREATE TABLE t (a int) INTERLEAVED (a)",
    ],
)
def test_what_is_no_clause_of_a_layout_is_refused(statement: str) -> None:
    with pytest.raises(RedshiftError) as refused:
        translate(statement)
    assert refused.value.sqlstate == "42601"


@pytest.mark.parametrize(
    "statement",
    [
        f"ALTER TABLE t ALTER SORTKEY ({', '.join(f'c{n}' for n in range(401))})",
        f"CREATE TABLE t (a int) INTERLEAVED SORTKEY ({', '.join(f'c{n}' for n in range(9))})",
    ],
    ids=["compound", "interleaved"],
)
def test_a_sort_key_has_an_end(statement: str) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html"""
    with pytest.raises(RedshiftError, match="at most") as refused:
        translate(statement)
    assert refused.value.sqlstate == "54011"


def test_only_the_owner_alters_a_layout_and_only_a_superuser_reads_the_view_of_tables(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> None:
    sql("CREATE TABLE t (a int)")
    sql("CREATE USER layout_stranger PASSWORD 'A-Stranger-1'")
    sql(f"GRANT USAGE ON SCHEMA {schema} TO layout_stranger")
    connection.commit()
    with endpoint.connect("layout_stranger", "A-Stranger-1") as stranger:
        for statement in (
            f"ALTER TABLE {schema}.t ALTER DISTKEY a",
            "SELECT sortkey1 FROM svv_table_info",
        ):
            with pytest.raises(redshift_connector.ProgrammingError, match="42501"):
                run(stranger, statement)
            stranger.rollback()
    assert _layout(sql) == (AUTO, [], {})


def test_encodings_are_changed_and_shown(sql: Sql, connection: Connection) -> None:
    sql("CREATE TABLE t (a int, b varchar(3), c int ENCODE delta)")
    encodings = "SELECT encoding FROM pg_table_def WHERE tablename = 't'"
    sql("INSERT INTO t VALUES (1, 'x', 2)")
    connection.commit()
    sql("ALTER TABLE t ALTER COLUMN a ENCODE zstd")
    sql("ALTER TABLE t ALTER COLUMN b ENCODE text255, ALTER COLUMN c ENCODE RAW")
    assert sql(encodings) == [["zstd"], ["text255"], ["raw"]]
    assert sql("SELECT * FROM t") == [[1, "x", 2]]
    sql("ALTER TABLE t ALTER ENCODE AUTO")
    assert sql(encodings) == [["az64"], ["lzo"], ["az64"]]
    connection.rollback()
    assert sql(encodings) == [["az64"], ["lzo"], ["delta"]]


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        ("ALTER COLUMN a ENCODE az64", 'column "a" has this encoding already'),
        ("ALTER COLUMN b ENCODE az64", 'invalid encoding type specified for column "b"'),
        ("ALTER COLUMN a ENCODE text255", 'invalid encoding type specified for column "a"'),
        ("ADD COLUMN d boolean ENCODE lzo", 'invalid encoding type specified for column "d"'),
        ("ALTER COLUMN z ENCODE zstd", 'column "z" does not exist'),
    ],
)
def test_an_encoding_that_is_none_of_the_column_is_refused(
    sql: Sql, clause: str, message: str
) -> None:
    sql("CREATE TABLE t (a int, b varchar(3))")
    assert _message(sql, f"ALTER TABLE t {clause}") == message


def test_a_table_is_not_made_with_an_encoding_that_is_none_of_a_column(sql: Sql) -> None:
    message = _message(sql, "CREATE TABLE t (a double precision ENCODE az64)")
    assert message == 'invalid encoding type specified for column "a"'


def test_encodings_stay_while_a_sort_key_is_interleaved(sql: Sql) -> None:
    sql("CREATE TABLE t (a int, b int) INTERLEAVED SORTKEY (a, b)")
    assert "interleaved" in _message(sql, "ALTER TABLE t ALTER COLUMN a ENCODE zstd")
