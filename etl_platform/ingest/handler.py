"""The Lambda function between S3 and the queue: an event becomes batch requests.

It exists because S3 cannot send to a FIFO queue. What it does not want it says in its log and
passes over: an error would only bring the same event again. Standard library and boto3 only.
"""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from etl_platform.aws.queue import Queue
from etl_platform.contract.checkpoints import checkpoint
from etl_platform.contract.layout import Names, hour_of_manifest
from etl_platform.contract.messaging import Outgoing
from etl_platform.ingest.message import BatchRequest


@dataclass(frozen=True)
class Ignored:
    """A record that asks for nothing, and why."""

    reason: str
    bucket: str | None = None
    key: str | None = None


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Lambda's entry. A raised ServiceUnavailable makes Lambda deliver the event again."""
    names = Names(os.environ["ETL_NAMESPACE"])
    requests = []
    ignored = 0
    for found in read_event(event, names):
        if isinstance(found, BatchRequest):
            requests.append(found)
        else:
            ignored += 1
            _say("ignored", reason=found.reason, bucket=found.bucket, key=found.key)
    Queue(names.queue).send(
        [Outgoing(r.to_json(), r.message_group_id, r.deduplication_id) for r in requests]
    )
    checkpoint("ingest.after_send")
    for request in requests:
        _say(
            "requested",
            source=request.source,
            hour=str(request.hour),
            version=request.manifest_version,
        )
    return {"requested": len(requests), "ignored": ignored}


def read_event(event: object, names: Names) -> Iterator[BatchRequest | Ignored]:
    """What each record of an S3 notification asks for."""
    if not isinstance(event, dict):
        yield Ignored("the event is no object")
    elif event.get("Event") == "s3:TestEvent":
        yield Ignored("S3 tests the notification", bucket=event.get("Bucket"))
    elif not isinstance(event.get("Records"), list):
        yield Ignored("the event has no records")
    else:
        for record in event["Records"]:
            yield _read_record(record, names)


def _read_record(record: Any, names: Names) -> BatchRequest | Ignored:
    try:
        name = str(record["eventName"])
        bucket = str(record["s3"]["bucket"]["name"])
        written = record["s3"]["object"]
        # S3 writes keys as a form does: a space as `+`, all else in percent signs.
        key = unquote_plus(str(written["key"]), errors="strict")
        event_at = datetime.fromisoformat(str(record["eventTime"]))
        version = _version(written)
        sequencer = str(written["sequencer"])
    except (KeyError, TypeError, ValueError):
        return Ignored("the record is not one of S3")
    if not name.removeprefix("s3:").startswith("ObjectCreated:"):
        return Ignored(f"{name} creates nothing", bucket, key)
    source = names.source_of(bucket)
    if source is None:
        return Ignored("the bucket is no raw bucket of this installation", bucket, key)
    hour = hour_of_manifest(key)
    if hour is None:
        return Ignored("the key is no manifest in the folder of an hour", bucket, key)
    return BatchRequest(source, hour, bucket, hour.folder, version, sequencer, event_at)


def _version(written: dict[str, Any]) -> str:
    """As `raw/<source>` names it: the version, or the ETag where the bucket keeps no versions."""
    version = written.get("versionId")
    return str(version if version not in (None, "", "null") else written["eTag"]).strip('"')


def _say(what: str, **facts: str | None) -> None:
    sys.stdout.write(json.dumps({"what": what, **facts}) + "\n")
