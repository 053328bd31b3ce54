"""The promises of a MessageQueue, kept by SQS and by the one in memory, and the faults of SQS."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.stub import Stubber

from etl_platform.aws import queue as module
from etl_platform.aws.queue import Queue
from etl_platform.contract.errors import ServiceRefused, ServiceUnavailable
from etl_platform.contract.messaging import MessageQueue, Outgoing
from etl_platform_tests.fakes.queue import MemoryQueue
from infra.local.servers import REGION


@pytest.fixture(params=["sqs", "memory"])
def queue(request: pytest.FixtureRequest) -> MessageQueue:
    if request.param == "memory":
        return MemoryQueue()
    request.getfixturevalue("environment")
    name = f"{uuid4().hex}.fifo"
    boto3.client("sqs").create_queue(QueueName=name, Attributes={"FifoQueue": "true"})
    return Queue(name)


def messages(count: int) -> list[Outgoing]:
    return [Outgoing(f"body {n}", f"group {n}", f"double{n}") for n in range(count)]


def test_more_messages_than_one_call_takes_are_all_sent_and_received(queue: MessageQueue) -> None:
    queue.send(messages(25))
    received = queue.receive(100)
    assert {message.body for message in received} == {f"body {n}" for n in range(25)}
    assert {message.receive_count for message in received} == {1}


def test_no_more_are_received_than_asked_for(queue: MessageQueue) -> None:
    queue.send(messages(25))
    assert len(queue.receive(12)) == 12


def test_an_empty_queue_gives_nothing(queue: MessageQueue) -> None:
    assert queue.receive(10) == []


def test_a_message_that_is_sent_twice_arrives_once(queue: MessageQueue) -> None:
    queue.send(messages(3))
    queue.send(messages(3))
    assert len(queue.receive(100)) == 3


def test_a_message_in_flight_holds_back_its_group_until_it_is_deleted(queue: MessageQueue) -> None:
    queue.send([Outgoing("first", "hour", "a"), Outgoing("other hour", "other", "b")])
    first = queue.receive(10)
    queue.send([Outgoing("second", "hour", "c")])
    assert queue.receive(10) == []
    queue.delete([message.receipt for message in first])
    assert [message.body for message in queue.receive(10)] == ["second"]


def test_more_receipts_than_one_call_takes_are_all_deleted(queue: MessageQueue) -> None:
    queue.send(messages(25))
    received = queue.receive(100)
    queue.delete([message.receipt for message in received])
    queue.give_back([message.receipt for message in received])
    assert queue.receive(100) == []


def test_a_message_says_when_it_was_sent_and_keeps_its_attributes(queue: MessageQueue) -> None:
    queue.send([Outgoing("body", "group", "double", {"code": "A", "reason": "it is not so: ü"})])
    (message,) = queue.receive(10)
    assert message.attributes == {"code": "A", "reason": "it is not so: ü"}
    assert abs(message.sent_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_what_is_given_back_can_be_received_at_once(queue: MessageQueue) -> None:
    queue.send(messages(12))
    received = queue.receive(100, hidden_s=60)
    assert queue.receive(100) == []
    queue.give_back([message.receipt for message in received])
    again = queue.receive(100)
    assert {m.message_id for m in again} == {m.message_id for m in received}
    assert {m.receive_count for m in again} == {2}


def test_a_receipt_that_has_expired_deletes_nothing_and_stops_nothing(queue: MessageQueue) -> None:
    queue.send(messages(2))
    stale = [message.receipt for message in queue.receive(10)]
    queue.give_back(stale)
    assert len(queue.receive(10)) == 2
    queue.delete(stale)
    queue.give_back(stale)


def test_nothing_to_send_and_nothing_to_delete_calls_nothing() -> None:
    queue = Queue("no-such-queue.fifo")
    queue.send([])
    queue.delete([])
    queue.give_back([])


def test_a_queue_that_is_not_there_is_a_call_that_is_refused(environment: None) -> None:
    with pytest.raises(ServiceRefused, match=r"GetQueueUrl missing\.fifo"):
        Queue("missing.fifo").receive(1)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """SQS as it answers when it takes a part only: the emulator always takes all."""
    sqs = boto3.client("sqs", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(module, "client", lambda service: sqs)
    module._url_of.cache_clear()
    with Stubber(sqs) as stubber:
        stubber.add_response("get_queue_url", {"QueueUrl": "https://sqs/q"}, {"QueueName": "q"})
        yield stubber
    module._url_of.cache_clear()


def failed(ids: list[str], code: str) -> dict[str, Any]:
    return {
        "Successful": [],
        "Failed": [{"Id": id_, "SenderFault": False, "Code": code} for id_ in ids],
    }


def test_a_part_that_was_not_sent_raises(stub: Stubber) -> None:
    stub.add_response("send_message_batch", failed(["1", "2"], "InternalError"))
    with pytest.raises(ServiceUnavailable, match=r"2 message\(s\) failed: InternalError"):
        Queue("q").send(messages(3))


def test_a_part_that_was_not_deleted_raises(stub: Stubber) -> None:
    stub.add_response("delete_message_batch", failed(["0"], "InternalError"))
    with pytest.raises(ServiceUnavailable, match=r"1 message\(s\) failed: InternalError"):
        Queue("q").delete(["receipt"])


@pytest.mark.parametrize("code", ["ReceiptHandleIsInvalid", "InvalidParameterValue"])
def test_a_receipt_that_sqs_knows_no_more_is_borne(stub: Stubber, code: str) -> None:
    stub.add_response("delete_message_batch", failed(["0"], code))
    Queue("q").delete(["stale"])


def test_a_refused_call_raises_with_the_code_of_sqs(stub: Stubber) -> None:
    stub.add_client_error("receive_message", "AccessDenied", "no")
    with pytest.raises(ServiceRefused, match="ReceiveMessage q: AccessDenied"):
        Queue("q").receive(1)


@pytest.mark.parametrize(
    ("code", "status"),
    [("ThrottlingException", 400), ("ExpiredToken", 403), ("InternalError", 500), ("Odd", 429)],
)
def test_a_refusal_that_ends_by_itself_is_a_service_that_is_unavailable(
    stub: Stubber, code: str, status: int
) -> None:
    stub.add_client_error("receive_message", code, "later", status)
    with pytest.raises(ServiceUnavailable, match=code):
        Queue("q").receive(1)


@pytest.mark.usefixtures("environment")
def test_a_look_that_waits_has_a_message_as_soon_as_it_is_there() -> None:
    name = f"{uuid4().hex}.fifo"
    boto3.client("sqs").create_queue(QueueName=name, Attributes={"FifoQueue": "true"})
    queue = Queue(name)
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(queue.receive, 10, wait_s=20)
        queue.send(messages(1))
        # SQS gives the message to one look: without waiting, the thread would have found nothing.
        assert [message.body for message in looking.result()] == ["body 0"]
