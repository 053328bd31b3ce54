"""The queue as the fast way: what is asked for, what is refused, what leaves the queue and when."""

import json
from collections.abc import Mapping

import dagster as dg
import pytest

from etl_platform.components import sensor as module
from etl_platform.components.past import ATTEMPT_TAG, PRIORITY_TAG, marks_of
from etl_platform.components.sensor import MANIFEST_SENSOR, Queues, manifest_sensor
from etl_platform.contract.errors import ServiceUnavailable
from etl_platform.contract.hour import Hour
from etl_platform.contract.messaging import Outgoing
from etl_platform.ingest.arrivals import Arrival
from etl_platform.ingest.message import BatchRequest
from etl_platform_tests.components import daemon
from etl_platform_tests.components.clock import Clock
from etl_platform_tests.components.daemon import Daemon, Death, end, hours_of, load, succeed
from etl_platform_tests.components.sources import contract
from etl_platform_tests.fakes.queue import MemoryQueue

CONTRACTS = {source: contract(source) for source in ("orders", "visits")}
CONTRACTS["closed"] = contract("closed", ends="2013-06-01-00")


class Stage:
    """A queue, a daemon and the sensor between them."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.clock = Clock()
        self.dead = MemoryQueue(self.clock)
        self.queue = MemoryQueue(self.clock, most_receives=5, dead_letters=self.dead)
        queues = Queues(self.queue, self.dead)
        repository = daemon.repository_of(
            CONTRACTS, lambda jobs: [manifest_sensor(CONTRACTS, queues, jobs, self.clock)]
        )
        self.daemon = Daemon(instance, repository)
        self.sensor = repository.get_sensor_def(MANIFEST_SENSOR)
        self.doubles = iter(range(10**6))

    def announce(
        self,
        source: str,
        hour: Hour,
        version: str = "v1",
        sequencer: str = "01",
        change: Mapping[str, object] | None = None,
    ) -> Arrival:
        request = BatchRequest(
            source, hour, "bucket", hour.folder, version, sequencer, self.clock.now
        )
        body = json.dumps({**json.loads(request.to_json()), **(change or {})})
        self.queue.send([Outgoing(body, request.message_group_id, f"d{next(self.doubles)}")])
        return Arrival(source, hour, version)

    def tick(self, death: Death | None = None) -> list[dg.RunRequest]:
        return self.daemon.tick(self.sensor, death)

    @property
    def runs(self) -> list[dg.DagsterRun]:
        return [record.dagster_run for record in self.daemon.runs()]


@pytest.fixture
def stage(instance: dg.DagsterInstance) -> Stage:
    return Stage(instance)


def test_a_message_asks_for_its_hour_and_leaves_the_queue_when_the_run_exists(stage: Stage) -> None:
    stage.announce("orders", stage.clock.hour)
    (request,) = stage.tick()
    assert (request.job_name, hours_of(request)) == ("load_orders", {stage.clock.hour})
    assert len(stage.queue) == 1
    assert stage.tick() == []
    assert len(stage.queue) == 0


@pytest.mark.parametrize("death", Death)
def test_a_tick_that_dies_anywhere_makes_each_run_once(stage: Stage, death: Death) -> None:
    """P1, P4: whatever is resumed, forgotten or delivered again."""
    hours = [stage.clock.hour.plus(-number) for number in (0, 1, 5, 6, 50)]
    for hour in hours:
        stage.announce("orders", hour)
    stage.tick(death)
    stage.daemon.forget_what_is_written_down()
    stage.clock.pass_by(minutes=6)
    while len(stage.queue):
        stage.tick()
    asked = [hour for run in stage.runs for hour in daemon.asked(run)]
    assert sorted(asked) == sorted(hours)


def test_late_hours_that_touch_are_one_run_and_fresh_ones_stand_alone_and_go_first(
    stage: Stage,
) -> None:
    now = stage.clock.hour
    for number in (9, 3, 1, 4, 0, 2):
        stage.announce("orders", now.plus(-number))
    requests = stage.tick()
    assert [hours_of(request) for request in requests] == [
        {now.plus(-1)},
        {now},
        set(now.plus(-9).through(now.plus(-2))),
    ]
    assert [int(request.tags[PRIORITY_TAG]) for request in requests] == [10, 10, 0]


def test_a_backlog_is_asked_for_in_runs_no_longer_than_the_contract_says(stage: Stage) -> None:
    first = stage.clock.hour.plus(-100)
    for number in range(60):
        stage.announce("orders", first.plus(number))
    assert [len(hours_of(request)) for request in stage.tick()] == [24, 24, 12]


def test_a_tick_asks_for_no_more_than_its_cap_and_for_the_rest_in_the_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_REQUESTS", 2)
    hours = [stage.clock.hour.plus(-24 * number) for number in range(1, 6)]
    for hour in hours:
        stage.announce("orders", hour)
    asked = [len(stage.tick()) for _ in range(4)]
    assert asked == [2, 2, 1, 0]
    assert len(stage.queue) == 0


def test_no_source_waits_behind_the_backlog_of_another(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P5."""
    monkeypatch.setattr(module, "MOST_REQUESTS", 2)
    for number in range(1, 6):
        stage.announce("orders", stage.clock.hour.plus(-24 * number))
    stage.announce("visits", stage.clock.hour.plus(-24))
    assert {request.job_name for request in stage.tick()} == {"load_orders", "load_visits"}


