"""The DDL that administrators run. What the laptop's Redshift can carry out is carried out."""

import pytest
from click.testing import CliRunner

from etl_platform.aws.warehouse import connect
from etl_platform.cli import cli
from etl_platform.contract.errors import ReplacementRefused, SettingInvalid
from etl_platform.load.belongings import refuse_losses
from etl_platform.load.quoting import Identifier, QualifiedName, RoleArn
from etl_platform.publish.shares import PublishedTable, datashare, external_schema, views
from etl_platform_tests.load.endpoint import Endpoint

NAMESPACE = "86b5169f-01dc-4a6f-9fbb-e2e24359e9a8"
ROLE = RoleArn("arn:aws:iam::123456789012:role/spectrum")
VISITS = PublishedTable(QualifiedName.of("shop", "visits"), (Identifier("page"), Identifier("n")))
SALES = PublishedTable(QualifiedName.of("shop", "sales"), (Identifier("n"),))


def test_a_datashare_has_its_schemas_once_then_its_tables_then_its_consumer() -> None:
    assert datashare("shop share", [VISITS, SALES], NAMESPACE) == [
        'CREATE DATASHARE "shop share"',
        'ALTER DATASHARE "shop share" ADD SCHEMA "shop"',
        'ALTER DATASHARE "shop share" ADD TABLE "shop"."visits"',
        'ALTER DATASHARE "shop share" ADD TABLE "shop"."sales"',
        f"GRANT USAGE ON DATASHARE \"shop share\" TO NAMESPACE '{NAMESPACE}'",
    ]
    assert datashare("s", [SALES], "123456789012")[-1] == (
        "GRANT USAGE ON DATASHARE \"s\" TO ACCOUNT '123456789012'"
    )


@pytest.mark.parametrize("consumer", ["12345678901", NAMESPACE.upper(), "x' OR '1", ""])
def test_another_consumer_is_refused(consumer: str) -> None:
    with pytest.raises(SettingInvalid, match="--to"):
        datashare("s", [SALES], consumer)


def test_an_external_schema_names_catalog_region_and_role() -> None:
    assert external_schema("lake", "etl_platform", "eu-west-1", ROLE, ["bi"]) == [
        "CREATE EXTERNAL SCHEMA IF NOT EXISTS \"lake\" FROM DATA CATALOG DATABASE 'etl_platform'"
        f" REGION 'eu-west-1' IAM_ROLE '{ROLE.arn}'",
        'GRANT USAGE ON SCHEMA "lake" TO ROLE "bi"',
    ]
    with pytest.raises(SettingInvalid, match="--region"):
        external_schema("lake", "etl_platform", "Ireland", ROLE, [])


def test_the_ddl_of_a_share_and_of_an_external_schema_is_carried_out(endpoint: Endpoint) -> None:
    tables = [
        PublishedTable(QualifiedName.of("shared", name), (Identifier("n"),))
        for name in ("visits", "sales")
    ]
    prepared = ["CREATE SCHEMA shared", 'CREATE ROLE "lake_readers"']
    prepared += [f"CREATE TABLE {table.name.sql} (n integer)" for table in tables]
    made = [
        *datashare("shop share", tables, NAMESPACE),
        *external_schema("lake", "etl_platform", "eu-west-1", ROLE, ["lake_readers"]),
    ]
    with connect(endpoint.admin) as warehouse:
        for statement in (*prepared, *made):
            warehouse.execute(statement, name=statement)
        objects = warehouse.fetch(
            "SELECT object_name FROM svv_datashare_objects WHERE share_name = 'shop share'"
            " ORDER BY 1",
            name="the objects",
        )
        consumers = warehouse.fetch(
            "SELECT consumer_namespace FROM svv_datashare_consumers"
            " WHERE share_name = 'shop share'",
            name="the consumers",
        )
        schemas = warehouse.fetch(
            "SELECT databasename, has_schema_privilege('lake_readers', 'lake', 'USAGE')"
            " FROM svv_external_schemas WHERE schemaname = 'lake'",
            name="the schema",
        )
        with pytest.raises(ReplacementRefused, match="its place in the datashare shop share"):
            refuse_losses(warehouse, tables[0].name)
    assert objects == [("shared",), ("shared.sales",), ("shared.visits",)]
    assert consumers == [(NAMESPACE,)]
    assert schemas == [("etl_platform", True)]


def test_views_can_be_made_twice_and_are_read_by_their_names(endpoint: Endpoint) -> None:
    made = views("counter", [VISITS], ["readers_of_views"])
    table = 'CREATE TABLE shop.visits (page varchar(9), n integer, "_batch_id" varchar(9))'
    statements = ["CREATE SCHEMA shop", table, 'CREATE ROLE "readers_of_views"', *made, *made]
    statements.append("INSERT INTO shop.visits VALUES ('home', 1, 'b')")
    with connect(endpoint.admin) as warehouse:
        for statement in statements:
            warehouse.execute(statement, name=statement)
        rows = warehouse.fetch('SELECT * FROM "counter"."visits"', name="the view")
        granted = warehouse.fetch(
            "SELECT has_table_privilege('readers_of_views', 'counter.visits', 'SELECT')", name="it"
        )
    assert (rows, granted) == ([("home", 1)], [(True,)])
    assert made[1].endswith('FROM "shop"."visits" WITH NO SCHEMA BINDING')


def test_the_commands_print_statements() -> None:
    shared = CliRunner().invoke(
        cli, ["warehouse", "share", "nyc", "flights", "delays_by_weather", "--to", NAMESPACE]
    )
    assert shared.exit_code == 0, shared.output
    assert 'ADD TABLE "nyc"."delays_by_weather";\n' in shared.output
    lake = ["warehouse", "spectrum", "lake", "--region", "eu-west-1", "--role", ROLE.arn]
    assert (
        "DATABASE 'etl_platform'" in CliRunner().invoke(cli, lake, env={"ETL_NAMESPACE": ""}).output
    )
    shelf = CliRunner().invoke(cli, ["warehouse", "views", "bi", "weather", "--reader", "r"])
    assert 'GRANT SELECT ON "bi"."weather" TO ROLE "r";\n' in shelf.output


def test_a_name_that_is_neither_source_nor_aggregate_is_refused() -> None:
    said = CliRunner().invoke(cli, ["warehouse", "views", "bi", "planes"])
    assert said.exit_code == 1
    assert "[SOURCE_UNKNOWN]" in said.output
    assert "delays_by_weather" in said.output
