"""Views WITH NO SCHEMA BINDING: they go by the names of their tables, and by nothing else.

https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html#r_CREATE_VIEW_late-binding-views
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redshift_connector
from redshift_connector import ProgrammingError

from etl_platform_tests.infra.local.redshift.endpoint import Endpoint, run

Sql = Callable[..., list[list[Any]]]
Connection = redshift_connector.Connection

PASSWORD = "Service-Pass-1"


@pytest.fixture
def event(sql: Sql, connection: Connection, schema: str) -> str:
    """The table of AWS's example with a row, and the view `event_vw` on all of it."""
    connection.autocommit = True
    sql("CREATE TABLE event (eventid int, eventname varchar(200))")
    sql("INSERT INTO event VALUES (2, 'Boris Godunov')")
    sql(f"CREATE VIEW event_vw AS SELECT * FROM {schema}.event WITH NO SCHEMA BINDING")
    return f"{schema}.event"


@pytest.fixture
def service(
    sql: Sql, connection: Connection, endpoint: Endpoint, schema: str
) -> Iterator[Connection]:
    """A session of a user who is no superuser, and may use the schema."""
    user = f"{schema}_user"
    sql(f"CREATE USER {user} PASSWORD '{PASSWORD}'")
    sql(f"GRANT USAGE ON SCHEMA {schema} TO {user}")
    connection.commit()
    with endpoint.connect(user, PASSWORD) as opened:
        opened.autocommit = True
        yield opened


def columns(sql: Sql, query: str) -> list[str]:
    """The names that a query gives its columns."""
    names = "SELECT col_name FROM pg_get_late_binding_view_cols() cols(view_schema name, view_name"
    names += " name, col_name name, col_type varchar, col_num int) WHERE view_name = %s ORDER BY"
    return [row[0] for row in sql(f"{names} col_num", query)]


def error_of(sql: Sql, statement: str) -> tuple[str, str]:
    """The state and the text of the error that a statement gives."""
    with pytest.raises(ProgrammingError) as caught:
        sql(statement)
    fields = caught.value.args[0]
    assert "W" not in fields
    return fields["C"], fields["M"]


def test_a_view_may_be_made_before_its_table(sql: Sql, connection: Connection, schema: str) -> None:
    connection.autocommit = True
    sql(f"CREATE VIEW early AS SELECT a, b + 1 AS c FROM {schema}.later WITH NO SCHEMA BINDING")
    missing = ("42P01", f'relation "{schema}.later" does not exist')
    assert error_of(sql, "SELECT * FROM early") == missing
    assert error_of(sql, "SELECT c FROM early WHERE a = 'x'") == missing
    assert error_of(sql, "SELECT count(*) FROM early") == missing
    sql("CREATE TABLE later (a varchar(3), b int)")
    sql("INSERT INTO later VALUES ('x', 1)")
    assert sql("SELECT c, a FROM early WHERE c > 1") == [[2, "x"]]


def test_the_names_in_it_need_their_schemas_and_these_have_to_be_there(
    sql: Sql, connection: Connection, schema: str
) -> None:
    """The text is as reported: https://github.com/elementary-data/dbt-data-reliability/pull/371"""
    connection.autocommit = True
    sql("CREATE TABLE t (a int)")
    unqualified = (
        "0A000",
        "All the relation names inside should be qualified when creating VIEW WITH NO SCHEMA"
        " BINDING.",
    )
    made = "CREATE VIEW v AS SELECT a FROM {} WITH NO SCHEMA BINDING"
    assert error_of(sql, made.format("t")) == unqualified
    assert error_of(sql, made.format("pg_class")) == unqualified
    assert error_of(sql, made.format("nowhere.t")) == ("3F000", 'schema "nowhere" does not exist')
    sql(
        f"CREATE VIEW v AS WITH q AS (SELECT a FROM {schema}.t) SELECT a FROM q"
        " WITH NO SCHEMA BINDING"
    )
    assert sql("SELECT * FROM v") == []


def test_a_renamed_column_is_seen_in_a_view_of_all_columns(sql: Sql, event: str) -> None:
    sql("ALTER TABLE event RENAME COLUMN eventname TO title")
    assert columns(sql, "event_vw") == ["eventid", "title"]
    sql("ALTER TABLE event ADD COLUMN starttime timestamp")
    assert columns(sql, "event_vw") == ["eventid", "title", "starttime"]
    assert sql("SELECT eventid, title FROM event_vw") == [[2, "Boris Godunov"]]


