"""The manifest of an hour: the Redshift manifest format, plain or as UNLOAD VERBOSE writes it."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etl_platform.contract.errors import LocationRefused, ManifestInvalid
from etl_platform.contract.layout import MANIFEST, Location

MOST_BYTES = 16 * 1024 * 1024
"""A manifest above this is refused before it is parsed; 100,000 entries take about 12 MB."""


class EntryMeta(BaseModel):
    """What the writer knew of a file. UNLOAD VERBOSE gives both, a plain source perhaps none."""

    model_config = ConfigDict(frozen=True)
    content_length: int | None = Field(default=None, ge=0)
    record_count: int | None = Field(default=None, ge=0)


class Entry(BaseModel):
    """One file. `mandatory` is read and not obeyed: every listed file is mandatory here."""

    model_config = ConfigDict(frozen=True)
    url: str
    mandatory: bool = True
    meta: EntryMeta = EntryMeta()


class Manifest(BaseModel):
    """The files of one version of one hour. An empty list is an hour without records."""

    model_config = ConfigDict(frozen=True)
    entries: tuple[Entry, ...]

    @classmethod
    def parse(cls, body: bytes, location: Location) -> Self:
        """Read a manifest and check that every entry lies in its own folder, once."""
        if len(body) > MOST_BYTES:
            raise ManifestInvalid(str(location), f"it has {len(body)} bytes, {MOST_BYTES} at most")
        try:
            manifest = cls.model_validate_json(body.removeprefix(b"\xef\xbb\xbf"))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(p) for p in first["loc"])
            raise ManifestInvalid(str(location), f"{place or 'it'}: {first['msg']}") from None
        manifest._check_places(location)
        return manifest

    def _check_places(self, location: Location) -> None:
        folder = location.key.removesuffix(MANIFEST)
        seen: set[str] = set()
        for entry in self.entries:
            file = Location.parse(entry.url)
            name = file.key.removeprefix(folder)
            inside = file.bucket == location.bucket and file.key.startswith(folder)
            if not inside or not name or "/" in name or name == MANIFEST:
                raise LocationRefused(
                    entry.url,
                    f"is listed by {location} and is not a file of its folder",
                    f"s3://{location.bucket}/{folder}<file>",
                )
            if entry.url in seen:
                raise ManifestInvalid(str(location), f"{entry.url} is listed twice")
            seen.add(entry.url)
