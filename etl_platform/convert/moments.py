"""Dates, times and timestamps in the formats and the time zone that a column declares.

The first format that reads a text decides, even if the moment it names does not exist.
"""

from dataclasses import dataclass
from typing import Final

from etl_platform.contract.columns import Column
from etl_platform.contract.date_formats import DateFormat
from etl_platform.convert.casts import DATE, OFFSET, TIME, Cast
from etl_platform.convert.reasons import Reason
from etl_platform.convert.sql import Literal, Sql, compose, joined

_LEAST: Final = Sql("TIMESTAMP '0001-01-01'")
_BEYOND: Final = Sql("TIMESTAMP '10000-01-01'")


@dataclass(frozen=True)
class _Reading:
    """`read` is null for a text of another format, `moment` for a time that the zone skipped."""

    read: Sql
    moment: Sql


@dataclass(frozen=True)
class _Outcome:
    """What becomes of a moment, and what is said of a text that has none."""

    suffix: Sql
    unreadable: Reason
    outside: Reason


_OUTCOMES: Final = {
    "date": _Outcome(Sql("::DATE"), Reason.NOT_A_DATE, Reason.NOT_A_DATE),
    # A time alone is read as one of a day in 1900.
    "time": _Outcome(Sql("::TIME::VARCHAR"), Reason.NOT_A_TIME, Reason.NOT_A_TIME),
    **dict.fromkeys(
        ("timestamp", "timestamptz"), _Outcome(Sql(""), Reason.NOT_A_TIMESTAMP, Reason.OUT_OF_RANGE)
    ),
}


def cast_moment(column: Column, text: Sql) -> Cast:
    """The date, the time or the UTC timestamp of a text, as the column declares its texts."""
    outcome = _OUTCOMES[column.type.family]
    zone = column.zone
    readings = [_declared(form, zone, text) for form in column.date_formats] or _iso(zone, text)
    whens = joined(
        (compose("WHEN {r} IS NOT NULL THEN {m}", r=r.read, m=r.moment) for r in readings), " "
    )
    value = compose("CASE {whens} END", whens=whens)
    reason = compose(
        "CASE WHEN coalesce({read}) IS NULL THEN {unreadable} WHEN {value} IS NULL THEN {skipped}"
        " WHEN {value} < {least} OR {value} >= {beyond} THEN {outside} END",
        read=joined(reading.read for reading in readings),
        value=value,
        least=_LEAST,
        beyond=_BEYOND,
        unreadable=_said(outcome.unreadable),
        skipped=_said(Reason.NO_SUCH_LOCAL_TIME),
        outside=_said(outcome.outside),
    )
    return Cast(compose("({v}){suffix}", v=value, suffix=outcome.suffix), reason)


def _declared(form: DateFormat, zone: str | None, text: Sql) -> _Reading:
    written = text
    if form.ends_with_offset:
        # DuckDB knows no Z as an offset.
        written = compose("regexp_replace({text}, 'Z$', '+00:00')", text=text)
    read = compose(
        "CASE WHEN regexp_full_match({text}, {pattern}) THEN try_strptime({written}, {form}) END",
        text=text,
        pattern=Literal(form.pattern),
        written=written,
        form=Literal(form.text),
    )
    if form.has_offset:
        read = _unzoned(read)
        return _Reading(read, read)
    return _Reading(read, _utc(read, zone))


def _iso(zone: str | None, text: Sql) -> list[_Reading]:
    def admitted(pattern: str, kind: str) -> Sql:
        return compose(
            "CASE WHEN regexp_full_match({text}, {p}) THEN TRY_CAST({text} AS {kind}) END",
            text=text,
            p=Literal(f"{DATE}[T ]{TIME}{pattern}"),
            kind=Sql(kind),
        )

    local = admitted("", "TIMESTAMP")
    moment = _unzoned(admitted(OFFSET, "TIMESTAMPTZ"))
    return [_Reading(local, _utc(local, zone)), _Reading(moment, moment)]


def _utc(local: Sql, zone: str | None) -> Sql:
    """The moment of a local time: null if clocks skipped it, the earlier if they showed it twice.

    DuckDB moves a skipped time ahead and takes the later of two. The offset of the day before gives
    the earlier one, as the same clock shows both.
    """
    if zone is None:
        return local
    later = _unzoned(compose("timezone({z}, {t})", z=Literal(zone), t=local))
    day_before = compose("{t} - INTERVAL 24 HOURS", t=local)
    earlier = compose(
        "({moment} + INTERVAL 24 HOURS)",
        moment=_unzoned(compose("timezone({z}, {t})", z=Literal(zone), t=day_before)),
    )
    return compose(
        "CASE WHEN {shown_earlier} = {local} THEN least({earlier}, {later})"
        " WHEN {shown} = {local} THEN {later} END",
        shown_earlier=_shown(earlier, zone),
        shown=_shown(later, zone),
        local=local,
        earlier=earlier,
        later=later,
    )


def _shown(moment: Sql, zone: str) -> Sql:
    """What a clock of the zone shows at a moment in UTC."""
    return compose("timezone({z}, timezone('UTC', {m}))", z=Literal(zone), m=moment)


def _unzoned(moment: Sql) -> Sql:
    return compose("make_timestamp(epoch_us({m}))", m=moment)


def _said(reason: Reason) -> Literal:
    return Literal(str(reason))
