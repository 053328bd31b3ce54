"""Redshift's SQL as PostgreSQL runs it, tried on the running endpoint and by itself."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import redshift_connector

from etl_platform_tests.infra.local.redshift.relayed import relayed
from infra.local.redshift.dialect import translate
from infra.local.redshift.errors import RedshiftError

Sql = Callable[..., list[list[Any]]]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("nvl(null, 2)", 2),
        ("nvl2(null, 1, 2)", 2),
        ("isnull(null, 3)", 3),
        ("decode(2, 1, 'a', 2, 'b', 'c')", "b"),
        ("len('äö')", 2),
        ("charindex('b', 'abc')", 2),
        ("datediff(hour, '2026-01-01 00:59', '2026-01-01 01:01')", 1),
        ("datediff(month, '2026-01-31', '2026-02-01')", 1),
        ("datediff(week, '2026-01-04', '2026-01-05')", 1),
        ("dateadd(month, 1, '2026-01-31')", datetime.fromisoformat("2026-02-28")),
        ("dateadd(qtr, -1, '2026-01-01')", datetime.fromisoformat("2025-10-01")),
        ("convert_timezone('America/New_York', '2026-01-01')", datetime(2025, 12, 31, 19)),  # noqa: DTZ001 - TIMESTAMP has no zone
        ("datediff(day, sysdate, getdate())", 0),
        ("datediff(hr, getdate(), dateadd(d, 1, getdate()))", 24),
        ("regexp_replace('aXbX', 'X', '-')", "a-b-"),
        ("concat('a', null)", None),
        ("'it\\'s'", "it's"),
        ("'a\\\\d'", "a\\d"),
        ("sha2('a', 256)", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("convert(int, '7')", 7),
        ("7 / 2", 3),
        ("json_parse('{\"a\": 1}')", '{"a": 1}'),
        ("json_parse('[12345678901234567890, 0.10]')", "[12345678901234567890, 0.10]"),
        ("json_serialize(json_parse('[1]'))", "[1]"),
        ("to_hex(from_hex('00fF'))", "00ff"),
    ],
)
def test_functions_give_what_redshift_gives(sql: Sql, expression: str, value: object) -> None:
    assert sql(f"SELECT {expression}") == [[value]]


def test_listagg_orders_within_the_group(sql: Sql) -> None:
    sql("CREATE TABLE t (a int, b varchar(3))")
    sql("INSERT INTO t VALUES (3, 'c'), (1, 'a'), (2, 'b'), (2, 'b')")
    assert sql("SELECT listagg(b, ',') WITHIN GROUP (ORDER BY a DESC) FROM t") == [["c,b,b,a"]]
    assert sql("SELECT listagg(DISTINCT b, '') WITHIN GROUP (ORDER BY b) FROM t") == [["abc"]]
    assert sql("SELECT approximate count(distinct b) FROM t") == [[3]]


def test_top_qualify_and_minus_are_understood(sql: Sql) -> None:
    sql("CREATE TABLE t (a int, b int)")
    sql("INSERT INTO t VALUES (1, 1), (1, 2), (2, 1)")
    newest = "SELECT a, b FROM t QUALIFY row_number() OVER (PARTITION BY a ORDER BY b DESC) = 1"
    assert sorted(sql(newest)) == [[1, 2], [2, 1]]
    assert sql("SELECT TOP 1 a FROM t ORDER BY a DESC") == [[2]]
    assert sql("SELECT a FROM t MINUS SELECT 1") == [[2]]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO t VALUES (1) RETURNING a",
        "WITH d AS (DELETE FROM t RETURNING a) SELECT * FROM d",
        "SELECT a FROM t FOR UPDATE SKIP LOCKED",
        "SELECT DISTINCT ON (a) a FROM t",
        "SELECT sum(a) FILTER (WHERE a > 1) FROM t",
        "SELECT ARRAY[1, 2]",
        "SELECT * FROM (VALUES (1)) AS v",
        "SELECT string_agg(b, ',') FROM t",
        "SELECT b::jsonb FROM t",
        "SELECT j -> 'a' FROM t",
        "SELECT j #>> a FROM t",
        "SELECT j @> '1' FROM t",
        "SELECT a FROM t WHERE j ? 'a'",
        "SELECT concat(a, b, c) FROM t",
        "SELECT starts_with(b, 'a') FROM t",
        "SELECT sha256(b) FROM t",
        "SELECT jsonb_array_length(j) FROM t",
        "SELECT now(), a FROM t",
        "SELECT sum(a) OVER w FROM t WINDOW w AS (ORDER BY b)",
        "SELECT sum(a) OVER (ORDER BY a RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
        "SELECT sum(a) OVER (ORDER BY a GROUPS UNBOUNDED PRECEDING) FROM t",
        "SELECT a FROM ONLY t",
        "WITH d AS MATERIALIZED (SELECT 1 AS a) SELECT a FROM d",
        "CREATE INDEX i ON t (a)",
        "CREATE TABLE x (a uuid)",
        "CREATE TABLE x (a int[])",
        "CREATE TABLE x (a serial)",
        "CREATE TABLE x (a varchar(65536))",
        "CREATE TABLE x (a decimal(39, 1))",
        "CREATE TABLE x (a int CHECK (a > 1))",
        "CREATE TABLE x (a int, b int GENERATED ALWAYS AS (a * 2) STORED)",
        "CREATE TABLE x (a int) DISTKEY(b)",
        "CREATE TABLE x (oid int)",
        "ALTER TABLE x ADD COLUMN ctid int",
        "CREATE EXTENSION hstore",
        "CREATE TYPE mood AS ENUM ('sad')",
        "CREATE SEQUENCE s",
        "SAVEPOINT s",
        "DO $$ BEGIN END $$",
        "LOCK t IN SHARE MODE",
        "SELECT 1; SELECT 2",
        "SELEC 1",
        "SELECT 'unterminated",
        "MERGE INTO t AS x USING s ON x.a = s.a WHEN MATCHED THEN DELETE"
        " WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
        "MERGE INTO t USING (SELECT 1 AS a) s ON t.a = s.a WHEN MATCHED THEN DELETE"
        " WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
        "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED AND s.a > 1 THEN DELETE"
        " WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
        "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
        "WITH s AS (SELECT 1 AS a) MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE"
        " WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
    ],
)
def test_what_only_postgresql_has_is_refused(statement: str) -> None:
    with pytest.raises(RedshiftError) as error:
        translate(statement)
    assert error.value.sqlstate in {"42601", "0A000", "42883", "22023", "42703", "42701"}


def test_a_merge_updates_inserts_and_refuses_doubled_sources(sql: Sql) -> None:
    sql("CREATE TABLE target (id int, v int)")
    sql("CREATE TABLE source (id int, v int)")
    sql("INSERT INTO target VALUES (1, 1)")
    sql("INSERT INTO source VALUES (1, 2), (2, 2)")
    merge = (
        "MERGE INTO target USING source s ON target.id = s.id"
        " WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v)"
    )
    sql(merge)
    assert sql("SELECT id, v FROM target ORDER BY id") == [[1, 2], [2, 2]]
    sql("INSERT INTO source VALUES (1, 3)")
    with pytest.raises(redshift_connector.ProgrammingError, match="Found multiple matches"):
        sql(merge)


def test_varchar_counts_bytes_in_an_insert(sql: Sql) -> None:
    sql("CREATE TEMP TABLE t (a varchar(3), b char(2))")
    sql("INSERT INTO t VALUES ('äb', 'xy')")
    with pytest.raises(redshift_connector.ProgrammingError) as error:
        sql("INSERT INTO t (a) VALUES ('äö')")
    assert error.value.args[0]["M"] == "Value too long for character type"
    assert "character varying(3)" in error.value.args[0]["D"]


def test_a_wider_varchar_counts_anew(sql: Sql, connection: redshift_connector.Connection) -> None:
    sql("CREATE TABLE t (a varchar(2))")
    connection.commit()
    connection.autocommit = True
    sql("ALTER TABLE t ALTER COLUMN a TYPE varchar(4)")
    sql("ALTER TABLE t ADD COLUMN b varchar(2) ENCODE lzo DEFAULT 'x'")
    sql("INSERT INTO t (a) VALUES ('ää')")
    with pytest.raises(redshift_connector.ProgrammingError):
        sql("UPDATE t SET b = 'äö'")


def test_keys_are_taken_and_not_enforced(sql: Sql) -> None:
    sql("CREATE TABLE t (a int PRIMARY KEY, b int UNIQUE, PRIMARY KEY (a), UNIQUE (a, b))")
    sql("ALTER TABLE t ADD CONSTRAINT again UNIQUE (b)")
    sql("INSERT INTO t VALUES (1, 1), (1, 1)")
    assert sql("SELECT count(*) FROM t") == [[2]]
    with pytest.raises(redshift_connector.ProgrammingError):
        sql("INSERT INTO t VALUES (NULL, 1)")


def test_table_attributes_are_kept_and_shown(sql: Sql, schema: str) -> None:
    sql(
        "CREATE TABLE t (a int ENCODE az64, b varchar(9) ENCODE zstd NOT NULL, c super)"
        " DISTSTYLE KEY DISTKEY (a) COMPOUND SORTKEY (b, a) BACKUP NO"
    )
    sql("CREATE TABLE u (a int) DISTSTYLE ALL")
    sql("INSERT INTO t VALUES (1, 'x', json_parse('[1]'))")
    columns = (
        'SELECT "column", type, encoding, distkey, sortkey, "notnull" FROM pg_table_def'
        " WHERE tablename = 't'"
    )
    assert sql(columns) == [
        ["a", "integer", "az64", True, 2, False],
        ["b", "character varying(9)", "zstd", False, 1, True],
        ["c", "super", "zstd", False, 0, False],
    ]
    tables = 'SELECT "table", diststyle, sortkey1, tbl_rows FROM svv_table_info WHERE "schema" = '
    assert sql(f"{tables}'{schema}'") == [["t", "KEY(a)", "b", 1]]
    sql("INSERT INTO u VALUES (1)")
    assert sql(f"{tables}'{schema}' ORDER BY 1")[1] == ["u", "ALL", "AUTO(SORTKEY)", 1]


def test_a_varbyte_counts_its_bytes_and_is_spelled_with_them(sql: Sql) -> None:
    sql("CREATE TABLE t (a varbyte(2), b varbyte, c time)")
    assert sql("SELECT type FROM pg_table_def WHERE tablename = 't'") == [
        ["binary varying(2)"],
        ["binary varying(64000)"],
        ["time without time zone"],
    ]
    sql("INSERT INTO t VALUES (from_hex('0102'), from_hex(''), CAST('06:30' AS time))")
    with pytest.raises(redshift_connector.ProgrammingError, match=r"binary varying\(2\)"):
        sql("INSERT INTO t (a) VALUES (from_hex('010203'))")
    with pytest.raises(redshift_connector.ProgrammingError, match="cannot exceed 16777216"):
        sql("CREATE TABLE u (a varbyte(16777217))")


def test_a_column_that_is_added_has_the_bytes_and_the_encoding_that_it_asks_for(sql: Sql) -> None:
    sql("CREATE TABLE t (a int) DISTSTYLE EVEN")
    sql("ALTER TABLE t ADD COLUMN b varbyte(2)")
    sql("ALTER TABLE t ADD COLUMN c int ENCODE zstd")
    assert sql("SELECT type, encoding FROM pg_table_def WHERE tablename = 't'") == [
        ["integer", "az64"],
        ["binary varying(2)", "lzo"],
        ["integer", "zstd"],
    ]


def test_what_is_granted_on_a_table_is_listed(sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    sql("GRANT SELECT ON TABLE t TO PUBLIC")
    assert sql(
        "SELECT privilege_type, identity_name, identity_type, admin_option"
        " FROM svv_relation_privileges WHERE relation_name = 't' AND identity_type = 'public'"
        " AND namespace_name = current_schema()"
    ) == [["SELECT", "public", "public", False]]


def test_what_is_granted_on_a_column_is_listed(sql: Sql) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMN_PRIVILEGES.html"""
    sql("CREATE TABLE t (a int, b int, c int)")
    sql("GRANT SELECT (a), UPDATE (a, b) ON TABLE t TO PUBLIC")
    assert sql(
        "SELECT column_name, privilege_type, identity_name, identity_type"
        " FROM svv_column_privileges WHERE relation_name = 't'"
        " AND namespace_name = current_schema() ORDER BY 1, 2"
    ) == [
        ["a", "SELECT", "public", "public"],
        ["a", "UPDATE", "public", "public"],
        ["b", "UPDATE", "public", "public"],
    ]


