"""Dagster at its webserver: what it knows of its runs, and runs asked for, as the UI does it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from etl_platform.contract.errors import ServiceUnavailable

ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
_RUNS_A_PAGE = 200
_ANSWERS_WITHIN_S = 30.0
_LAUNCHES_WITHIN_S = 600.0
"""Before it answers, Dagster stores three events for each hour of the run: some ms each, and there
may be a thousand hours."""
_LOADS_WITHIN_S = 180.0
"""A code location that starts anew, on a machine that is busy."""

RUNS = """
query ($filter: RunsFilter!, $limit: Int!) {
  runsOrError(filter: $filter, limit: $limit) {
    ... on Runs { results {
      runId jobName status creationTime startTime endTime
      tags { key value }
    } }
    ... on PythonError { message }
  }
}"""

EVENTS = """
query ($run: ID!, $after: String) {
  logsForRun(runId: $run, afterCursor: $after) {
    ... on EventConnection { cursor hasMore events {
      __typename
      ... on MaterializationEvent { timestamp partition assetKey { path } }
      ... on AssetCheckEvaluationEvent { timestamp
        evaluation { success description partition assetKey { path } } }
      ... on RunFailureEvent { message error { message causes { message } } }
      ... on ExecutionStepFailureEvent { message error { message causes { message } } }
    } }
    ... on PythonError { message }
  }
}"""

JOBS = """
{ repositoriesOrError {
    ... on RepositoryConnection { nodes { name location { name } jobs { name } } }
    ... on PythonError { message }
} }"""

LAUNCH = """
mutation ($location: String!, $repository: String!, $job: String!, $tags: [ExecutionTag!]!) {
  launchRun(executionParams: {
    selector: {repositoryLocationName: $location, repositoryName: $repository, jobName: $job}
    runConfigData: {}
    executionMetadata: {tags: $tags}
  }) {
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on UnauthorizedError { message }
    ... on PipelineNotFoundError { message }
    ... on InvalidSubsetError { message }
    ... on RunConflict { message }
  }
}"""

RELOAD = """
mutation ($location: String!) {
  reloadRepositoryLocation(repositoryLocationName: $location) {
    ... on WorkspaceLocationEntry { locationOrLoadError { ... on PythonError { message } } }
    ... on PythonError { message }
    ... on UnauthorizedError { message }
    ... on ReloadNotSupported { message }
    ... on RepositoryLocationNotFound { message }
  }
}"""

SENSORS = """
{ workspaceOrError { ... on Workspace { locationEntries {
    name loadStatus
    locationOrLoadError {
      ... on PythonError { message }
      ... on RepositoryLocation { repositories { sensors {
        name sensorState { status ticks(limit: 1) { timestamp } }
      } } }
    } } } } }"""


@dataclass(frozen=True)
class Run:
    """One run of a job. Moments are seconds since 1970."""

    run_id: str
    job: str
    status: str
    created_at: float
    started_at: float | None
    ended_at: float | None
    tags: dict[str, str]

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def hour_keys(self) -> tuple[str, str]:
        """The first and the last partition asked for; empty texts for a run without any."""
        one = self.tags.get("dagster/partition", "")
        return (
            self.tags.get("dagster/asset_partition_range_start", one),
            self.tags.get("dagster/asset_partition_range_end", one),
        )


@dataclass
class RunEvents:
    """What a run said of single hours, by (stage, hour), and why it failed if it did."""

    materialized_at: dict[tuple[str, str], float] = field(default_factory=dict)
    blocked: dict[tuple[str, str], str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sensor:
    """A sensor of the code location, and the moment at which its last tick began, if it had one."""

    name: str
    is_running: bool
    ticked_at: float | None = None


class DagsterApi:
    """GraphQL at one webserver."""

    def __init__(self, address: str) -> None:
        self.address = address

    def sensors(self) -> list[Sensor]:
        """Every sensor. Raises ServiceUnavailable while the code location is not loaded."""
        sensors = []
        for entry in self._ask(SENSORS, {})["workspaceOrError"]["locationEntries"]:
            location = entry["locationOrLoadError"] or {}
            if "repositories" not in location:
                problem = location.get("message", entry["loadStatus"])
                raise ServiceUnavailable("dagster", f"load {entry['name']}", problem)
            for repository in location["repositories"]:
                sensors += [_sensor(found) for found in repository["sensors"]]
        return sensors

    def reload(self) -> None:
        """Have every code location read its definitions again, the contracts among them.

        Raises ServiceUnavailable if one cannot be loaded.
        """
        for entry in self._ask(SENSORS, {})["workspaceOrError"]["locationEntries"]:
            wanted = {"location": entry["name"]}
            answer = self._ask(RELOAD, wanted, _LOADS_WITHIN_S)["reloadRepositoryLocation"]
            problem = (answer.get("locationOrLoadError") or answer).get("message")
            if problem:
                raise ServiceUnavailable("dagster", f"load {entry['name']}", problem)

    def runs(self, created_after: float, job: str | None = None) -> list[Run]:
        """The runs created since a moment, newest first."""
        wanted = {"createdAfter": created_after, **({"pipelineName": job} if job else {})}
        answer = self._ask(RUNS, {"filter": wanted, "limit": _RUNS_A_PAGE})["runsOrError"]
        return [
            Run(
                run_id=r["runId"],
                job=r["jobName"],
                status=r["status"],
                created_at=r["creationTime"],
                started_at=r["startTime"],
                ended_at=r["endTime"],
                tags={tag["key"]: tag["value"] for tag in r["tags"]},
            )
            for r in self._part(answer, "results")
        ]

    def events(self, run_id: str) -> RunEvents:
        """What a run has said up to now."""
        said = RunEvents()
        for event in self._events(run_id):
            kind = event["__typename"]
            if kind == "MaterializationEvent" and event["partition"]:
                place = (event["assetKey"]["path"][0], event["partition"])
                said.materialized_at[place] = float(event["timestamp"]) / 1000
            elif kind == "AssetCheckEvaluationEvent" and not event["evaluation"]["success"]:
                check = event["evaluation"]
                place = (check["assetKey"]["path"][0], check["partition"] or "")
                said.blocked[place] = check["description"] or "a check failed"
            elif kind in ("RunFailureEvent", "ExecutionStepFailureEvent"):
                said.failures.append(_deepest(event))
        return said

    def launch(self, job: str, tags: Mapping[str, str]) -> str:
        """Ask for a run of a job; its id. Raises ServiceUnavailable if Dagster refuses."""
        answer = self._ask(JOBS, {})["repositoriesOrError"]
        places = [
            {"location": node["location"]["name"], "repository": node["name"]}
            for node in self._part(answer, "nodes")
            if any(known["name"] == job for known in node["jobs"])
        ]
        if not places:
            raise ServiceUnavailable("dagster", f"launch {job}", "it knows no such job")
        given = [{"key": key, "value": value} for key, value in tags.items()]
        wanted = {**places[0], "job": job, "tags": given}
        answer = self._ask(LAUNCH, wanted, _LAUNCHES_WITHIN_S)["launchRun"]
        if "run" not in answer:
            raise ServiceUnavailable("dagster", f"launch {job}", answer.get("message", "refused"))
        return str(answer["run"]["runId"])

    def _events(self, run_id: str) -> Iterator[dict[str, Any]]:
        after = None
        while True:
            answer = self._ask(EVENTS, {"run": run_id, "after": after})["logsForRun"]
            yield from self._part(answer, "events")
            if not answer["hasMore"]:
                return
            after = answer["cursor"]

    def _part(self, answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
        if name not in answer:
            raise ServiceUnavailable("dagster", name, answer.get("message", "no answer"))
        return list(answer[name])

    def _ask(
        self, query: str, variables: dict[str, Any], within_s: float = _ANSWERS_WITHIN_S
    ) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(  # noqa: S310 - the address is this machine's own
            f"{self.address}/graphql", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=within_s) as response:  # noqa: S310
                answer = json.load(response)
        except (OSError, urllib.error.URLError, ValueError) as error:
            raise ServiceUnavailable("dagster", "GraphQL", str(error)) from error
        if answer.get("errors"):
            raise ServiceUnavailable("dagster", "GraphQL", answer["errors"][0]["message"])
        return dict(answer["data"])


def _sensor(found: Mapping[str, Any]) -> Sensor:
    state = found["sensorState"]
    began = [float(tick["timestamp"]) for tick in state["ticks"]]
    return Sensor(found["name"], state["status"] == "RUNNING", *began)


def _deepest(event: dict[str, Any]) -> str:
    error = event.get("error") or {}
    causes = error.get("causes") or []
    texts = [*(cause["message"] for cause in reversed(causes)), error.get("message", "")]
    return next((text.strip() for text in texts if text.strip()), str(event["message"]))
