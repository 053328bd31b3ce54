"""When Dagster asks for a refresh: after any load, a late one too, and once an hour in any case."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent

from etl_platform.components.aggregate import aggregate_asset, aggregates_sensor
from etl_platform.components.assets import source_assets
from etl_platform.contract.aggregate_files import find_aggregate
from etl_platform.contract.hour import Hour
from etl_platform.ingest.arrivals import Arrival
from etl_platform_tests.components.daemon import end, load

NAME = "delays_by_weather"
KEY = dg.AssetKey(["aggregate", NAME])
START = datetime(2013, 1, 1, 12, 0, 30, tzinfo=UTC)


class Automation:
    """Ticks of the daemon that evaluates conditions, a minute apart."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        aggregate = find_aggregate(NAME)
        self.definitions = dg.Definitions(
            assets=[aggregate_asset(aggregate), *map(source_assets, aggregate.sources.values())],
            resources={"glue_jobs": dg.ResourceDefinition.none_resource()},
        )
        self.instance, self.now = instance, START
        self._cursor: Any = None

    def asks(self) -> bool:
        """Whether the aggregate is asked for in the next tick."""
        self.now += timedelta(minutes=1)
        result = dg.evaluate_automation_conditions(
            self.definitions, self.instance, cursor=self._cursor, evaluation_time=self.now
        )
        self._cursor = result.cursor
        return result.get_num_requested(KEY) == 1

    def load(self, source: str, hour: str, version: str = "1") -> None:
        load(self.instance, Arrival(source, Hour.parse(hour), version))


@pytest.fixture
def automation() -> Iterator[Automation]:
    with dg.DagsterInstance.ephemeral() as instance:
        made = Automation(instance)
        made.asks()
        yield made


def test_one_hour_of_one_source_is_enough(automation: Automation) -> None:
    assert not automation.asks()
    automation.load("flights", "2013-01-01-05")
    assert automation.asks()
    assert not automation.asks()


def test_late_and_corrected_hours_ask_as_fresh_ones_do(automation: Automation) -> None:
    automation.load("weather", "2013-01-01-05")
    assert automation.asks()
    automation.load("weather", "2013-01-01-02")
    assert automation.asks()
    automation.load("weather", "2013-01-01-02", "2")
    assert automation.asks()
    assert not automation.asks()


def test_a_load_that_ends_while_a_refresh_runs_asks_for_another(automation: Automation) -> None:
    automation.load("flights", "2013-01-01-05")
    assert automation.asks()
    # The refresh of this request has begun, and may not have seen the next hour.
    run = begin(automation.instance)
    automation.load("flights", "2013-01-01-06")
    assert not automation.asks()
    automation.instance.report_runless_asset_event(dg.AssetMaterialization(KEY))
    end(automation.instance, run, dg.DagsterEventType.RUN_SUCCESS)
    assert automation.asks()
    assert not automation.asks()


def begin(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run of the refresh that is under way."""
    run = dg.DagsterRun(job_name="__ASSET_JOB", status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    planned = AssetMaterializationPlannedData(KEY)
    instance.report_dagster_event(
        DagsterEvent.build_asset_materialization_planned_event(run.job_name, "refresh", planned),
        run.run_id,
    )
    return run


def test_once_an_hour_it_is_asked_for_in_any_case(automation: Automation) -> None:
    asked = [automation.asks() for _ in range(120)]
    assert sum(asked) == 2


def test_the_sensor_is_on_from_the_start() -> None:
    assert aggregates_sensor().default_status is dg.DefaultSensorStatus.RUNNING
