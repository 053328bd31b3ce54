"""A FIFO queue on Amazon SQS. The Lambda imports this: standard library and boto3 only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from etl_platform.aws.clients import client, translated
from etl_platform.contract.errors import ServiceUnavailable

_MOST_IN_A_CALL = 10
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Outgoing:
    """A message to send. Messages of one group arrive in their order; doubles are dropped."""

    body: str
    group_id: str
    deduplication_id: str


@dataclass(frozen=True)
class Received:
    """A message in flight: it comes back unless it is deleted by its receipt in time."""

    receipt: str
    body: str
    message_id: str
    receive_count: int


@dataclass(frozen=True)
class Queue:
    """One queue by its name. Calls raise ServiceUnavailable for any fault."""

    name: str

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Send every message or raise; what was sent before the fault is dropped as a double."""
        for chunk in _chunks(messages):
            entries = [
                {
                    "Id": str(number),
                    "MessageBody": message.body,
                    "MessageGroupId": message.group_id,
                    "MessageDeduplicationId": message.deduplication_id,
                }
                for number, message in enumerate(chunk)
            ]
            with translated("sqs", f"SendMessageBatch {self.name}"):
                answer = client("sqs").send_message_batch(QueueUrl=self._url, Entries=entries)
            _refuse_failed(f"SendMessageBatch {self.name}", answer)

    def receive(self, most: int, wait_s: int = 0) -> list[Received]:
        """Up to `most` messages; ends early at the first call that brings none within `wait_s`."""
        received: list[Received] = []
        while len(received) < most:
            with translated("sqs", f"ReceiveMessage {self.name}"):
                answer = client("sqs").receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=min(_MOST_IN_A_CALL, most - len(received)),
                    WaitTimeSeconds=wait_s,
                    MessageSystemAttributeNames=["ApproximateReceiveCount"],
                )
            messages = answer.get("Messages", ())
            if not messages:
                break
            received += [
                Received(
                    message["ReceiptHandle"],
                    message["Body"],
                    message["MessageId"],
                    int(message["Attributes"]["ApproximateReceiveCount"]),
                )
                for message in messages
            ]
        return received

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete messages that are in flight; one that is not deleted comes back."""
        for chunk in _chunks(receipts):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt}
                for number, receipt in enumerate(chunk)
            ]
            with translated("sqs", f"DeleteMessageBatch {self.name}"):
                answer = client("sqs").delete_message_batch(QueueUrl=self._url, Entries=entries)
            _refuse_failed(f"DeleteMessageBatch {self.name}", answer)

    @property
    def _url(self) -> str:
        return _url_of(self.name)


@cache
def _url_of(name: str) -> str:
    with translated("sqs", f"GetQueueUrl {name}"):
        return str(client("sqs").get_queue_url(QueueName=name)["QueueUrl"])


def _chunks(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), _MOST_IN_A_CALL):
        yield items[start : start + _MOST_IN_A_CALL]


def _refuse_failed(call: str, answer: dict[str, list[dict[str, str]]]) -> None:
    """The batch calls of SQS succeed even if some or all of their entries failed."""
    if failed := answer.get("Failed"):
        codes = ", ".join(sorted({entry.get("Code", "") for entry in failed}))
        raise ServiceUnavailable("sqs", call, f"{len(failed)} message(s) failed: {codes}")
