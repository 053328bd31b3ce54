"""Hours in any order give the same table, and so does either engine."""

import io
import json

import pyarrow.parquet as pq

from etl_platform.aws import glue
from etl_platform.aws.s3 import S3
from etl_platform.aws.secrets import read_secret
from etl_platform.aws.warehouse import connect
from etl_platform.contract.batch import Batch
from etl_platform.contract.commit import Commit
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Location, Names
from etl_platform.contract.order import CONVERT, Order
from etl_platform.contract.reading import find_contract
from etl_platform.contract.sizing import WORKER_TYPE, sized
from etl_platform.ingest.pin import pin
from etl_platform.load.target import Target
from etl_platform_tests.e2e.platform import Platform, until
from infra.local.demo.feeder import deliveries


def test_hours_loaded_in_reverse_give_the_same_table(platform: Platform, first_hour: Hour) -> None:
    """The same hours as two loads of their own, forwards and backwards, compared both ways."""
    hours = platform.land("weather", first_hour, first_hour.plus(2))
    table = "select * from nyc.weather where _hour >= '{}' and _hour < '{}'".format(
        *(f"{hour.start:%Y-%m-%d %H:%M}" for hour in (first_hour, first_hour.plus(3)))
    )
    columns = "origin, time_hour, temp, dewp, humid, wind_speed, precip, _hour, _batch_id"
    for hour in hours:
        assert platform.run("weather", hour, hour).succeeded
    forwards = set(platform.rows(table.replace("*", columns)))
    forget(platform, first_hour, first_hour.plus(3))
    for hour in reversed(hours):
        assert platform.run("weather", hour, hour).succeeded
    assert set(platform.rows(table.replace("*", columns))) == forwards
    assert len(forwards) == len(platform.rows(table)) > 0


def test_a_spark_job_converts_to_the_same_rows_as_a_single_node(
    platform: Platform, first_hour: Hour
) -> None:
    hour = first_hour.plus(15)
    (delivery,) = deliveries("flights", hour, hour)
    commits = {}
    for engine in ("single_node", "spark"):
        platform.feeder.land(delivery)
        batch = pin(S3(), platform.names, "flights", hour)
        ended = convert(platform, batch, engine)
        assert ended.state == "SUCCEEDED", ended.message
        commits[engine] = committed(platform.names, batch)
    assert commits["spark"].engine == "spark"
    assert commits["spark"].counts == commits["single_node"].counts
    assert content(commits["spark"]) == content(commits["single_node"])


def convert(platform: Platform, batch: Batch, engine: str) -> glue.GlueRun:
    contract = find_contract(batch.source).model_copy(update={"engine": engine})
    order = Order(
        stage="convert",
        namespace=platform.names.namespace,
        contract=contract,
        batches=(batch,),
    )
    place = platform.names.order(CONVERT, order.order_id)
    S3().write(place, order.to_json())
    job = platform.names.convert_job
    arguments = {"--order": str(place), "--order_id": order.order_id}
    run_id = glue.start(job, arguments, WORKER_TYPE, sized(order).workers)
    until(120, lambda: glue.find(job, run_id).state.ended)
    return glue.find(job, run_id)


def committed(names: Names, batch: Batch) -> Commit:
    place = names.commit(batch.source, batch.hour, batch.batch_id)
    return Commit.model_validate_json(S3().read(place))


def content(commit: Commit) -> list[str]:
    """The rows of a commit without the name of their batch, which differs, in a fixed order."""
    rows = []
    for file in commit.files:
        body = S3().read(Location(file.bucket, file.key))
        table = pq.read_table(io.BytesIO(body)).drop_columns(["_batch_id"])
        rows += [json.dumps(row, default=str) for row in table.to_pylist()]
    return sorted(rows)


def forget(platform: Platform, first: Hour, beyond: Hour) -> None:
    """Take hours out of the table and its ledger, as if they had never been loaded."""
    span = tuple(f"{hour.start:%Y-%m-%d %H:%M}" for hour in (first, beyond))
    with connect(read_secret(platform.names.service_secret)) as warehouse:
        for table, column in (
            ("nyc.weather", "_hour"),
            (str(Target(find_contract("weather")).ledger), "hour"),
        ):
            warehouse.execute(
                f"delete from {table} where {column} >= %s and {column} < %s", span, name="test"
            )
        warehouse.commit()