def test_what_only_a_new_table_would_lack_is_listed(sql: Sql) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_PG_ATTRIBUTE_INFO.html,
    https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_RLS_RELATION.html"""
    sql("CREATE TABLE t (a int, b int)")
    sql("GRANT SELECT (b) ON TABLE t TO PUBLIC")
    granted = (
        "SELECT a.attname, array_to_string(a.attacl, '|') FROM pg_attribute_info AS a"
        " JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE c.relname = 't' AND n.nspname = current_schema() AND array_upper(a.attacl, 1) > 0"
    )
    assert [name for name, acl in sql(granted) if acl.startswith("=r/")] == ["b"]
    secured = (
        "SELECT is_rls_on FROM svv_rls_relation"
        " WHERE relname = 't' AND relschema = current_schema()"
    )
    assert sql(secured) == []
    sql("ALTER TABLE t ROW LEVEL SECURITY ON")
    assert sql(secured) == [[True]]
    sql("ALTER TABLE t ROW LEVEL SECURITY OFF")
    assert sql(secured) == []


def test_json_parse_takes_no_longer_text_than_a_varchar(sql: Sql) -> None:
    sql("CREATE TABLE t (a super)")
    longest = "x" * 65533
    sql(f"INSERT INTO t SELECT json_parse('\"{longest}\"')")
    with pytest.raises(redshift_connector.ProgrammingError, match="max size of 65535 bytes"):
        sql(f"INSERT INTO t SELECT json_parse('\"{longest}x\"')")


@pytest.mark.parametrize("key", ["DISTSTYLE KEY DISTKEY (a)", "SORTKEY (b, a)"])
def test_a_super_is_no_key(sql: Sql, key: str) -> None:
    with pytest.raises(redshift_connector.ProgrammingError, match='column "a" of type super'):
        sql(f"CREATE TABLE t (a super, b int) {key}")


def test_create_like_takes_the_attributes_over_and_not_the_defaults(sql: Sql) -> None:
    sql("CREATE TABLE t (a int DEFAULT 3 DISTKEY SORTKEY, b varchar(3))")
    sql("CREATE TEMP TABLE s (LIKE t)")
    sql("INSERT INTO s (b) VALUES ('x')")
    assert sql("SELECT a FROM s") == [[None]]
    keys = "SELECT distkey, sortkey FROM pg_table_def WHERE tablename = 's' ORDER BY 1 DESC"
    assert sql(keys) == [[True, 1], [False, 0]]


def test_upkeep_and_settings_are_taken(sql: Sql) -> None:
    sql("SET query_group TO 'etl'")
    assert sql("SHOW query_group") == [["etl"]]
    sql("CREATE TABLE t (a int)")
    sql("ANALYZE t PREDICATE COLUMNS")
    sql("CREATE VIEW v AS SELECT a FROM t")
    assert sql("EXPLAIN SELECT nvl(a, 1) FROM v")
    assert sql("SELECT pg_backend_pid() > 0") == [[True]]


def test_a_transaction_block_drops_the_isolation_level(sql: Sql) -> None:
    assert relayed("BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED").strip() == "BEGIN"
    assert relayed("START TRANSACTION READ ONLY").strip() == "BEGIN READ ONLY"
    assert sql("SHOW transaction_isolation") == [["repeatable read"]]


def test_a_name_with_a_number_sign_is_a_temporary_table(sql: Sql, schema: str) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html, on table_name."""
    sql("CREATE TABLE #Made (a int)")
    sql("INSERT INTO #made VALUES (1)")
    sql("SELECT a + 1 AS a INTO #more FROM #made")
    sql("CREATE TABLE #most AS SELECT '#made' AS a -- #made")
    assert sql("SELECT m.a, n.a FROM #More m, #most n") == [[2, "#made"]]
    assert sql("SELECT tablename FROM pg_tables WHERE schemaname = %s", schema) == []
    sql("DROP TABLE IF EXISTS #made")
    with pytest.raises(redshift_connector.ProgrammingError, match="does not exist"):
        sql("SELECT a FROM #made")


