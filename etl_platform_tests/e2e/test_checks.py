"""The checks that run by the clock, against the whole platform."""

import dagster as dg

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
    found = {**_evaluated(platform, "watch"), **_evaluated(platform, "audit")}
    assert len(found) == 11
    assert {key for key, one in found.items() if not one.passed} == set()
    # The sources of the demo have ended: nothing of them is missed.
    assert found["weather", "hours_complete"].description == "No hour is expected."
    assert found["weather", "key_unique"].metadata["doubled_keys"].value == 0


def test_two_rows_of_a_key_that_somebody_else_wrote_are_found(
    platform: Platform, first_hour: Hour
) -> None:
    platform.land("weather", first_hour, first_hour)
    assert platform.run("weather", first_hour, first_hour).succeeded
    when = f"'{first_hour.start:%Y-%m-%d %H:%M}'"
    platform.write(f"insert into nyc.weather select * from nyc.weather where _hour = {when}")
    found = _evaluated(platform, "audit")["weather", "key_unique"]
    assert not found.passed
    assert found.metadata["doubled_keys"].value == 3
    assert "sys_query_history" in str(found.description)
    platform.write(f"delete from nyc.weather where _hour = {when}")
    assert _evaluated(platform, "audit")["weather", "key_unique"].passed
