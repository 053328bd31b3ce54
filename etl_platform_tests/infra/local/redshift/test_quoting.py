"""Quotes in Redshift's SQL: nothing leaves them, and what is in them is taken as it is."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform_tests.infra.local.redshift.relayed import relayed
from infra.local.redshift.dialect import split, translate
from infra.local.redshift.errors import RedshiftError

Sql = Callable[..., list[list[Any]]]


def test_quoted_names_fold_to_lower_case_unless_the_session_says_otherwise(sql: Sql) -> None:
    sql('CREATE TABLE "MixedCase" ("ColA" int)')
    assert sql('SELECT "COLA" FROM mixedcase') == []
    sql("SET enable_case_sensitive_identifier TO true")
    sql('CREATE TABLE "MixedCase" ("ColA" int)')
    sql('INSERT INTO "MixedCase" VALUES (1)')
    assert sql("SELECT count(*) FROM mixedcase") == [[0]]
    assert sql('SELECT "ColA" FROM "MixedCase"') == [[1]]
    assert sql("SHOW enable_case_sensitive_identifier") == [["true"]]
    sql("RESET enable_case_sensitive_identifier")
    assert sql('SELECT * FROM "MixedCase"') == []


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0$"), max_size=40))
def test_what_is_in_dollar_quotes_is_taken_to_the_letter(body: str) -> None:
    assert relayed(f"SELECT $${body}$$") == "SELECT '" + body.replace("'", "''") + "'"
    assert len(split(f"SELECT $a${body}$a$; SELECT 2")) == 2


def test_a_text_is_split_at_its_semicolons_only() -> None:
    assert split("SELECT ';' ; -- ;\n SELECT 2;;") == ["SELECT ';' ", " -- ;\n SELECT 2"]


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


@given(names.filter(lambda name: len(name.encode()) < 64))
def test_no_name_can_leave_its_quotes(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    if not name:
        return
    expected = '"' + name.lower().replace('"', '""') + '"'
    comment, statement = relayed(f"DROP TABLE {quoted}").split("*/ ", 1)
    assert statement == f"DROP TABLE {expected}"
    assert json.loads(comment.removeprefix("/*touches:"))["relations"] == [expected]
    if not name.isspace():
        made = relayed(f"CREATE TABLE t ({quoted} int) DISTKEY ({quoted})")
        assert made.count("*/") == made.split("*/ CREATE TABLE", 1)[1].count("*/") + 1


@pytest.mark.parametrize("name", ["n" * 63, "é" * 31, '"' * 63, "select", "table", 'a"b', "ß.ñ"])
def test_a_name_of_63_bytes_is_held_as_it_is(sql: Sql, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    sql(f"CREATE TABLE {quoted} ({quoted} int) DISTKEY ({quoted}) SORTKEY ({quoted})")
    sql(f"INSERT INTO {quoted} ({quoted}) VALUES (7)")
    assert sql(f"SELECT {quoted} FROM {quoted}") == [[7]]
    sql(f"ALTER TABLE {quoted} ALTER SORTKEY NONE")
    shown = (
        'SELECT tablename, "column", sortkey FROM pg_table_def WHERE schemaname = current_schema()'
    )
    assert sql(shown) == [[name, name, 0]]


@pytest.mark.parametrize("name", ["n" * 64, "é" * 32, "n" * 127, "n" * 128])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE {} (a int)",
        "CREATE TABLE t ({} int)",
        "SELECT 1 AS {}",
        "ALTER TABLE t RENAME TO {}",
        "GRANT SELECT ON t TO {}",
        "COPY {} FROM 's3://b/k' IAM_ROLE 'arn:aws:iam::000000000000:role/r' FORMAT PARQUET",
        "DROP TABLE {}",
    ],
)
def test_a_longer_name_is_refused_and_not_cut_to_that_of_another(statement: str, name: str) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_names.html"""
    with pytest.raises(RedshiftError, match="the laptop holds 63 bytes of a name") as refused:
        translate(statement.format(f'"{name}"'))
    assert refused.value.sqlstate == "42622"
    with pytest.raises(RedshiftError, match="the laptop holds"):
        translate(statement.format(name))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
def test_no_string_can_leave_its_quotes(value: str) -> None:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    assert relayed(f"SELECT '{escaped}'") == "SELECT '" + value.replace("'", "''") + "'"
