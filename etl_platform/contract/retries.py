"""How often an hour that failed by a fault outside is asked for again by itself."""

from datetime import timedelta
from typing import Final

from pydantic import Field

from etl_platform.contract.fields import Model

_LONGEST: Final = timedelta(hours=6)


class Retries(Model):
    """The steps of a run try again within minutes; this is for faults that last for hours."""

    times: int = Field(default=6, ge=0, le=100)
    """Runs after the first one."""
    first_wait_minutes: int = Field(default=10, ge=1, le=1440)
    """Between the end of the first run and the second one. Each wait is twice the one before, up to
    six hours."""

    def wait(self, run: int) -> timedelta | None:
        """How long after the end of the run of this number, from 1, the next one is asked for; None
        if there is none."""
        if run > self.times:
            return None
        first = timedelta(minutes=self.first_wait_minutes)
        # Twenty doublings of a minute are more than a year.
        doublings: int = 2 ** min(run - 1, 20)
        return min(first * doublings, max(first, _LONGEST))
