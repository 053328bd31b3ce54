"""The three uses of the platform, in a browser: automation, one hour by hand, a day by hand."""

from click.testing import CliRunner

from etl_platform.cli import cli
from etl_platform.contract.hour import Hour
from etl_platform_tests.ui.dagster_ui import DagsterUi
from infra.local.demo.dirt import Dirt, Spot
from infra.local.demo.feeder import Feeder, deliveries

LIVE = Hour.parse("2013-03-01-12")
BY_HAND = Hour.parse("2013-03-02-12")
DAY = Hour.parse("2013-03-03-00")
BACKFILLED = Hour.parse("2013-03-10-00")
NOT_THERE = BACKFILLED.plus(5)


def land(feeder: Feeder, first: Hour, last: Hour, *spots: Spot) -> int:
    """Land real weather; how many hours of it."""
    sent = list(deliveries("weather", first, last, spots))
    for delivery in sent:
        feeder.land(delivery)
    return len(sent)


def test_the_sensor_loads_a_landed_hour_and_its_page_shows_rejects_and_the_glue_run(
    feeder: Feeder, ui: DagsterUi
) -> None:
    ui.hours_of("redshift", "weather")
    ui.until_materialized(0)
    land(feeder, LIVE, LIVE, Spot("weather", LIVE.key, Dirt.UNCASTABLE_ROW))
    ui.until_materialized(1)
    ui.hour_of("parquet", "weather", str(LIVE))
    for text in ("not_a_decimal", "first_file", "glue_run_id", "glue_dollars"):
        ui.sees(text)
    ui.picture("hour")
    ui.asset("redshift", "weather")
    ui.sees("from 2013-01-01-00 to before 2014-01-02-00")
    ui.sees("nyc.weather")
    ui.picture("asset")


def test_hours_are_materialized_by_clicking_and_a_day_of_them_is_one_backfill(
    feeder: Feeder, ui: DagsterUi
) -> None:
    ui.stop_all_automation()
    land(feeder, BY_HAND, BY_HAND)
    ui.materialize("weather", str(BY_HAND))
    ui.hours_of("redshift", "weather")
    ui.until_materialized(2)
    landed = land(feeder, DAY, DAY.plus(23))
    ui.materialize("weather", f"[{DAY}...{DAY.plus(23)}]")
    ui.hours_of("redshift", "weather")
    ui.until_materialized(2 + landed)
    ui.hour_of("redshift", "weather", str(DAY.plus(12)))
    ui.sees("seconds_since_manifest")
    ui.group("weather")
    ui.sees("8,784 partitions")
    ui.picture("lineage")


def test_a_backfill_by_command_loads_what_is_left_and_names_what_is_blocked(
    feeder: Feeder,
) -> None:
    last = BACKFILLED.plus(11)
    spot = Spot("weather", NOT_THERE.key, Dirt.FILE_NOT_THERE)
    landed = land(feeder, BACKFILLED, last, spot)
    span = ["backfill", "weather", str(BACKFILLED), str(last.plus(24))]
    first = CliRunner().invoke(cli, span)
    told = f"{landed} hours landed, {landed - 1} loaded, 1 blocked, 0 left; 1 runs"
    assert (first.stdout.strip(), first.exit_code) == (told, 1)
    assert f"blocked: {NOT_THERE}: [MANIFEST_FILE_MISSING]" in first.stderr
    alone = CliRunner().invoke(cli, ["backfill", "weather", str(NOT_THERE), str(NOT_THERE)])
    assert (alone.stdout.strip(), alone.exit_code) == (
        "1 hours landed, 0 loaded, 1 blocked, 0 left; 1 runs",
        1,
    )
    assert "a run failed" not in alone.stderr
    land(feeder, NOT_THERE, NOT_THERE)
    second = CliRunner().invoke(cli, span)
    told = f"{landed} hours landed, {landed} loaded, 0 blocked, 0 left; 1 runs"
    assert (second.stdout.strip(), second.exit_code) == (told, 0)
    third = CliRunner().invoke(cli, span)
    assert third.stdout.strip() == told.replace("1 runs", "0 runs")
