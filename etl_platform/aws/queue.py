"""A FIFO queue on Amazon SQS. The Lambda imports this: standard library and boto3 only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, TypeVar

from etl_platform.aws.clients import client, translated
from etl_platform.contract.errors import ServiceUnavailable
from etl_platform.contract.messaging import Outgoing, Received

_MOST_IN_A_CALL: Final = 10
_EXPIRED: Final = {"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"}
"""How SQS names a receipt whose message has been given back or deleted in the meantime."""
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Queue:
    """The MessageQueue port: one queue by its name."""

    name: str

    def send(self, messages: Sequence[Outgoing]) -> None:
        for chunk in _chunks(messages):
            entries = [_entry(number, message) for number, message in enumerate(chunk)]
            with translated("sqs", f"SendMessageBatch {self.name}"):
                answer = client("sqs").send_message_batch(QueueUrl=self._url, Entries=entries)
            _refuse_failed(f"SendMessageBatch {self.name}", answer)

    def receive(self, most: int, hidden_s: int | None = None, wait_s: int = 0) -> list[Received]:
        hidden = {} if hidden_s is None else {"VisibilityTimeout": hidden_s}
        received: list[Received] = []
        while len(received) < most:
            with translated("sqs", f"ReceiveMessage {self.name}"):
                answer = client("sqs").receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=min(_MOST_IN_A_CALL, most - len(received)),
                    MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
                    MessageAttributeNames=["All"],
                    # Only the first look waits: once there are some, the end is the end.
                    WaitTimeSeconds=0 if received else wait_s,
                    **hidden,
                )
            messages = answer.get("Messages", ())
            if not messages:
                break
            received += map(_received, messages)
        return received

    def delete(self, receipts: Sequence[str]) -> None:
        for chunk in _chunks(receipts):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt}
                for number, receipt in enumerate(chunk)
            ]
            with translated("sqs", f"DeleteMessageBatch {self.name}"):
                answer = client("sqs").delete_message_batch(QueueUrl=self._url, Entries=entries)
            _refuse_failed(f"DeleteMessageBatch {self.name}", answer, _EXPIRED)

    def give_back(self, receipts: Sequence[str]) -> None:
        for chunk in _chunks(receipts):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(chunk)
            ]
            with translated("sqs", f"ChangeMessageVisibilityBatch {self.name}"):
                answer = client("sqs").change_message_visibility_batch(
                    QueueUrl=self._url, Entries=entries
                )
            _refuse_failed(f"ChangeMessageVisibilityBatch {self.name}", answer, _EXPIRED)

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


def _entry(number: int, message: Outgoing) -> dict[str, Any]:
    return {
        "Id": str(number),
        "MessageBody": message.body,
        "MessageGroupId": message.group_id,
        "MessageDeduplicationId": message.deduplication_id,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value}
            for name, value in message.attributes.items()
        },
    }


def _received(message: dict[str, Any]) -> Received:
    told = message["Attributes"]
    return Received(
        receipt=message["ReceiptHandle"],
        body=message["Body"],
        message_id=message["MessageId"],
        receive_count=int(told["ApproximateReceiveCount"]),
        sent_at=datetime.fromtimestamp(int(told["SentTimestamp"]) / 1000, UTC),
        attributes={
            name: value["StringValue"]
            for name, value in message.get("MessageAttributes", {}).items()
            if "StringValue" in value
        },
    )


def _refuse_failed(
    call: str,
    answer: dict[str, list[dict[str, str]]],
    borne: frozenset[str] | set[str] = frozenset(),
) -> None:
    """The batch calls of SQS succeed even if some or all of their entries failed."""
    failed = [entry for entry in answer.get("Failed", ()) if entry.get("Code") not in borne]
    if failed:
        codes = ", ".join(sorted({entry.get("Code", "") for entry in failed}))
        raise ServiceUnavailable("sqs", call, f"{len(failed)} message(s) failed: {codes}")
