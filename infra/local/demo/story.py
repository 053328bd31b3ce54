"""The demo from its first to its last line: everything in it is done by the platform itself."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.text import Text

from etl_platform.aws.s3 import S3
from etl_platform.aws.secrets import read_secret
from etl_platform.aws.warehouse import RedshiftWarehouse, connect
from etl_platform.commands.rendering import printable, table
from etl_platform.contract.hour import Hour
from etl_platform.contract.reading import read_contracts
from etl_platform.contract.source import SourceContract
from etl_platform.settings import Settings
from etl_platform.status import StatusReader
from infra.local.demo.compare import differences, rows_of
from infra.local.demo.delays import Delays
from infra.local.demo.dirt import DEMO_DIRT, Dirt, Spot
from infra.local.demo.feeder import SOURCES, Delivery, Feeder, deliveries
from infra.local.demo.figures import draw_rejects, draw_sources, glue_use
from infra.local.demo.follow import Follower, Seen
from infra.local.demo.live import land_live
from infra.local.demo.recount import recount
from infra.local.laptop import bring_up_with_dagster

FIRST = Hour.parse("2013-01-01-00")
LAST = Hour.parse("2013-01-02-23")
LIVE = Hour.parse("2013-01-03-00")
LIVE_SOURCE = "flights"
LIVE_DIRT = (Spot(LIVE_SOURCE, str(LIVE), Dirt.WRONG_DELAY),)

_WITHIN_S = 900.0
_LANDED_AT_ONCE = 2
"""More would be slower: the emulator starts a Lambda process for each event it gets meanwhile."""
_QUERY = """\
SELECT a.name AS airline, count(*) AS flights,
       round(avg(cast(f.dep_delay AS numeric(9, 2))), 1) AS minutes_late,
       round(avg(w.temp), 1) AS degrees_f,
       round(cast(max(w.wind_speed) AS numeric(9, 2)), 1) AS most_wind_mph
