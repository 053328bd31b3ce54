"""What Parquet holds as text arrives in the table as JSON, times and bytes, by every strategy.

From raw bytes on: converted and loaded by the real parts, and read back from the real warehouse.
"""

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from etl_platform.aws.s3 import S3
from etl_platform.aws.warehouse import connect
from etl_platform.contract.batch import Batch, SourceFile
from etl_platform.contract.order import Order
from etl_platform.contract.source import SourceContract
from etl_platform.convert.conversion import convert
from etl_platform.convert.single_node import SingleNode
from etl_platform.load.converted import read_commits
from etl_platform.load.ledger import Run
from etl_platform.load.quoting import RoleArn
from etl_platform.load.target import Target
from etl_platform.load.transaction import Loader
from etl_platform_tests.convert.samples import RecordingCatalog
from etl_platform_tests.load.endpoint import Endpoint, bucket
from etl_platform_tests.load.samples import NAMES, START, batch, contract, converted

ROLE = RoleArn("arn:aws:iam::000000000000:role/load-tests-copy")
# A time as version: later rows of a key are compared with those of the table.
UPSERT = {"strategy": "upsert", "version": "opens"}
COLUMNS = [
    {"name": "id", "type": "integer", "required": True},
    {"name": "doc", "type": "super"},
    {"name": "opens", "type": "time", "required": True},
    {"name": "sign", "type": "varbyte(4)", "null_tokens": []},
    {"name": "half", "type": "decimal(4,1)", "expression": "id / 2"},
]
FIRST = (
    '{"id":1,"doc":{"n":[12345678901234567890,0.10,1e300],"s":"\\u00e9 \\"x\\" ","t":null},'
    '"opens":"06:30","sign":"00FF"}\n'
    '{"id":2,"doc":"just a text","opens":"23:59:59.999999","sign":""}\n'
    '{"id":3,"opens":"00:00:00.5"}\n'
)
SECOND = '{"id":1,"doc":[],"opens":"06:30:00.000001","sign":"01"}\n'
WHOLE = ('{"n": [12345678901234567890, 0.10, 1' + "0" * 300 + '], "s": "é \\"x\\" ", "t": null}',)
ROWS = {
    1: (*WHOLE, time(6, 30), "00ff", Decimal("0.5")),
    2: ('"just a text"', time(23, 59, 59, 999999), "", Decimal("1.0")),
    3: (None, time(0, 0, 0, 500000), None, Decimal("1.5")),
}
CHANGED = ("[]", time(6, 30, 0, 1), "01", Decimal("0.5"))


def loaded(endpoint: Endpoint, of: SourceContract, hour: int, body: str) -> None:
    """Land one file of an hour, convert it and load it."""
    storage = S3()
    at = START.plus(hour)
    place = NAMES.raw_folder(of.source, at) / "records.json"
    storage.write(place, body.encode())
    stored = storage.find(place)
    assert stored is not None
    file = SourceFile(
        bucket=place.bucket,
        key=place.key,
        version_id=stored.version_id,
        size_bytes=stored.size_bytes,
    )
    landed = Batch(
        source=of.source,
        hour=at,
        manifest_url=str(NAMES.manifest(of.source, at)),
        manifest_version="1",
        manifest_at=datetime(2026, 11, 23, tzinfo=UTC),
        files=(file,),
    )
    order = Order(stage="convert", namespace=NAMES.namespace, contract=of, batches=(landed,))
    (report,) = convert(order, SingleNode(), storage, RecordingCatalog())
    assert (report.outcome, report.facts["rows_rejected"]) == ("done", 0)
    commits, blocked = read_commits(order.model_copy(update={"stage": "load"}), storage)
    assert blocked == []
    run = Run("order", "run")
    (report,) = Loader(Target(of), NAMES, ROLE, run, endpoint.connect, storage).load(commits)
    assert report.outcome == "done", report.error


