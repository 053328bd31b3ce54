"""What an hour is blocked by, written down beside its pin for whoever asks how far it has come.

It is about one version of the manifest: once another is there, or the hour is loaded, it says
nothing any more.
"""

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict

from etl_platform.contract.batch import HourField, batch_id
from etl_platform.contract.errors import ObjectMissing
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import Names
from etl_platform.contract.storage import Storage


class BlockedHour(BaseModel):
    """A batch that a stage could not pass on, with the error that says why."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    hour: HourField
    batch_id: str
    stage: str
    error_code: str
    error: str
    at: datetime


def write_blocked(
    storage: Storage, names: Names, source: str, hour: Hour, stage: str, code: str, error: str
) -> None:
    """Write down that the hour, as its manifest stands now, is blocked; nothing without one."""
    manifest = storage.find(names.manifest(source, hour))
    if manifest is None:
        return
    blocked = BlockedHour(
        hour=hour,
        batch_id=batch_id(source, hour, manifest.version_id or manifest.etag),
        stage=stage,
        error_code=code,
        error=error,
        at=datetime.now(UTC),
    )
    storage.write(names.blocked(source, hour), blocked.model_dump_json().encode())


def read_blocked(storage: Storage, names: Names, source: str, hour: Hour) -> BlockedHour | None:
    """What was written down of the hour last."""
    try:
        return BlockedHour.model_validate_json(storage.read(names.blocked(source, hour)))
    except ObjectMissing:
        return None
