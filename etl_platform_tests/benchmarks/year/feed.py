"""The sources of the year, and what S3 and its events do to what they send."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import count
from typing import Final

from etl_platform.contract.errors import ServiceUnavailable
from etl_platform.contract.hour import Hour
from etl_platform.contract.layout import MANIFEST, Location
from etl_platform.contract.messaging import Outgoing
from etl_platform.contract.storage import Page, StoredObject
from etl_platform.ingest.handler import read_event
from etl_platform.ingest.landing import Landing
from etl_platform.ingest.message import BatchRequest
from etl_platform_tests.benchmarks.year.world import CLOCKED, NAMES, TOLD, World
from etl_platform_tests.fakes.memory import MemoryStorage
from etl_platform_tests.fakes.queue import MemoryQueue

_POISON: Final = ("{", "[]", '{"form": 99}', '{"form": 1, "source": "../x"}')
_LATEST_ADDITION_H: Final = 100
_FAR_H: Final = 90_000


class Quality(StrEnum):
    """What is wrong with an hour as it was sent."""

    GOOD = "good"
    BAD_DATA = "too many rejects"
    BAD_MANIFEST = "a manifest that is none"
    NO_FILE = "a file that is not there"


@dataclass(frozen=True)
class Sent:
    """What an hour is to be in the warehouse: the texts of its files, as last sent."""

    texts: tuple[str, ...]
    quality: Quality = Quality.GOOD


@dataclass
class Buckets(MemoryStorage):
    """S3: it does not answer at times, and tells of each manifest that is written."""

    world: World = field(kw_only=True)
    queue: MemoryQueue = field(kw_only=True)
    dead_letters: MemoryQueue = field(kw_only=True)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _sequence: "count[int]" = field(default_factory=lambda: count(1))

    def find(self, location: Location, version_id: str | None = None) -> StoredObject | None:
        self._answer(location)
        return super().find(location, version_id)

    def list(self, prefix: Location) -> Iterator[StoredObject]:
        self._answer(prefix)
        return super().list(prefix)

    def page(self, bucket: str, after: str) -> Page:
        self._answer(Location(bucket, after))
        return super().page(bucket, after)

    def write(self, location: Location, body: bytes) -> None:
        self._answer(location)
        super().write(location, body)
        if location.key.endswith(MANIFEST):
            self._tell(self._stored[location][-1])

    @property
    def is_out(self) -> bool:
        # Every second outage is one of S3, the others are of the warehouse.
        return any(stretch.has(self.world.now) for stretch in self.world.outages[1::2])

    def _answer(self, location: Location) -> None:
        if self.is_out:
            raise ServiceUnavailable("s3", str(location), "503 SlowDown")

    def _tell(self, stored: StoredObject) -> None:
        """What S3's event of a manifest comes to: mostly a message, as the Lambda makes it."""
        odds, world = self.world.span.odds, self.world
        written = {
            "key": stored.location.key,
            "versionId": stored.version_id,
            "sequencer": f"{next(self._sequence):016x}",
        }
        record = {
            "eventName": "ObjectCreated:Put",
            "eventTime": world.now.isoformat(),
            "s3": {"bucket": {"name": stored.location.bucket}, "object": written},
        }
        (request,) = read_event({"Records": [record]}, NAMES)
        assert isinstance(request, BatchRequest), request
        message = Outgoing(request.to_json(), request.message_group_id, request.deduplication_id)
        if world.happens(odds.poison):
            self.counts["poison messages"] += 1
            body = world.random.choice([*_POISON, self._of_a_foreign_hour(request)])
            poison = f"poison-{next(self._sequence)}"
            self.queue.send([Outgoing(body, poison, poison)])
        if world.happens(odds.lost_event):
            self.counts["events lost"] += 1
        elif world.happens(odds.late_event):
            self.counts["events late, out of their order"] += 1
            late = partial(self.queue.send, [message])
            world.after(late, minutes=world.random.uniform(10, 600))
        else:
            self.queue.send([message])
        if world.happens(odds.doubled_event):
            self.counts["events doubled"] += 1
            again = replace(message, deduplication_id=f"double-{next(self._sequence)}")
            world.after(partial(self.queue.send, [again]), minutes=world.random.uniform(0, 600))

    def _of_a_foreign_hour(self, request: BatchRequest) -> str:
        """A message of an hour that the source does not have, or of no source."""
        far = request.hour.plus(self.world.random.choice([-_FAR_H, _FAR_H]))
        fields = json.loads(request.to_json())
        return json.dumps(fields | {"hour": str(far), "folder": far.folder})


