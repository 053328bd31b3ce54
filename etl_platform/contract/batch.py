"""A batch: a source, an hour and one version of its manifest, with the files pinned."""

import hashlib
from datetime import datetime
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from etl_platform.contract.hour import Hour

HourField = Annotated[
    Hour,
    BeforeValidator(lambda value: value if isinstance(value, Hour) else Hour.parse(value)),
    PlainSerializer(str),
]


def batch_id(source: str, hour: Hour, manifest_version: str) -> str:
    """32 hexadecimal characters that stay the same wherever they are computed."""
    return hashlib.sha256(f"{source}|{hour}|{manifest_version}".encode()).hexdigest()[:32]


class SourceFile(BaseModel):
    """A raw file at one version, so that an object written over it later is not read by mistake."""

    model_config = ConfigDict(frozen=True)
    bucket: str
    key: str
    version_id: str | None
    size_bytes: int

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


class Batch(BaseModel):
    """`manifest_at` orders the versions of one hour: the manifest written last stands for it."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    source: str
    hour: HourField
    manifest_url: str
    manifest_version: str
    manifest_at: datetime
    files: tuple[SourceFile, ...]

    @cached_property
    def batch_id(self) -> str:
        return batch_id(self.source, self.hour, self.manifest_version)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def __str__(self) -> str:
        return f"batch {self.batch_id[:8]} of {self.source} {self.hour}"
