"""An announcement and a pin die beside their only effect; the next one makes the same again."""

import itertools
import json

import pytest

from etl_platform.aws.clients import client
from etl_platform.aws.queue import Queue
from etl_platform.aws.s3 import S3
from etl_platform.contract.batch import Batch
from etl_platform.contract.errors import ObjectMissing
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.ingest.handler import handler
from etl_platform.ingest.message import BatchRequest
from etl_platform.ingest.pin import pin
from etl_platform_tests.crash.places import PIN, SEND, WAYS
from etl_platform_tests.crash.processes import step
from etl_platform_tests.ingest.test_handler import record
from etl_platform_tests.load.endpoint import Endpoint, bucket

NAMES = Names("crash-ingest")
SOURCE = "pinned"
HOURS = map(Hour.parse("2026-11-23-03").plus, itertools.count())


@pytest.fixture(scope="module")
def raw(endpoint: Endpoint) -> None:
    for name in (NAMES.raw_bucket(SOURCE), NAMES.processed_bucket(SOURCE)):
        bucket(name)


@pytest.fixture(scope="module")
def queue(endpoint: Endpoint) -> Queue:
    client("sqs").create_queue(QueueName=NAMES.queue, Attributes={"FifoQueue": "true"})
    return Queue(NAMES.queue)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", SEND)
def test_an_event_that_comes_again_after_a_death_is_one_message(
    queue: Queue, place: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P1."""
    monkeypatch.setenv("ETL_NAMESPACE", NAMES.namespace)
    hour = next(HOURS)
    manifest = NAMES.manifest(SOURCE, hour)
    event = {"Records": [record(bucket=manifest.bucket, key=manifest.key)]}
    with step("send", event, f"{place}={way}") as announcement:
        WAYS[way](announcement)
    assert handler(event, None) == {"requested": 1, "ignored": 0}
    received = queue.receive(10)
    assert [BatchRequest.from_json(message.body).hour for message in received] == [hour]
    queue.delete([message.receipt for message in received])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PIN)
def test_a_pin_that_dies_is_made_by_the_next_one(raw: None, place: str, way: str) -> None:
    """P4."""
    hour, storage = next(HOURS), S3()
    file = NAMES.raw_folder(SOURCE, hour) / "a.csv"
    storage.write(file, b"id\n1\n")
    body = json.dumps({"entries": [{"url": str(file)}]}).encode()
    storage.write(NAMES.manifest(SOURCE, hour), body)

    asked = {"namespace": NAMES.namespace, "source": SOURCE, "hour": str(hour)}
    with step("pin", asked, f"{place}={way}") as pinning:
        WAYS[way](pinning)
    if place == "ingest.before_pin":
        with pytest.raises(ObjectMissing):
            storage.read(NAMES.pin(SOURCE, hour))
    made = pin(storage, NAMES, SOURCE, hour)
    assert Batch.model_validate_json(storage.read(NAMES.pin(SOURCE, hour))) == made
    assert [found.url for found in made.files] == [str(file)]