def test_a_column_that_is_gone_fails_the_view_that_names_it_until_it_is_back(
    sql: Sql, event: str
) -> None:
    sql(f"CREATE VIEW named AS SELECT e.eventname FROM {event} e WITH NO SCHEMA BINDING")
    sql("ALTER TABLE event DROP COLUMN eventname")
    gone = ("42703", "column e.eventname does not exist")
    assert error_of(sql, "SELECT * FROM named") == gone
    assert error_of(sql, "EXPLAIN SELECT eventname FROM named") == gone
    assert sql("SELECT * FROM event_vw") == [[2]]
    sql("ALTER TABLE event ADD COLUMN eventname int DEFAULT 7")
    assert sql("SELECT eventname + 1 FROM named") == [[8]]


@pytest.mark.parametrize("drop", ["DROP TABLE event", "DROP TABLE IF EXISTS event CASCADE"])
def test_a_drop_of_the_table_leaves_the_view(sql: Sql, event: str, drop: str) -> None:
    sql(drop)
    missing = ("42P01", f'relation "{event}" does not exist')
    assert error_of(sql, "SELECT eventid FROM event_vw") == missing
    sql("CREATE TABLE event AS SELECT 'a text' AS eventid")
    assert sql("SELECT * FROM event_vw") == [["a text"]]


def test_a_table_may_take_the_place_of_another_under_the_view(sql: Sql, event: str) -> None:
    sql("CREATE TABLE copy (eventid bigint, eventname varchar(400), more int)")
    sql("INSERT INTO copy VALUES (3000000000, 'Aida', 1)")
    sql("ALTER TABLE event RENAME TO old")
    assert error_of(sql, "SELECT * FROM event_vw")[0] == "42P01"
    sql("ALTER TABLE copy RENAME TO event")
    assert sql("SELECT * FROM event_vw") == [[3000000000, "Aida", 1]]


def test_the_type_of_a_column_may_change_under_the_view(sql: Sql, event: str) -> None:
    sql("ALTER TABLE event ALTER COLUMN eventname TYPE varchar(300)")
    types = "SELECT col_type FROM pg_get_late_binding_view_cols() cols(view_schema name, view_name"
    types += " name, col_name name, col_type varchar, col_num int) WHERE col_name = 'eventname'"
    assert sql(f"{types} AND view_schema = %s", event.split(".")[0]) == [["character varying(300)"]]
    assert sql("SELECT eventname FROM event_vw") == [["Boris Godunov"]]


def test_a_view_stands_on_a_view_whatever_becomes_of_the_table(
    sql: Sql, event: str, schema: str
) -> None:
    sql(f"CREATE VIEW upper_vw AS SELECT * FROM {schema}.event_vw WITH NO SCHEMA BINDING")
    sql("ALTER TABLE event ADD COLUMN more int")
    assert sql("SELECT more, eventid FROM upper_vw") == [[None, 2]]
    sql("DROP TABLE event")
    assert error_of(sql, "SELECT * FROM upper_vw") == (
        "42P01",
        f'relation "{event}" does not exist',
    )
    sql("DROP VIEW event_vw")
    assert error_of(sql, "SELECT * FROM upper_vw") == (
        "42P01",
        f'relation "{schema}.event_vw" does not exist',
    )
    sql("CREATE TABLE event_vw AS SELECT 1 AS one")
    assert sql("SELECT one FROM upper_vw") == [[1]]


def test_views_on_each_other_give_an_error_and_no_endless_loop(
    sql: Sql, connection: Connection, schema: str
) -> None:
    connection.autocommit = True
    sql(f"CREATE VIEW one AS SELECT a FROM {schema}.other WITH NO SCHEMA BINDING")
    sql(f"CREATE VIEW other AS SELECT a FROM {schema}.one WITH NO SCHEMA BINDING")
    with pytest.raises(ProgrammingError):
        sql("SELECT * FROM one")
    sql("DROP VIEW one")
    sql("CREATE TABLE one AS SELECT 1 AS a")
    assert sql("SELECT * FROM other") == [[1]]


def test_an_ordinary_view_binds_and_falls_with_its_table_while_a_late_one_on_it_stays(
    sql: Sql, event: str, schema: str
) -> None:
    sql("CREATE VIEW bound AS SELECT eventid FROM event")
    sql(f"CREATE VIEW late AS SELECT * FROM {schema}.bound WITH NO SCHEMA BINDING")
    assert error_of(sql, "DROP TABLE event")[0] == "2BP01"
    assert sql("SELECT * FROM late") == [[2]]
    sql("DROP TABLE event CASCADE")
    assert error_of(sql, "SELECT * FROM late")[1] == f'relation "{schema}.bound" does not exist'


def test_an_ordinary_view_on_a_late_binding_one_is_refused(sql: Sql, event: str) -> None:
    state, message = error_of(sql, "CREATE VIEW bound AS SELECT * FROM event_vw")
    assert state == "0A000"
    assert "WITH NO SCHEMA BINDING" in message