def test_a_procedure_has_its_body_in_dollar_quotes(sql: Sql) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_PROCEDURE.html"""
    sql("CREATE TABLE t (a int, b varchar(9))")
    body = "BEGIN INSERT INTO t VALUES (x, 'it''s'); UPDATE t SET a = a + 1; END;"
    for tag in ("$$", "$body$"):
        sql(f"CREATE OR REPLACE PROCEDURE p(x int) AS {tag} {body} {tag} LANGUAGE plpgsql")
    sql("CALL p(5)")
    sql("CREATE FUNCTION twice (float) RETURNS float STABLE AS $$ SELECT 2 * $1 $$ LANGUAGE sql")
    assert sql("SELECT twice(a), b FROM t WHERE a > %s", 1) == [[12.0, "it's"]]


def test_a_delete_does_without_its_from(sql: Sql) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_DELETE.html"""
    sql("CREATE TABLE t AS SELECT 1 AS a")
    sql("DELETE t WHERE a = 1")
    assert sql("SELECT count(*) FROM t") == [[0]]
    assert relayed("DELETE FROM t") == relayed("DELETE t")


@pytest.mark.parametrize(
    ("statement", "code", "message"),
    [
        ("selec 1", "42601", 'syntax error at or near "selec"'),
        ("Upsert t", "42601", 'syntax error at or near "Upsert"'),
        ("refresh materialized view v", "0A000", 'SQL command "REFRESH MATERIALIZED"'),
        ("cancel 7", "0A000", 'SQL command "CANCEL 7"'),
    ],
)
def test_what_is_no_command_is_told_from_what_is_none_here(
    sql: Sql, statement: str, code: str, message: str
) -> None:
    with pytest.raises(redshift_connector.ProgrammingError) as refused:
        sql(statement)
    said = refused.value.args[0]
    assert said["C"] == code
    assert message in said["M"]
