"""The job as Glue starts it: an order in S3, a secret, and a report of every hour."""

import json

import pytest

from etl_platform.aws.clients import client
from etl_platform.aws.s3 import S3
from etl_platform.contract.errors import SettingInvalid
from etl_platform.contract.order import Order, Report
from etl_platform.load import ledger
from etl_platform.load.job import main
from etl_platform.load.target import Target
from etl_platform_tests.load.endpoint import Endpoint, bucket
from etl_platform_tests.load.samples import NAMES, batch, contract, converted

ROLE = "arn:aws:iam::000000000000:role/load-tests-copy"


def test_the_job_reports_every_hour_of_its_order(
    endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    of = contract("upsert", "revision")
    endpoint.bootstrap(of)
    for name in (NAMES.artifacts_bucket, NAMES.processed_bucket(of.source)):
        bucket(name)
    service = endpoint.service.model_dump() | {
        "password": endpoint.service.password.get_secret_value()
    }
    client("secretsmanager").create_secret(
        Name=NAMES.service_secret, SecretString=json.dumps(service)
    )
    batches = tuple(batch(of, hour) for hour in range(3))
    for hour in (0, 2):
        converted(S3(), of, batches[hour], [(hour, 1, "a")])
    order = Order(stage="load", namespace=NAMES.namespace, contract=of, batches=batches)
    location = NAMES.order(order.stage, order.order_id)
    S3().write(location, order.to_json())
    arguments = [
        *("--order", str(location)),
        *("--order_id", order.order_id),
        *("--copy_role_arn", ROLE),
        *("--JOB_RUN_ID", "jr_1"),
        *("--dagster_run", "run-of-dagster"),
        *("--enable-metrics", "true"),
    ]

    main(arguments)

    said = capsys.readouterr().out
    reports = {report.hour: report for report in map(Report.model_validate_json, said.splitlines())}
    outcomes = [reports[batch.hour].outcome for batch in batches]
    assert outcomes == ["done", "blocked", "done"]
    assert reports[batches[1].hour].error_code == "NOT_CONVERTED"
    assert service["password"] not in said
    with endpoint.connect() as warehouse:
        entries = ledger.loaded(warehouse, Target(of), [batches[0].batch_id])
    (entry,) = entries.values()
    runs = (entry.order_id, entry.run_id, entry.dagster_run_id)
    assert runs == (order.order_id, "jr_1", "run-of-dagster")


def test_a_role_that_is_none_stops_the_job_before_its_work() -> None:
    with pytest.raises(SettingInvalid):
        main(["--order", "s3://nowhere/order.json", "--copy_role_arn", "x' OR '1"])