@dataclass
class Feed:
    """Sends hours with their faults, and keeps account of what it has sent."""

    world: World
    buckets: Buckets
    sent: dict[tuple[str, Hour], Sent] = field(default_factory=dict)

    def begin(self) -> None:
        """Everything that is to be sent is decided now."""
        span = self.world.span
        for hour in span.first.through(span.end.plus(-1)):
            self._plan_told(hour)
            if span.contracts[CLOCKED].sends(hour):
                self._plan_clocked(hour)

    def _plan_told(self, hour: Hour) -> None:
        odds, random, happens = self.world.span.odds, self.world.random, self.world.happens
        if happens(odds.absent_hour):
            self._count("hours that never come")
            return
        at = hour.plus(1).start + timedelta(minutes=random.uniform(1, 20))
        if happens(odds.late_hour):
            self._count("hours late")
            at += timedelta(hours=random.uniform(2, 72))
        quality = Quality.GOOD
        for share, fault in (
            (odds.bad_data, Quality.BAD_DATA),
            (odds.bad_manifest, Quality.BAD_MANIFEST),
            (odds.early_manifest, Quality.NO_FILE),
        ):
            if happens(share):
                quality = fault
        self._at(at, partial(self._send, hour, 1, quality))
        if quality is Quality.GOOD:
            if happens(odds.rewritten_hour):
                self._count("manifests rewritten")
                again = at + timedelta(minutes=random.uniform(1, 2880))
                fault = Quality.BAD_DATA if happens(odds.bad_data) else Quality.GOOD
                self._at(again, partial(self._send, hour, 2, fault))
        elif happens(odds.mended):
            self._count("hours mended")
            mended = at + timedelta(hours=random.uniform(1, _LATEST_ADDITION_H))
            if quality is Quality.NO_FILE:
                self._at(mended, partial(self._send_rest, hour))
            else:
                self._at(mended, partial(self._send, hour, 2, Quality.GOOD))

    def _plan_clocked(self, hour: Hour) -> None:
        random = self.world.random
        at = hour.plus(1).start + timedelta(minutes=random.uniform(1, 20))
        self._at(at, partial(self._send_file, hour, "a.csv"))
        if self.world.happens(self.world.span.odds.rewritten_hour):
            self._count("files added later")
            added = at + timedelta(hours=random.uniform(1, _LATEST_ADDITION_H))
            self._at(added, partial(self._send_file, hour, "b.csv"))

    def _at(self, moment: datetime, action: partial[None]) -> None:
        """Nothing is sent long after the year."""
        self.world.at(min(moment, self.world.span.end.start + timedelta(minutes=30)), action)

    def _send(self, hour: Hour, number: int, quality: Quality) -> None:
        if self._has_to_wait(partial(self._send, hour, number, quality)):
            return
        if quality is not Quality.GOOD:
            self._count(f"hours with {quality}")
        text = f"{hour} {number} {quality}"
        self.sent[TOLD, hour] = Sent((text,), quality)
        folder = NAMES.raw_folder(TOLD, hour)
        self.buckets.write(folder / "a.csv", text.encode())
        if quality is Quality.BAD_MANIFEST:
            self.buckets.write(NAMES.manifest(TOLD, hour), b'{"entries": ')
            return
        sizes = {"a.csv": len(text)}
        if quality is Quality.NO_FILE:
            sizes["b.csv"] = len(_rest(hour))
        contract = self.world.span.contracts[TOLD]
        Landing(self.buckets, NAMES, contract).announce(hour, sizes)

    def _send_rest(self, hour: Hour) -> None:
        """The file that the manifest had announced: nothing tells of it."""
        if self._has_to_wait(partial(self._send_rest, hour), (TOLD, hour) in self.sent):
            return
        self.buckets.write(NAMES.raw_folder(TOLD, hour) / "b.csv", _rest(hour).encode())
        before = self.sent[TOLD, hour]
        self.sent[TOLD, hour] = Sent((*before.texts, _rest(hour)))

    def _send_file(self, hour: Hour, name: str) -> None:
        if self._has_to_wait(partial(self._send_file, hour, name)):
            return
        text = f"{hour} {name}"
        self.buckets.write(NAMES.raw_folder(CLOCKED, hour) / name, text.encode())
        before = self.sent.get((CLOCKED, hour), Sent(()))
        self.sent[CLOCKED, hour] = Sent((*before.texts, text))

    def _has_to_wait(self, action: partial[None], is_ready: bool = True) -> bool:
        if self.buckets.is_out or not is_ready:
            self.world.after(action, minutes=self.world.random.uniform(10, 30))
            return True
        return False

    def _count(self, what: str) -> None:
        self.buckets.counts[what] += 1


def _rest(hour: Hour) -> str:
    return f"{hour} the rest"
