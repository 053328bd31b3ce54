"""S3 events as they come: the one that asks for a batch, and all that ask for nothing."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.aws.queue import Queue
from etl_platform.contract.errors import ServiceUnavailable
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.messaging import Outgoing
from etl_platform.ingest.handler import Ignored, handler, read_event
from etl_platform.ingest.message import BatchRequest

NAMES = Names("etl-platform")


def record(**change: Any) -> dict[str, Any]:
    """An S3 record of a manifest, with parts of its object, or of itself, changed."""
    written = {
        "key": "2013/01/01/05/manifest.json",
        "size": 12,
        "eTag": "e1",
        "versionId": "v1",
        "sequencer": "0055AED6DCD90281E5",
    }
    outer = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2013-01-01T06:00:00.000Z",
        "eventName": "ObjectCreated:Put",
    }
    bucket = change.pop("bucket", "etl-platform-raw-flights")
    outer |= {name: change.pop(name) for name in list(change) if name in outer}
    return {**outer, "s3": {"bucket": {"name": bucket}, "object": written | change}}


def read(*records: Any) -> list[BatchRequest | Ignored]:
    return list(read_event({"Records": list(records)}, NAMES))


def test_a_manifest_asks_for_its_hour() -> None:
    assert read(record()) == [
        BatchRequest(
            source="flights",
            hour=Hour.parse("2013-01-01-05"),
            bucket="etl-platform-raw-flights",
            folder="2013/01/01/05/",
            manifest_version="v1",
            sequencer="0055AED6DCD90281E5",
            event_at=datetime(2013, 1, 1, 6, tzinfo=UTC),
        )
    ]


@pytest.mark.parametrize("version", [None, "", "null"])
def test_without_a_version_the_etag_stands_for_it(version: str | None) -> None:
    (found,) = read(record(versionId=version))
    assert isinstance(found, BatchRequest)
    assert found.manifest_version == "e1"


def test_a_source_with_an_underscore_is_found_by_the_dash_of_its_bucket() -> None:
    (found,) = read(record(bucket="etl-platform-raw-air-ports"))
    assert isinstance(found, BatchRequest)
    assert found.source == "air_ports"


@pytest.mark.parametrize(
    ("ignored", "reason"),
    [
        pytest.param(record(eventName="ObjectRemoved:Delete"), "creates nothing", id="delete"),
        pytest.param(
            record(eventName="ObjectRemoved:DeleteMarkerCreated"), "creates nothing", id="marker"
        ),
        pytest.param(record(eventName="s3:ObjectRestore:Post"), "creates nothing", id="restore"),
        pytest.param(record(bucket="others-raw-flights"), "no raw bucket", id="foreign-bucket"),
        pytest.param(
            record(bucket="etl-platform-processed-flights"), "no raw bucket", id="own-other-bucket"
        ),
        pytest.param(record(key="2013/01/01/05/a.csv"), "no manifest", id="data-file"),
        pytest.param(record(key="manifest.json"), "no manifest", id="at-the-top"),
        pytest.param(record(key="2013/01/01/24/manifest.json"), "no manifest", id="hour-24"),
        pytest.param(record(key="2013/02/30/00/manifest.json"), "no manifest", id="no-such-day"),
        pytest.param(record(key="x/2013/01/01/05/manifest.json"), "no manifest", id="deeper"),
        pytest.param(record(key="2013/01/01/05/%FF%FE"), "not one of S3", id="not-utf-8"),
        pytest.param(record(eventTime="soon"), "not one of S3", id="no-time"),
        pytest.param(record(key=None) | {"s3": {}}, "not one of S3", id="no-bucket"),
        pytest.param({}, "not one of S3", id="empty"),
        pytest.param(None, "not one of S3", id="null"),
        pytest.param("text", "not one of S3", id="text"),
        pytest.param({"s3": 7, "eventName": "ObjectCreated:Put"}, "not one of S3", id="number"),
    ],
)
def test_a_record_that_asks_for_nothing_is_passed_over_and_the_next_one_is_read(
    ignored: Any, reason: str
) -> None:
    passed, asked = read(ignored, record())
    assert isinstance(passed, Ignored)
    assert reason in passed.reason
    assert isinstance(asked, BatchRequest)


@pytest.mark.parametrize(
    "event",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "etl-platform-raw-flights"},
        {},
        {"Records": None},
        [],
        None,
    ],
)
def test_an_event_without_records_is_passed_over(event: object) -> None:
    (found,) = read_event(event, NAMES)
    assert isinstance(found, Ignored)


@given(st.text())
def test_a_key_is_read_as_s3_encodes_it(key: str) -> None:
    try:
        encoded = quote_plus(key, safe="/")
    except UnicodeEncodeError:  # a lone surrogate is no text of a key
        return
    (found,) = read(record(key=encoded))
    assert isinstance(found, Ignored)
    assert found.key == key


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_no_record_of_whatever_shape_raises(value: Any) -> None:
    assert len(read(value, {"eventName": value}, {"s3": value})) == 3


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Outgoing]:
    """What the handler sends, with the queue cut off at its edge."""
    messages: list[Outgoing] = []
    monkeypatch.setenv("ETL_NAMESPACE", "etl-platform")
    monkeypatch.setattr(Queue, "send", lambda self, batch: messages.extend(batch))
    return messages


def test_the_function_sends_each_request_in_the_group_of_its_hour(sent: list[Outgoing]) -> None:
    answer = handler({"Records": [record(), record(key="x"), record(versionId="v2")]}, None)
    assert answer == {"requested": 2, "ignored": 1}
    assert {message.group_id for message in sent} == {"flights|2013-01-01-05"}
    assert len({message.deduplication_id for message in sent}) == 2
    assert BatchRequest.from_json(sent[0].body).manifest_version == "v1"


def test_every_line_of_the_log_is_json_with_a_reason_for_what_is_passed_over(
    sent: list[Outgoing], capsys: pytest.CaptureFixture[str]
) -> None:
    handler({"Records": [record(), record(key="a\nb")]}, None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["what"] for line in lines] == ["ignored", "requested"]
    assert lines[0]["reason"]
    assert lines[0]["key"] == "a\nb"


def test_a_failure_to_send_is_raised_so_that_lambda_delivers_the_event_again(
    sent: list[Outgoing], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Queue, batch: list[Outgoing]) -> None:
        raise ServiceUnavailable("sqs", "SendMessageBatch", "throttled")

    monkeypatch.setattr(Queue, "send", fail)
    with pytest.raises(ServiceUnavailable):
        handler({"Records": [record()]}, None)