FROM nyc.flights AS f
JOIN nyc.weather AS w ON w.origin = f.origin AND w.time_hour = f.time_hour
JOIN nyc.airlines AS a ON a.carrier = f.carrier
GROUP BY a.name ORDER BY flights DESC, airline LIMIT 8"""


def tell(state_dir: Path, console: Console) -> bool:
    """Tell the story; False if the platform and the recount disagree."""
    console.rule("[bold]The laptop", align="left")
    dagster = bring_up_with_dagster(state_dir, console)
    names, contracts, storage = Settings.read().names, read_contracts(), S3()
    readers = {source: StatusReader(storage, names, contracts[source]) for source in SOURCES}
    with connect(read_secret(names.service_secret)) as warehouse:
        follower = Follower(readers, warehouse, dagster, names)
        story = Story(console, Feeder(storage, names, contracts), follower, contracts, warehouse)
        agreed = story.two_days()
        story.query()
        agreed = story.one_more_hour() and agreed
        agreed = story.late_and_corrected() and agreed
    console.rule("[bold]Left running", align="left")
    command = os.path.relpath(sys.argv[0])
    console.print(Text(f"  the UI   {dagster.address}"), soft_wrap=True)
    for what, arguments in (
        ("rows", "sql 'select * from nyc.weather limit 5'"),
        ("hours", "status flights"),
        ("the end", "demo --stop"),
    ):
        console.print(Text(f"  {what:8} {command} {arguments}"), soft_wrap=True)
    return agreed


@dataclass(frozen=True)
class Story:
    """The parts of the story, over one installation."""

    console: Console
    feeder: Feeder
    follower: Follower
    contracts: Mapping[str, SourceContract]
    warehouse: RedshiftWarehouse

    def two_days(self) -> bool:
        """Land two days, dirt included; the sensor does the rest. Whether the recount agrees."""
        self.console.rule("[bold]Two days land, and the sensor loads them", align="left")
        since = time.time()
        put_at = self._land(
            [d for source in SOURCES for d in deliveries(source, FIRST, LAST, DEMO_DIRT)]
        )
        seen = self._follow(put_at, since)
        used = glue_use(self.feeder.storage, self.feeder.names, since)
        self.console.print(draw_sources(seen, put_at, used))
        commits = [
            commit
            for source, one in seen.items()
            for commit in self.follower.readers[source].commits(one.landed).values()
        ]
        self.console.print(draw_rejects(commits))
        for source, one in seen.items():
            for hour, why in sorted(one.blocked.items()):
                self._say(f"  blocked: {source} {hour}: {why}", "yellow")
        return self._agree(seen, FIRST, LAST)

    def query(self) -> None:
        """Ask the warehouse something that needs all three sources."""
        self.console.rule("[bold]A question over the three tables", align="left")
        self.console.print(Syntax(_QUERY, "sql", background_color="default"))
        answer = self.warehouse.ask(_QUERY)
        self.console.print(table(answer.columns, answer.rows))

    def one_more_hour(self) -> bool:
        """Land one hour and show each step of its way. Whether the recount agrees."""
        self.console.rule(f"[bold]One more hour, live: {LIVE_SOURCE} {LIVE}", align="left")
        (delivery,) = deliveries(LIVE_SOURCE, LIVE, LIVE, LIVE_DIRT)
        hour = land_live(self.follower, self.feeder, delivery, self.console)
        return self._agree({LIVE_SOURCE: hour.seen()}, LIVE, LIVE)

    def late_and_corrected(self) -> bool:
        """Land the weather of that hour late and correct its flights; the aggregate follows."""
        title = f"{LIVE}: the weather comes late, a delay is corrected"
        self.console.rule(f"[bold]{title}", align="left")
        delays = Delays(self.warehouse)
        delays.until_up_to_date()
        self.console.print(delays.drawn(LIVE, f"{delays.table.table} before"))
        since = time.time()
        late = [d for s in ("weather", LIVE_SOURCE) for d in deliveries(s, LIVE, LIVE)]
        self._follow(self._land(late), since)
        delays.until_up_to_date()
        self.console.print(delays.drawn(LIVE, f"{delays.table.table} after"))
        return self._verdict(delays.differences(FIRST, LIVE, DEMO_DIRT), "the aggregate")

    def _land(self, sent: Sequence[Delivery]) -> dict[tuple[str, str], float]:
        """Land every hour; when its manifest was put, by source and hour."""
        with self._progress() as progress, ThreadPoolExecutor(_LANDED_AT_ONCE) as pool:
            task = progress.add_task("landing", total=len(sent), note="")
            put_at = {}
            for delivery, moment in zip(sent, pool.map(self.feeder.land, sent), strict=True):
                put_at[delivery.source, str(delivery.hour)] = moment
                progress.advance(task)
        return put_at

    def _follow(self, put_at: Mapping[tuple[str, str], float], since: float) -> dict[str, Seen]:
        landed = {
            source: reader.landed(Hour.parse(key) for name, key in put_at if name == source)
            for source, reader in self.follower.readers.items()
        }
        with self._progress() as progress:
            tasks = {
                source: progress.add_task(source, total=len(hours), note="")
                for source, hours in landed.items()
            }

            def show(seen: Mapping[str, Seen], runs: int) -> None:
                for source, one in seen.items():
                    through = len(one.landed) - len(one.waiting)
                    note = f"{len(one.blocked)} blocked, {runs} runs under way"
                    progress.update(tasks[source], completed=through, note=note)

            return self.follower.until_through(landed, since, _WITHIN_S, show)

    def _agree(self, seen: Mapping[str, Seen], first: Hour, last: Hour) -> bool:
        found: list[str] = []
        for source, one in seen.items():
            counted = recount(source, str(first), str(last), (*DEMO_DIRT, *LIVE_DIRT))
            rows = rows_of(self.warehouse, self.contracts[source], first, last)
            found += differences(counted, one, rows)
        return self._verdict(found, "the source data")

    def _verdict(self, found: Sequence[str], what: str) -> bool:
        for difference in found:
            self._say(f"  ✗ {difference}", "red")
        if not found:
            self._say(f"  ✓ an independent recount of {what} agrees, row by row", "green")
        return not found

    def _say(self, text: str, style: str) -> None:
        self.console.print(Text(printable(text), style=style), soft_wrap=True)

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("  {task.description:9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=self.console,
        )
