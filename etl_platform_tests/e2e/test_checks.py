"""The checks that run by the clock, against the whole platform."""

import dagster as dg

from etl_platform.components.checks.definitions import INSPECT, WATCH
from etl_platform.contract.hour import Hour
from etl_platform.definitions import defs
from etl_platform_tests.e2e.platform import Platform


def _evaluated(platform: Platform, job: str) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
    result = defs().resolve_job_def(job).execute_in_process(instance=platform.instance)
    assert result.success
    return {
        (one.asset_key.path[-1], one.check_name): one
        for one in result.get_asset_check_evaluations()
    }


def test_the_jobs_of_the_clock_look_at_every_source(platform: Platform, first_hour: Hour) -> None:
    platform.land("weather", first_hour, first_hour.plus(1))
    assert platform.run("weather", first_hour, first_hour.plus(1)).succeeded
    found = {**_evaluated(platform, WATCH), **_evaluated(platform, INSPECT)}
    # Three of hours and four of tables for each source; no load keeps one row of a key of airlines.
    assert len(found) == 3 * 7 - 1
    assert {key: one.description for key, one in found.items() if not one.passed} == {}
    # The sources of the demo have ended: nothing of them is missed.
    assert "No hour is due" in str(found["weather", "completeness"].description)


def test_two_rows_of_a_key_that_somebody_else_wrote_are_found(
    platform: Platform, first_hour: Hour
) -> None:
    platform.land("weather", first_hour, first_hour)
    assert platform.run("weather", first_hour, first_hour).succeeded
    when = f"'{first_hour.start:%Y-%m-%d %H:%M}'"
    platform.write(f"insert into nyc.weather select * from nyc.weather where _hour = {when}")
    found = _evaluated(platform, INSPECT)["weather", "key_unique"]
    assert not found.passed
    assert str(first_hour) in str(found.description)
    platform.write(f"delete from nyc.weather where _hour = {when}")
    assert _evaluated(platform, INSPECT)["weather", "key_unique"].passed