def rows(endpoint: Endpoint, of: SourceContract) -> dict[int, tuple[Any, ...]]:
    values = "id, JSON_SERIALIZE(doc), opens, TO_HEX(sign), half"
    with connect(endpoint.admin) as warehouse:
        found = warehouse.fetch(f"SELECT {values} FROM {Target(of).table.sql}", name="the rows")
    return {row[0]: tuple(row[1:]) for row in found}


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        pytest.param(UPSERT, {**ROWS, 1: CHANGED}, id="upsert"),
        pytest.param({**UPSERT, "corrected": "retract"}, {**ROWS, 1: CHANGED}, id="journal"),
        pytest.param({"strategy": "append"}, None, id="append"),
        pytest.param({"strategy": "refresh"}, {1: CHANGED}, id="refresh"),
    ],
)
def test_every_value_arrives_as_it_was_written(
    endpoint: Endpoint, load: dict[str, str], expected: dict[int, tuple[Any, ...]] | None
) -> None:
    of = contract("", load=load, columns=COLUMNS)
    for name in (NAMES.raw_bucket(of.source), NAMES.processed_bucket(of.source)):
        bucket(name)
    endpoint.bootstrap(of)
    loaded(endpoint, of, 0, FIRST)
    assert rows(endpoint, of) == ROWS
    loaded(endpoint, of, 1, SECOND)
    if expected is not None:
        assert rows(endpoint, of) == expected
    else:
        with endpoint.connect() as warehouse:
            ((count,),) = warehouse.fetch(
                f"SELECT count(*) FROM {Target(of).table.sql}", name="the count"
            )
        assert count == 4


@pytest.mark.parametrize(
    "load",
    [
        pytest.param({"strategy": "upsert"}, id="upsert"),
        pytest.param({"strategy": "upsert", "null_means": "keep"}, id="merged"),
        pytest.param({"strategy": "scd2"}, id="scd2"),
        pytest.param({"strategy": "append"}, id="append"),
    ],
)
def test_a_text_that_is_no_value_blocks_its_own_hour_only(
    endpoint: Endpoint, load: dict[str, str]
) -> None:
    columns = [
        {"name": "id", "type": "integer", "required": True},
        {"name": "doc", "type": "super"},
    ]
    of = contract("", load=load, columns=columns)
    bucket(NAMES.processed_bucket(of.source))
    endpoint.bootstrap(of)
    texts = ["[0]", "{", "[2]"]
    commits = [
        converted(S3(), of, batch(of, hour), [(hour, text)]) for hour, text in enumerate(texts)
    ]
    loader = Loader(Target(of), NAMES, ROLE, Run("order", "run"), endpoint.connect, S3())
    reports = sorted(loader.load(commits), key=lambda report: report.hour)
    assert [report.outcome for report in reports] == ["done", "blocked", "done"]
    assert reports[1].error_code == "WAREHOUSE_REFUSED"


def test_what_is_captured_arrives_as_json(endpoint: Endpoint) -> None:
    of = contract("append", columns=COLUMNS, unknown="capture")
    for name in (NAMES.raw_bucket(of.source), NAMES.processed_bucket(of.source)):
        bucket(name)
    endpoint.bootstrap(of)
    loaded(endpoint, of, 0, '{"id":1,"opens":"06:30","note":{"by":["x",0.10]}}\n')
    with connect(endpoint.admin) as warehouse:
        found = warehouse.fetch(f"SELECT _extra FROM {Target(of).table.sql}", name="the rows")
    assert [tuple(row) for row in found] == [('{"note": {"by": ["x", 0.10]}}',)]


def test_a_version_that_is_a_time_keeps_the_later_row(endpoint: Endpoint) -> None:
    of = contract("upsert", "opens", columns=COLUMNS)
    for name in (NAMES.raw_bucket(of.source), NAMES.processed_bucket(of.source)):
        bucket(name)
    endpoint.bootstrap(of)
    loaded(endpoint, of, 1, SECOND)
    loaded(endpoint, of, 2, FIRST)
    assert rows(endpoint, of) == {**ROWS, 1: CHANGED}