def test_doubles_in_one_batch_and_later_ask_once(stage: Stage) -> None:
    """B1."""
    hour = stage.clock.hour
    for _ in range(100):
        stage.announce("orders", hour)
    stage.tick()
    for _ in range(5):
        stage.announce("orders", hour)
        stage.clock.pass_by(minutes=10)
        stage.tick()
    assert len(stage.runs) == 1
    assert len(stage.queue) == 0


def test_of_two_versions_the_newest_is_asked_for_whatever_came_first(stage: Stage) -> None:
    """B2: `0a0` is newer than `0a`, because the shorter is filled up with zeros."""
    stage.announce("orders", stage.clock.hour, "new", sequencer="0A01")
    stage.announce("orders", stage.clock.hour, "old", sequencer="0a")
    stage.tick()
    newest = Arrival("orders", stage.clock.hour, "new")
    (run,) = stage.runs
    assert marks_of("orders", run) == {stage.clock.hour: (newest.batch_id, 1)}
    stage.tick()
    assert len(stage.queue) == 0


def test_a_manifest_that_is_written_again_is_asked_for_again(stage: Stage) -> None:
    """B4."""
    stage.announce("orders", stage.clock.hour, "v1")
    stage.tick()
    stage.announce("orders", stage.clock.hour, "v2")
    stage.tick()
    stage.tick()
    assert len(stage.runs) == 2


def test_what_a_backfill_has_loaded_is_not_asked_for(stage: Stage) -> None:
    arrival = stage.announce("orders", stage.clock.hour)
    load(stage.daemon.instance, arrival)
    assert stage.tick() == []
    assert len(stage.queue) == 0


def test_a_failed_hour_is_asked_for_again_by_a_message_that_is_sent_after_the_failure(
    stage: Stage,
) -> None:
    stage.announce("orders", stage.clock.hour)
    stage.tick()
    stage.announce("orders", stage.clock.hour)  # a double, sent before the run has ended
    stage.clock.pass_by(minutes=1)
    end(stage.daemon.instance, stage.runs[0], dg.DagsterEventType.RUN_FAILURE, at=stage.clock.now)
    stage.tick()
    stage.tick()
    assert len(stage.runs) == 1
    stage.clock.pass_by(minutes=1)
    stage.announce("orders", stage.clock.hour)
    (request,) = stage.tick()
    assert request.tags[ATTEMPT_TAG] == "2"
    stage.tick()
    assert (len(stage.runs), len(stage.queue)) == (2, 0)


