"""A time that tests set."""

from datetime import UTC, datetime, timedelta

from etl_platform.contract.hour import Hour


class Clock:
    """The time of sensors and queues; it moves only when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2014, 1, 10, 12, 20, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    @property
    def hour(self) -> Hour:
        return Hour.containing(self.now)

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)
