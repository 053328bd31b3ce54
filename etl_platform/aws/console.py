"""Addresses of pages in the AWS console, for people who follow what a run has done."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from etl_platform.contract.layout import Location

_ENDPOINT = "AWS_ENDPOINT_URL"
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


@dataclass(frozen=True)
class Console:
    """The console of one Region."""

    region: str

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """None where AWS is not asked at its own endpoints: there is no console to look into."""
        region = next((environment[name] for name in _REGIONS if environment.get(name)), None)
        return cls(region) if region and not environment.get(_ENDPOINT) else None

    def folder(self, location: Location) -> str:
        """The objects below a prefix of S3."""
        prefix = quote(location.key, safe="/")
        return (
            f"{self._page('s3')}/s3/buckets/{location.bucket}?region={self.region}&prefix={prefix}"
        )

    def glue_run(self, job: str, run_id: str) -> str:
        """One run of a Glue job."""
        return f"{self._page('gluestudio')}#/job/{quote(job, safe='')}/run/{quote(run_id, safe='')}"

    def logs(self, group: str, stream: str) -> str:
        """The events of one log stream of CloudWatch, which wants its names quoted twice."""
        names = (quote(quote(name, safe=""), safe="").replace("%", "$") for name in (group, stream))
        log_group, log_events = names
        return (
            f"{self._page('cloudwatch')}#logsV2:log-groups/log-group/{log_group}"
            f"/log-events/{log_events}"
        )

    def query_editor(self) -> str:
        """Where Athena is asked."""
        return f"{self._page('athena')}#/query-editor"

    def _page(self, service: str) -> str:
        home = f"https://{self.region}.console.aws.amazon.com"
        return home if service == "s3" else f"{home}/{service}/home?region={self.region}"
