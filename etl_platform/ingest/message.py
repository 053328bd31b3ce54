"""The message of the queue: one version of one hour's manifest was seen, please load it.

Standard library only: the Lambda imports it.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from etl_platform.contract.errors import HourInvalid, MessageInvalid
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import SOURCE_NAME


@dataclass(frozen=True)
class BatchRequest:
    """What an event said. It is a hint: the manifest itself is read when the hour is pinned.

    `manifest_version` is the version of the object, or its ETag in a bucket without versions.
    """

    source: str
    hour: Hour
    bucket: str
    folder: str
    manifest_version: str
    sequencer: str
    event_at: datetime

    FORM: ClassVar[int] = 1
    """Goes up when a field changes its meaning, so that an old message is not misread."""

    @property
    def message_group_id(self) -> str:
        """Source and hour: a batch in flight holds back its own hour only."""
        return f"{self.source}|{self.hour}"

    @property
    def deduplication_id(self) -> str:
        """The same for every delivery of the same event, which S3 may make more than once."""
        identity = f"{self.source}|{self.hour}|{self.manifest_version}"
        return hashlib.sha256(identity.encode()).hexdigest()

    def to_json(self) -> str:
        return json.dumps(
            {
                "form": self.FORM,
                "source": self.source,
                "hour": str(self.hour),
                "bucket": self.bucket,
                "folder": self.folder,
                "manifest_version": self.manifest_version,
                "sequencer": self.sequencer,
                "event_at": self.event_at.isoformat(),
            }
        )

    @classmethod
    def from_json(cls, body: str) -> Self:
        """Read a body; raises MessageInvalid with what is wrong in it."""
        try:
            fields = json.loads(body)
        except (ValueError, RecursionError):
            raise MessageInvalid(body, "is not JSON") from None
        if not isinstance(fields, dict) or fields.get("form") != cls.FORM:
            raise MessageInvalid(body, f"is not of form {cls.FORM}")
        request = cls(
            source=_text(fields, "source", body),
            hour=_hour(fields, body),
            bucket=_text(fields, "bucket", body),
            folder=_text(fields, "folder", body),
            manifest_version=_text(fields, "manifest_version", body),
            sequencer=_text(fields, "sequencer", body),
            event_at=_moment(fields, body),
        )
        if not SOURCE_NAME.fullmatch(request.source):
            raise MessageInvalid(body, "names a source that cannot exist")
        if request.folder != request.hour.folder:
            raise MessageInvalid(body, "names a folder of another hour")
        return request


def _text(fields: dict[str, Any], name: str, body: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise MessageInvalid(body, f"has no text in {name!r}")
    return value


def _hour(fields: dict[str, Any], body: str) -> Hour:
    try:
        return Hour.parse(_text(fields, "hour", body))
    except HourInvalid:
        raise MessageInvalid(body, "has no hour in 'hour'") from None


def _moment(fields: dict[str, Any], body: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(fields, "event_at", body))
    except ValueError:
        raise MessageInvalid(body, "has no time in 'event_at'") from None
    if moment.tzinfo is None:
        raise MessageInvalid(body, "has a time without a zone in 'event_at'")
    return moment
