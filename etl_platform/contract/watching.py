"""What a source is expected to send, for the checks that look whether it does."""

from pydantic import Field

from etl_platform.contract.fields import Model


class Watch(Model):
    """When an hour is missed, and when the number of its rows is unusual."""

    hours: int = Field(default=24, ge=1, le=744)
    """How many hours are looked at, the newest that should be there."""
    within_hours: int = Field(default=2, ge=0, le=744)
    """How long after its end an hour should be in the warehouse."""
    empty_hours: bool = True
    """Whether the source sends a manifest for an hour without records, too."""
    times_usual: float = Field(default=3.0, gt=1.0)
    """An hour with so many times the usual rows, or with that fraction of them, is unusual."""
