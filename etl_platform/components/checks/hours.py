"""Whether the hours that are due have come, how old the newest one is, and whether it is as large
as usual: from the entries of the ledger."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from statistics import median
from typing import Final

from etl_platform.components.checks.verdict import (
    Verdict,
    counted,
    error,
    hours_text,
    passed,
    warn,
)
from etl_platform.contract.hour import Hour
from etl_platform.contract.source import SourceContract
from etl_platform.contract.watching import duration_text
from etl_platform.hour_states import HourState, State
from etl_platform.load.ledger import Entry, newest_of_each_hour

WEEKS: Final = 8
"""How far back the volume of an hour is compared: weekdays and hours have shapes of their own."""
_FEWEST_WEEKS: Final = 4
_WEEK_HOURS: Final = 7 * 24
_SPREADS: Final = 5
_SPREAD_OF_MEDIAN: Final = 1.4826
"""From the median of the distances to a standard deviation, for counts distributed normally."""
_LEAST_SHARE: Final = 0.3
"""Counts that hardly vary have nearly no spread: less than this of the median is never told."""


@dataclass(frozen=True)
class Watched:
    """One source at a moment, with what the ledger has of its due hours, the same hours of past
    weeks, and its newest hour."""

    contract: SourceContract
    now: datetime
    known: Sequence[Entry]

    @cached_property
    def entries(self) -> Mapping[Hour, Entry]:
        """Of each hour that of the latest manifest."""
        return newest_of_each_hour(self.known)

    @property
    def due(self) -> list[Hour]:
        return self.contract.expected.due(self.contract.starts, self.contract.ends, self.now)


def stretches_to_read(
    contracts: Iterable[SourceContract], now: datetime
) -> list[tuple[Hour, Hour]]:
    """The stretches of hours that the checks of these sources need of the ledgers."""
    due = [hour for c in contracts for hour in c.expected.due(c.starts, c.ends, now)]
    if not due:
        # Nothing is due, and the newest hours come with any stretch.
        return [(Hour.containing(now), Hour.containing(now))]
    weeks = (-_WEEK_HOURS * week for week in range(WEEKS + 1))
    return [(min(due).plus(back), max(due).plus(back)) for back in weeks]


def completeness(of: Watched, found: Sequence[HourState]) -> Verdict:
    """Every due hour is in the ledger, by the manifest that lies in S3. `found` are their states.

    A corrected hour is under way like any other for as long as `load_within` says.
    """
    due, source = of.due, of.contract.source
    if not due:
        text = "No hour is due: the source has ended, or expects none."
        return passed(text, hours_due=0, hours_missing=0, hours_stale=0)
    latest_waiting = of.now - of.contract.expected.load_within
    wrong = [one for one in found if _is_wrong(one, latest_waiting)]
    stale = [one for one in wrong if one.is_in_ledger]
    facts = {
        "hours_due": len(due),
        "hours_missing": len(wrong) - len(stale),
        "hours_stale": len(stale),
    }
    if not wrong:
        return passed(f"All {counted(due, 'hour')} up to {due[-1]} are loaded.", **facts)
    text = f"{len(wrong)} of {counted(due, 'due hour')} not loaded as their manifests stand.\n\n"
    hours = [str(one.hour) for one in wrong]
    return error(text + "\n".join(_whys(source, wrong)), **facts, hours=hours)


def _is_wrong(one: HourState, latest_waiting: datetime) -> bool:
    if one.state is State.STALE:
        return one.waits_since is not None and one.waits_since < latest_waiting
    return one.state not in (State.LOADED, State.CORRECTED)


def _whys(source: str, wrong: Sequence[HourState]) -> Iterator[str]:
    if absent := _in(State.MISSING, wrong):
        yield (
            f"- no manifest has landed: {hours_text(absent)}. Ask the owner of the source; once a"
            " manifest is there, the hour is loaded by itself."
        )
    by_code: dict[str, list[Hour]] = {}
    for one in wrong:
        if one.error_code is not None:
            by_code.setdefault(one.error_code, []).append(one.hour)
    for code, hours in sorted(by_code.items()):
        yield (
            f"- blocked by {code}: {hours_text(hours)}. See {code} in the runbook, then"
            f" `etl-platform replay {source} HOUR`."
        )
    look = (
        f"See whether runs of load_{source} wait or fail, and whether manifest_sensor is on; or"
        " materialize the hours."
    )
    if waiting := _in(State.LANDED, wrong):
        yield f"- landed and not loaded: {hours_text(waiting)}. {look}"
    if stale := _in(State.STALE, wrong):
        yield f"- stale, a newer manifest waits: {hours_text(stale)}. {look}"


def _in(state: State, found: Iterable[HourState]) -> list[Hour]:
    return [one.hour for one in found if one.state is state]


def freshness(of: Watched) -> Verdict:
    """How old the newest hour of the warehouse is, and how long it took from its manifest.

    Newest by the hour, not by the load: an old hour that is loaded again makes nothing fresh.
    """
    expected, contract = of.contract.expected, of.contract
    if not of.entries:
        if not of.due:
            return passed("Nothing is loaded, and no hour is due.")
        return error(f"No hour of {contract.source} was ever loaded. See `completeness`.")
    newest = of.entries[max(of.entries)]
    age = of.now - newest.hour.plus(1).start
    took = newest.loaded_at - newest.manifest_at if newest.loaded_at else timedelta(0)
    facts = {
        "newest_hour_utc": str(newest.hour),
        "age_minutes": round(age.total_seconds() / 60, 1),
        "manifest_to_ledger_seconds": round(took.total_seconds(), 1),
    }
    told = f"The newest hour is {newest.hour}, which ended {_shown(age)} ago"
    if not of.due:
        return passed(f"{told}; no hour is due.", **facts)
    if age > expected.stale_after:
        text = (
            f"{told}; {contract.source} is stale after {duration_text(expected.stale_after)}."
            " `completeness` says for each missing hour why it is missing."
        )
        return error(text, **facts)
    if age > timedelta(hours=1) + expected.within:
        text = f"{told}; the next one was due {duration_text(expected.within)} after its end."
        return warn(f"{text} `completeness` says why it is missing.", **facts)
    if took > expected.load_within:
        text = (
            f"{newest.hour} took {_shown(took)} from its manifest to the ledger; expected"
            f" {duration_text(expected.load_within)}. See whether runs of load_{contract.source}"
            " wait for a place, a pool or Glue; an hour that was loaded again counts from its"
            " manifest."
        )
        return warn(text, **facts)
    return passed(f"{told}, and took {_shown(took)} from its manifest.", **facts)


def _shown(duration: timedelta) -> str:
    minutes = duration.total_seconds() / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def volume(of: Watched) -> Verdict:
    """The rows of each due hour are about as many as in the same hour of past weeks."""
    compared, odd = 0, []
    for hour in of.due:
        if hour in of.entries and (past := _past(of.entries, hour)):
            compared += 1
            rows, usual = of.entries[hour].rows_written, median(past)
            if abs(rows - usual) > _tolerance(past):
                odd.append((hour, rows, usual))
    facts = {"hours_compared": compared, "hours_odd": len(odd)}
    if not odd:
        quiet = "" if compared else f" It takes {_FEWEST_WEEKS} weeks of history."
        return passed(f"{compared} hours compared with past weeks, none is odd.{quiet}", **facts)
    lines = [f"- {hour}: {rows} rows, and {usual:g} are usual" for hour, rows, usual in odd]
    text = (
        f"{counted(odd, 'hour')} with another number of rows than in past weeks. Ask the owner"
        " whether the source sent all, or twice; nothing is wrong with the load itself.\n\n"
    )
    return warn(text + "\n".join(lines), **facts, hours=[str(hour) for hour, _, _ in odd])


def _past(entries: Mapping[Hour, Entry], hour: Hour) -> list[int]:
    """The rows of the same hour in past weeks; none, if these are too few to know what is usual."""
    weeks = (hour.plus(-_WEEK_HOURS * week) for week in range(1, WEEKS + 1))
    rows = [entries[week].rows_written for week in weeks if week in entries]
    return rows if len(rows) >= _FEWEST_WEEKS else []


def _tolerance(rows: Sequence[int]) -> float:
    usual = median(rows)
    spread = _SPREAD_OF_MEDIAN * median(abs(count - usual) for count in rows)
    return max(_SPREADS * spread, _LEAST_SHARE * usual)