def test_a_loaded_hour_is_not_loaded_again_by_a_late_double(stage: Stage) -> None:
    arrival = stage.announce("orders", stage.clock.hour)
    stage.tick()
    succeed(stage.daemon.instance, stage.runs[0], arrival, at=stage.clock.now)
    stage.clock.pass_by(minutes=20)
    stage.announce("orders", stage.clock.hour)
    stage.tick()
    assert (len(stage.runs), len(stage.queue)) == (1, 0)


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        pytest.param({"source": "nobody"}, "SOURCE_UNKNOWN", "nobody", id="unknown source"),
        pytest.param(
            {"hour": "2012-12-31-23", "folder": "2012/12/31/23/"},
            *("HOUR_REFUSED", "before the first hour"),
            id="before the start",
        ),
        pytest.param(
            {"source": "closed", "hour": "2013-06-01-00", "folder": "2013/06/01/00/"},
            *("HOUR_REFUSED", "after the last hour"),
            id="after the end",
        ),
        pytest.param(
            {"hour": "2014-01-10-13", "folder": "2014/01/10/13/"},
            *("HOUR_REFUSED", "in the future"),
            id="in the future",
        ),
        pytest.param({"hour": "9999-12-31-23"}, "MESSAGE_INVALID", "folder", id="year 9999"),
        pytest.param({"form": 99}, "MESSAGE_INVALID", "form", id="another form"),
        pytest.param({"hour": "2014-01-10-12:30"}, "MESSAGE_INVALID", "hour", id="half an hour"),
    ],
)
def test_poison_goes_to_the_dead_letters_with_its_reason_and_stops_no_other(
    stage: Stage, change: dict[str, str], code: str, said: str
) -> None:
    stage.announce("orders", Hour.parse("2014-01-10-11"), change=change)
    stage.announce("orders", Hour.parse("2014-01-10-10"))
    assert len(stage.tick()) == 1
    (letter,) = stage.dead.receive(10)
    assert letter.attributes["code"] == code
    assert said in letter.attributes["reason"]
    stage.tick()
    assert len(stage.queue) == 0


def test_a_body_that_is_no_json_is_refused_and_kept_as_it_is(stage: Stage) -> None:
    stage.queue.send([Outgoing("{broken", "group", "double")])
    result = stage.sensor.evaluate_tick(
        dg.build_sensor_context(stage.daemon.instance, repository_def=stage.daemon.repository)
    )
    assert result.skip_message == "1 messages were refused: see the log of this tick"
    (letter,) = stage.dead.receive(10)
    assert (letter.body, letter.attributes["code"]) == ("{broken", "MESSAGE_INVALID")


def test_dead_letters_that_cannot_be_written_stop_no_hour(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise ServiceUnavailable("sqs", "SendMessageBatch", "AccessDenied")

    monkeypatch.setattr(stage.dead, "send", refuse)
    stage.announce("nobody", stage.clock.hour)
    stage.announce("orders", stage.clock.hour)
    assert len(stage.tick()) == 1
    stage.tick()
    assert len(stage.queue) == 1


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "null", "[]", "{", "{}", '{"form": 2}', '{"form": 2, "messages": 7}'),
        '{"form": 2, "messages": [["a"]]}',
        '{"form": 2, "messages": [["a", "r", "orders", "no hour", "v", "s", "2014-01-01", 1]]}',
        '{"form": 2, "messages": [["a", "r", "orders", "2014-01-10-12", "v", "s", "2014", 1]]}',
        "[" * 100_000,
    ],
)
def test_a_cursor_that_cannot_be_read_loses_nothing(stage: Stage, cursor: str) -> None:
    stage.announce("orders", stage.clock.hour)
    stage.tick(Death.EVALUATED)
    stage.daemon.cursors[MANIFEST_SENSOR] = cursor
    assert stage.tick() == []
    stage.clock.pass_by(minutes=6)
    assert len(stage.tick()) == 1


def test_receipts_that_have_expired_in_the_hand_stop_nothing(stage: Stage) -> None:
    stage.announce("orders", stage.clock.hour)
    stage.tick()
    stage.clock.pass_by(hours=7)
    stage.tick()
    assert (len(stage.runs), len(stage.queue)) == (1, 0)