def test_a_schema_may_go_and_come_back_under_the_view(
    sql: Sql, connection: Connection, schema: str
) -> None:
    connection.autocommit = True
    shelf = f"{schema}_shelf"
    sql(f"CREATE SCHEMA {shelf}")
    sql(f"CREATE TABLE {shelf}.t AS SELECT 1 AS a")
    sql(f"CREATE VIEW v AS SELECT a FROM {shelf}.t WITH NO SCHEMA BINDING")
    sql(f"ALTER SCHEMA {shelf} RENAME TO {shelf}_renamed")
    assert error_of(sql, "SELECT * FROM v")[0] == "42P01"
    sql(f"ALTER SCHEMA {shelf}_renamed RENAME TO {shelf}")
    assert sql("SELECT * FROM v") == [[1]]
    sql(f"DROP SCHEMA {shelf} CASCADE")
    assert error_of(sql, "SELECT * FROM v")[0] == "42P01"
    assert sql(
        "SELECT relkind FROM pg_class WHERE relname = 'v' AND relnamespace ="
        " (SELECT oid FROM pg_namespace WHERE nspname = %s)",
        schema,
    ) == [["v"]]


def test_a_reader_needs_the_view_and_its_owner_the_table(
    sql: Sql, event: str, schema: str, service: Connection
) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html, second paragraph."""
    user = f"{schema}_user"
    reading = f"SELECT eventid FROM {schema}.event_vw"
    assert error_of(lambda text: run(service, text), reading)[0] == "42501"
    sql(f"GRANT SELECT ON event_vw TO {user}")
    assert run(service, reading) == [[2]]
    sql(f"GRANT CREATE ON SCHEMA {schema} TO {user}")
    run(service, f"CREATE VIEW {schema}.own AS SELECT * FROM {event} WITH NO SCHEMA BINDING")
    assert error_of(lambda text: run(service, text), f"SELECT * FROM {schema}.own")[0] == "42501"
    sql(f"GRANT SELECT ON event TO {user}")
    assert run(service, f"SELECT eventid FROM {schema}.own") == [[2]]


def test_grants_owner_and_comment_of_the_view_outlast_its_table(
    sql: Sql, event: str, schema: str, service: Connection
) -> None:
    user = f"{schema}_user"
    sql(f"GRANT SELECT ON event_vw TO {user}")
    sql(f"ALTER TABLE event_vw OWNER TO {user}")
    sql("COMMENT ON VIEW event_vw IS 'What is on'")
    sql("DROP TABLE event")
    sql("CREATE TABLE event AS SELECT 1.5 AS price, 'x' AS name")
    sql(f"GRANT SELECT ON event TO {user}")
    assert run(service, f"SELECT name FROM {schema}.event_vw") == [["x"]]
    assert sql(
        "SELECT c.relowner = u.usesysid, d.description FROM pg_class c JOIN pg_user u ON"
        " u.usename = %s JOIN pg_description d ON d.objoid = c.oid WHERE c.relname = 'event_vw'"
        " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)",
        user,
        schema,
    ) == [[True, "What is on"]]


def test_a_view_is_replaced_by_its_owner_whatever_columns_it_had(
    sql: Sql, event: str, schema: str, service: Connection
) -> None:
    user = f"{schema}_user"
    sql(f"GRANT SELECT ON event_vw TO {user}")
    replaced = f"CREATE OR REPLACE VIEW {schema}.event_vw AS SELECT 1 AS one, eventid FROM {event}"
    late = f"{replaced} WITH NO SCHEMA BINDING"
    sql(f"GRANT CREATE ON SCHEMA {schema} TO {user}")
    assert error_of(lambda text: run(service, text), late)[0] == "42501"
    sql(late)
    assert run(service, f"SELECT * FROM {schema}.event_vw") == [[1, 2]]
    assert error_of(sql, late.replace(" OR REPLACE", ""))[0] == "42P07"
    assert error_of(sql, late.replace("event_vw", "event"))[0] == "42809"


def test_a_bound_view_becomes_a_late_one_unless_another_stands_on_it(
    sql: Sql, event: str, schema: str
) -> None:
    sql("CREATE VIEW bound AS SELECT eventid FROM event")
    late = f"CREATE OR REPLACE VIEW bound AS SELECT eventname FROM {event} WITH NO SCHEMA BINDING"
    sql("CREATE VIEW outer_vw AS SELECT * FROM bound")
    assert error_of(sql, late)[0] == "2BP01"
    sql("DROP VIEW outer_vw")
    sql(late)
    assert sql("SELECT * FROM bound") == [["Boris Godunov"]]
    sql("DROP TABLE event")


@pytest.mark.parametrize("view", ["event_vw", "bound_vw"])
def test_rows_of_a_view_are_not_changed(sql: Sql, event: str, view: str) -> None:
    sql("CREATE VIEW bound_vw AS SELECT eventid FROM event")
    sql("ALTER TABLE event ADD COLUMN more int")
    for statement in (
        f"INSERT INTO {view} (eventid) VALUES (3)",
        f"UPDATE {view} SET eventid = 3 WHERE false",
        f"DELETE FROM {view}",
    ):
        state, message = error_of(sql, statement)
        assert (state, message.split()[0], message[-6:]) == ("0A000", "cannot", "a view")
    assert sql("SELECT eventid FROM event") == [[2]]


def test_a_rollback_gives_the_view_its_table_back(
    sql: Sql, event: str, connection: Connection
) -> None:
    connection.autocommit = False
    sql("DROP TABLE event")
    sql("CREATE TABLE event AS SELECT 'other' AS a")
    assert sql("SELECT * FROM event_vw") == [["other"]]
    connection.rollback()
    assert sql("SELECT * FROM event_vw") == [[2, "Boris Godunov"]]
    sql(f"CREATE VIEW fleeting AS SELECT * FROM {event} WITH NO SCHEMA BINDING")
    connection.rollback()
    sql("DROP TABLE event")
    connection.commit()
    assert error_of(sql, "SELECT * FROM event_vw")[0] == "42P01"


def test_a_statement_that_was_prepared_before_reads_the_new_table(
    sql: Sql, event: str, connection: Connection
) -> None:
    cursor = connection.cursor()
    reading = "SELECT eventname FROM event_vw WHERE eventid > %s"
    cursor.execute(reading, (1,))
    assert list(cursor.fetchall()) == [["Boris Godunov"]]
    sql("DROP TABLE event")
    sql("CREATE TABLE event (eventname varchar(200), eventid int)")
    sql("INSERT INTO event VALUES ('Tosca', 5)")
    cursor.execute(reading, (1,))
    assert list(cursor.fetchall()) == [["Tosca"]]


def test_a_procedure_may_drop_a_table_under_the_view(sql: Sql, event: str, schema: str) -> None:
    body = f"BEGIN DROP TABLE {event}; CREATE TABLE {event} AS SELECT 9 AS nine; END"
    sql(f"CREATE PROCEDURE remake() AS '{body}' LANGUAGE plpgsql")
    sql("CALL remake()")
    assert sql("SELECT * FROM event_vw") == [[9]]


def test_the_catalog_shows_no_dependency_and_the_text_as_it_was_written(
    sql: Sql, event: str, schema: str
) -> None:
    """https://github.com/awslabs/amazon-redshift-utils/issues/340 shows the text."""
    depends = (
        "SELECT count(*) FROM pg_depend d JOIN pg_class c ON c.oid = d.refobjid JOIN pg_rewrite r"
        " ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class WHERE c.relname = 'event' AND"
        " v.relname = %s AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)"
    )
    sql("CREATE VIEW bound_vw AS SELECT eventid FROM event")
    assert sql(depends, "event_vw", schema) == [[0]]
    assert sql(depends, "bound_vw", schema) == [[1]]
    text = "SELECT pg_get_viewdef(c.oid, true) FROM pg_class c WHERE c.relname = 'event_vw'"
    text += " AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)"
    written = f"CREATE VIEW event_vw AS SELECT * FROM {event} WITH NO SCHEMA BINDING"
    assert sql(text, schema) == [[written]]
    listed = "SELECT table_name, table_type FROM svv_tables WHERE table_schema = %s AND table_name"
    assert sql(f"{listed} = 'event_vw'", schema) == [["event_vw", "VIEW"]]


def test_the_columns_of_all_late_binding_views_are_told(sql: Sql, event: str, schema: str) -> None:
    """https://docs.aws.amazon.com/redshift/latest/dg/PG_GET_LATE_BINDING_VIEW_COLS.html"""
    listed = (
        "SELECT * FROM pg_get_late_binding_view_cols() cols(view_schema name, view_name name,"
        " col_name name, col_type varchar, col_num int) WHERE view_schema = %s ORDER BY col_num"
    )
    sql("CREATE VIEW bound_vw AS SELECT eventid FROM event")
    assert sql(listed, schema) == [
        [schema, "event_vw", "eventid", "integer", 1],
        [schema, "event_vw", "eventname", "character varying(200)", 2],
    ]
    as_text = f'({schema},event_vw,eventname,"character varying(200)",2)'
    assert [as_text] in sql("SELECT pg_get_late_binding_view_cols()")
    sql("DROP TABLE event CASCADE")
    assert sql(listed, schema) == []
