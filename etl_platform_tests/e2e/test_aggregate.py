"""The demo's aggregate follows a correction, through Dagster and by the command."""

from collections import Counter
from collections.abc import Sequence

import dagster as dg
from click.testing import CliRunner

from etl_platform.cli import cli
from etl_platform.contract.hour import Hour
from etl_platform.definitions import defs
from etl_platform_tests.e2e.platform import Platform, Run
from infra.local.demo.dirt import Dirt, Spot
from infra.local.demo.recount import Counted, recount
from infra.local.demo.recount_delays import recount_delays

DELAYS = dg.AssetKey(["aggregate", "delays_by_weather"])


def test_an_aggregate_follows_a_corrected_hour(platform: Platform, first_hour: Hour) -> None:
    hour = first_hour.plus(15)
    wrong = [Spot("flights", str(hour), Dirt.WRONG_DELAY)]
    platform.land("flights", hour, hour, wrong)
    assert platform.run("flights", hour, hour).succeeded
    refresh(platform)
    assert rows(platform, hour) == counted(platform, hour, wrong)

    platform.land("flights", hour, hour)
    assert platform.run("flights", hour, hour).succeeded
    ((_, told),) = refresh(platform).materialized(*DELAYS.path).items()
    assert (told["made_anew"], told["first_hour"], told["hours"]) == ("hours", str(hour), 1)
    assert rows(platform, hour) == counted(platform, hour, [])

    said = CliRunner().invoke(cli, ["aggregate", DELAYS.path[-1]], env={"COLUMNS": "200"})
    assert said.exit_code == 0, said.output
    assert "no batch was loaded since" in said.output


def refresh(platform: Platform) -> Run:
    job = defs().resolve_implicit_global_asset_job_def().get_subset(asset_selection={DELAYS})
    run = Run(job.execute_in_process(instance=platform.instance, raise_on_error=False))
    assert run.succeeded, run.failures()
    return run


def rows(platform: Platform, hour: Hour) -> Counter[tuple[object, ...]]:
    moment = f"{hour.start:%Y-%m-%d %H:%M}"
    query = f"select * from nyc.delays_by_weather where time_hour = '{moment}'"
    return Counter(platform.rows(query))


def counted(platform: Platform, hour: Hour, spots: Sequence[Spot]) -> Counter[tuple[object, ...]]:
    flights = recount("flights", str(hour), str(hour), spots)
    # No other test lands the weather of this day, and some may have delivered the airlines.
    weather = Counted("weather", frozenset(), frozenset(), 0, 0, 0, Counter())
    names = Counter(platform.rows("select carrier, name from nyc.airlines"))
    airlines = Counted("airlines", frozenset(), frozenset(), 0, 0, 0, names)  # type: ignore[arg-type]
    return recount_delays(flights, weather, airlines)
