"""Files and a manifest become rows, once and counted, through every real component."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from etl_platform.aws.queue import Queue
from etl_platform.aws.s3 import S3
from etl_platform.contract.hour import Hour
from etl_platform.contract.order import CONVERT, LOAD
from etl_platform.definitions import defs
from etl_platform.ingest.blocked import read_blocked
from etl_platform_tests.components.dagster_on_postgresql import dagster_on_postgres
from etl_platform_tests.e2e.platform import END_TAG, START_TAG, Platform, until
from infra.local.demo.dirt import Dirt, Spot


def day_of(first: Hour) -> str:
    """The weather of one day without `_loaded_at`."""
    names = "origin, time_hour, temp, humid, wind_speed, precip, _hour, _batch_id"
    until_hour = first.plus(24)
    return (
        f"select {names} from nyc.weather"
        f" where _hour >= '{first.start:%Y-%m-%d %H:%M}'"
        f" and _hour < '{until_hour.start:%Y-%m-%d %H:%M}' order by 1, 2"
    )


def test_a_day_is_one_run_of_each_job_and_every_hour_is_told_apart(
    platform: Platform, first_hour: Hour
) -> None:
    last = first_hour.plus(23)
    landed = platform.land("weather", first_hour, last)
    before = len(platform.glue_runs(CONVERT)), len(platform.glue_runs(LOAD))
    run = platform.run("weather", first_hour, last)
    assert run.succeeded
    assert len(platform.glue_runs(CONVERT)) == before[0] + 1
    assert len(platform.glue_runs(LOAD)) == before[1] + 1
    for stage in ("raw", "parquet", "redshift"):
        assert sorted(run.materialized(stage, "weather")) == [str(hour) for hour in landed]
    told = run.materialized("redshift", "weather")
    assert len({facts["batch_id"] for facts in told.values()}) == len(landed)
    asked_by = (
        f"select count(*) from etl_platform.ledger where dagster_run_id = '{run.result.run_id}'"
    )
    assert platform.rows(asked_by) == [(len(landed),)]
    assert sum(int(str(facts["rows_applied"])) for facts in told.values()) == len(
        platform.rows(day_of(first_hour))
    )
    assert not run.failed_checks()
    for stage in ("raw", "parquet", "redshift"):
        assert run.checks_about_their_hour(stage, "weather") == {str(hour) for hour in landed}


def test_with_the_state_of_dagster_in_postgresql_each_hour_is_told_apart_too(
    platform: Platform, first_hour: Hour, tmp_path: Path
) -> None:
    bad, last = first_hour.plus(1), first_hour.plus(3)
    spot = Spot("weather", str(bad), Dirt.FILE_NOT_THERE)
    landed = platform.land("weather", first_hour, last, [spot])
    others = {str(hour) for hour in landed if hour != bad}
    key = dg.AssetKey(["redshift", "weather"])
    with dagster_on_postgres(tmp_path) as server, server.instance() as instance:
        run = replace(platform, instance=instance).run("weather", first_hour, last)
        assert run.succeeded
        assert instance.get_materialized_partitions(key) == others
        assert run.checks_about_their_hour("redshift", "weather") == others
        assert set(run.failed_checks()) == {("manifest_complete", str(bad))}
        instance.delete_run(run.result.run_id)
        assert not instance.get_materialized_partitions(key)


def test_assets_can_be_materialized_one_after_the_other(
    platform: Platform, first_hour: Hour
) -> None:
    last = first_hour.plus(1)
    hours = [str(hour) for hour in platform.land("weather", first_hour, last)]
    for stage in ("raw", "parquet", "redshift"):
        run = platform.materialize(f"{stage}/weather", first=first_hour, last=last)
        assert run.succeeded, run.failures()
        assert sorted(run.materialized(stage, "weather")) == hours
    whole = platform.materialize(
        "raw/weather", "parquet/weather", "redshift/weather", first=first_hour, last=last
    )
    assert whole.succeeded, whole.failures()


def test_loading_again_changes_nothing_and_says_so(platform: Platform, first_hour: Hour) -> None:
    last = first_hour.plus(3)
    platform.land("weather", first_hour, last)
    platform.run("weather", first_hour, last)
    rows = platform.rows(day_of(first_hour).replace("_batch_id", "_batch_id, _loaded_at"))
    again = platform.run("weather", first_hour, last)
    assert again.succeeded
    outcomes = {f["outcome"] for f in again.materialized("redshift", "weather").values()}
    assert outcomes == {"already"}
    assert platform.rows(day_of(first_hour).replace("_batch_id", "_batch_id, _loaded_at")) == rows


def test_an_hour_whose_file_is_not_there_is_blocked_alone_and_names_the_file(
    platform: Platform, first_hour: Hour
) -> None:
    bad, last = first_hour.plus(1), first_hour.plus(3)
    spot = Spot("weather", str(bad), Dirt.FILE_NOT_THERE)
    landed = platform.land("weather", first_hour, last, [spot])
    run = platform.run("weather", first_hour, last)
    assert run.succeeded
    others = [str(hour) for hour in landed if hour != bad]
    assert sorted(run.materialized("redshift", "weather")) == others
    ((check, hour),) = run.failed_checks()
    assert (check, hour) == ("manifest_complete", str(bad))
    said = run.failed_checks()[check, hour]
    assert "MANIFEST_FILE_MISSING" in said
    assert f"s3://{platform.names.raw_bucket('weather')}/{bad.folder}" in said
    written_down = read_blocked(S3(), platform.names, "weather", bad)
    assert written_down is not None
    assert (written_down.stage, written_down.error) == ("raw", said)


def test_a_run_with_no_hour_to_load_fails_with_the_reason(
    platform: Platform, first_hour: Hour
) -> None:
    run = platform.run("weather", first_hour, first_hour)
    assert not run.succeeded
    assert "MANIFEST_MISSING" in run.failures()[0]


def test_dirty_records_are_kept_out_counted_and_kept(platform: Platform, first_hour: Hour) -> None:
    hour = first_hour.plus(15)
    spots = [Spot("flights", str(hour), dirt) for dirt in (Dirt.DOUBLED_ROW, Dirt.UNCASTABLE_ROW)]
    platform.land("flights", hour, hour, spots)
    run = platform.run("flights", hour, hour)
    assert run.succeeded, run.failures() or run.failed_checks()
    (facts,) = run.materialized("redshift", "flights").values()
    assert (facts["rows_rejected"], facts["rows_superseded"]) == (1, 1)
    assert facts["rows_read"] == int(str(facts["rows_written"])) + 2
    (kept,) = run.materialized("parquet", "flights").values()
    assert "not_an_integer" in str(kept["reasons"])


def test_a_manifest_asks_for_its_run_through_lambda_queue_and_sensor(
    platform: Platform, first_hour: Hour
) -> None:
    drain(platform)
    landed = platform.land("weather", first_hour, first_hour.plus(2))
    sensor = defs().get_sensor_def("manifest_sensor")
    requests: list[dg.RunRequest] = []

    def tick() -> bool:
        context = dg.build_sensor_context(
            instance=platform.instance, definitions=defs(), cursor=None
        )
        result = sensor.evaluate_tick(context)
        requests.extend(result.run_requests or ())
        return asked_hours(requests) >= set(landed)

    until(30, tick)
    assert {request.job_name for request in requests} == {"load_weather"}
    assert all(request.run_key for request in requests)


def test_a_message_leaves_the_queue_only_when_its_run_exists(
    platform: Platform, first_hour: Hour
) -> None:
    drain(platform)
    (hour,) = platform.land("weather", first_hour, first_hour)
    sensor = defs().get_sensor_def("manifest_sensor")
    cursor: str | None = None
    requests: list[dg.RunRequest] = []

    def asked() -> bool:
        nonlocal cursor
        context = dg.build_sensor_context(
            instance=platform.instance, definitions=defs(), cursor=cursor
        )
        result = sensor.evaluate_tick(context)
        cursor = result.cursor
        requests.extend(result.run_requests or ())
        return bool(requests)

    until(30, asked)
    in_flight = queue_depth(platform)
    job = defs().resolve_job_def("load_weather")
    job.execute_in_process(
        instance=platform.instance,
        partition_key=str(hour),
        tags=requests[0].tags,
        raise_on_error=False,
    )
    sensor.evaluate_tick(
        dg.build_sensor_context(instance=platform.instance, definitions=defs(), cursor=cursor)
    )
    assert queue_depth(platform) == in_flight - 1


@pytest.mark.parametrize("source", ["flights", "airlines"])
def test_every_shipped_source_goes_the_whole_way(
    platform: Platform, first_hour: Hour, source: str
) -> None:
    last = first_hour.plus(23)
    landed = platform.land(source, first_hour, last)
    run = platform.run(source, first_hour, last)
    assert run.succeeded, run.failures()
    assert sorted(run.materialized("redshift", source)) == [str(hour) for hour in landed]


def asked_hours(requests: list[dg.RunRequest]) -> set[Hour]:
    hours: set[Hour] = set()
    for request in requests:
        first = request.partition_key or request.tags[START_TAG]
        last = request.partition_key or request.tags[END_TAG]
        hours |= set(Hour.parse(first).through(Hour.parse(last)))
    return hours


def drain(platform: Platform) -> None:
    """Take what other tests have announced off the queue."""
    queue = Queue(platform.names.queue)
    while received := queue.receive(100):
        queue.delete([message.receipt for message in received])


def queue_depth(platform: Platform) -> int:
    from etl_platform.aws.clients import client

    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=platform.names.queue)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(answer["ApproximateNumberOfMessages"]) + int(
        answer["ApproximateNumberOfMessagesNotVisible"]
    )
