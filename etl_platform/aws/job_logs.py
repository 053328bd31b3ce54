"""What a run of a Glue job writes: its streams in CloudWatch Logs.

The stream of a run has the name of the run in the groups `output` and `error` of its log group
(https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from etl_platform.aws.clients import client, error_code, translated

Kind = Literal["output", "error"]

_EVENTS_A_CALL = 1000


@dataclass
class JobLog:
    """One stream of one run, read from its beginning while it grows."""

    log_group: str
    run_id: str
    kind: Kind
    token: str | None = None

    def more(self) -> list[str]:
        """The lines since the last call, at most a thousand; none while there is no stream."""
        # A forward token is only valid with startFromHead, without which the newest page comes
        # first (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html).
        place = {"startFromHead": True, **({"nextToken": self.token} if self.token else {})}
        answer = self._events(**place)
        self.token = answer.get("nextForwardToken", self.token)
        return [str(event["message"]) for event in answer.get("events", ())]

    def last(self, lines: int) -> Sequence[str]:
        """The newest lines, oldest first."""
        answer = self._events(limit=lines)
        return [str(event["message"]) for event in answer.get("events", ())]

    def _events(self, **wanted: Any) -> dict[str, Any]:
        group = f"{self.log_group}/{self.kind}"
        with translated("logs", f"GetLogEvents {group} {self.run_id}"):
            try:
                answer: dict[str, Any] = client("logs").get_log_events(
                    **{
                        "logGroupName": group,
                        "logStreamName": self.run_id,
                        "limit": _EVENTS_A_CALL,
                        **wanted,
                    }
                )
            except ClientError as error:
                if error_code(error) == "ResourceNotFoundException":
                    return {}
                raise
        return answer
