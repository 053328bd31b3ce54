"""Dates and times of text files by DATEFORMAT and TIMEFORMAT.

Format strings and what 'auto' recognises:
https://docs.aws.amazon.com/redshift/latest/dg/r_DATEFORMAT_and_TIMEFORMAT_strings.html
https://docs.aws.amazon.com/redshift/latest/dg/automatic-recognition.html
"""

import functools
import itertools
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

from infra.local.redshift.errors import RedshiftError

AUTO = "auto"
DEFAULT_TIMESTAMP = "YYYY-MM-DD HH:MI:SS"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_PARTS = {"epochsecs": 1_000_000, "epochmillisecs": 1_000}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_FORMAT_WORDS = re.compile(
    r"YYYY|YY|MONTH|MON|MM|DDD|DD|HH24|HH12|HH|MI|SS|AM|PM|OF|TZH|TZ|T(?=HH)", re.IGNORECASE
)
_WORD_PATTERNS = {
    "YYYY": r"(?P<year>\d{4})",
    "YY": r"(?P<short_year>\d{2})",
    "MONTH": r"(?P<month_name>[A-Za-z]{3,9})",
    "MON": r"(?P<month_name>[A-Za-z]{3})",
    "MM": r"(?P<month>\d{1,2})",
    "DDD": r"(?P<year_day>\d{3})",
    "DD": r"(?P<day>\d{1,2})",
    "HH24": r"(?P<hour>\d{1,2})",
    "HH12": r"(?P<hour>\d{1,2})",
    "HH": r"(?P<hour>\d{1,2})",
    "MI": r"(?P<minute>\d{1,2})",
    "SS": r"(?P<second>\d{1,2})(?:\.(?P<fraction>\d{1,6})\d*)?",
    "AM": r"(?P<half>[AaPp][Mm])",
    "PM": r"(?P<half>[AaPp][Mm])",
    "OF": r"(?P<offset>[+-]\d{2}(?::?\d{2})?|Z|UTC)?",
    "TZ": r"(?P<offset>[+-]\d{2}(?::?\d{2})?|Z|UTC)?",
    "T": "T",
}
_AUTO_DATES = (
    *("YYYY-MM-DD", "YYYY/MM/DD", "YYYY.MM.DD", "YYYYMMDD", "MM/DD/YYYY", "MM-DD-YYYY"),
    *("MM.DD.YYYY", "DD-MON-YYYY", "MON-DD-YYYY", "MON DD YYYY", "MON DD, YYYY", "MONTH DD, YYYY"),
    *("DD MON YYYY", "DD MONTH YYYY", "YYYY-MON-DD", "YYYY.DDD", "YYYYDDD", "MM/DD/YY", "YYMMDD"),
)
_AUTO_TIMES = (
    *("HH:MI:SSOF", "HH:MI:SS OF", "HH:MIOF", "HHMISSOF"),
    *("HH:MI:SS PM", "HH:MI PM"),
)


def date_reader(form: str) -> Callable[[str], date | None]:
    """Reads dates of a format; None for what is no such date."""
    if form == AUTO:
        # A time behind the date is cut off, as a cast does.
        return lambda text: _as_date(_first(_auto_formats(), text))
    pattern = _compiled(form)
    return lambda text: _as_date(_moment(pattern, text))


def timestamp_reader(form: str | None) -> Callable[[str], datetime | None]:
    """Reads timestamps of a format into UTC; without a format in Redshift's default one."""
    if form in _EPOCH_PARTS:
        microseconds = _EPOCH_PARTS[form]
        return lambda text: _since_epoch(text, microseconds)
    if form == AUTO:
        return lambda text: _first(_auto_formats(), text)
    pattern = _compiled(form or DEFAULT_TIMESTAMP + "OF")
    return lambda text: _moment(pattern, text)


def _since_epoch(text: str, microseconds: int) -> datetime | None:
    if not re.fullmatch(r"-?\d{1,17}(\.\d+)?", text):
        return None
    try:
        whole, _, part = text.partition(".")
        moment = _EPOCH + timedelta(microseconds=int(whole) * microseconds)
        return moment + timedelta(microseconds=round(float(f"0.{part or 0}") * microseconds))
    except OverflowError:
        return None


@functools.cache
def _auto_formats() -> tuple[re.Pattern[str], ...]:
    moments = map("".join, itertools.product(_AUTO_DATES, (" ", "T"), _AUTO_TIMES))
    return tuple(_compiled(form) for form in (*_AUTO_DATES, *moments))


def _first(patterns: tuple[re.Pattern[str], ...], text: str) -> datetime | None:
    for pattern in patterns:
        found = _moment(pattern, text.strip())
        if found is not None:
            return found
    return None


@functools.cache
def _compiled(form: str) -> re.Pattern[str]:
    parts: list[str] = []
    end = 0
    seen: set[str] = set()
    for found in _FORMAT_WORDS.finditer(form):
        parts.append(re.escape(form[end : found.start()]))
        word = found.group().upper()
        pattern = _WORD_PATTERNS.get(word)
        names = set(re.findall(r"\?P<(\w+)>", pattern or ""))
        if pattern is None or names & seen:
            raise RedshiftError("22007", f"Invalid date or time format '{form}'")
        seen |= names
        # Without separators the numbers have their full width.
        packed = form[found.end() : found.end() + 1].isalpha() or (
            found.start() > 0 and form[found.start() - 1].isalpha() and end == found.start()
        )
        parts.append(pattern.replace(r"\d{1,2}", r"\d{2}") if packed else pattern)
        end = found.end()
    if not seen:
        raise RedshiftError("22007", f"Invalid date or time format '{form}'")
    parts.append(re.escape(form[end:]))
    return re.compile("".join(parts), re.IGNORECASE | re.ASCII)


def _moment(pattern: re.Pattern[str], text: str) -> datetime | None:
    found = pattern.fullmatch(text)
    if found is None:
        return None
    given = {name: value for name, value in found.groupdict().items() if value is not None}
    try:
        day = _day(given)
        hour = _hour(given)
        fraction = int(given.get("fraction", "0").ljust(6, "0"))
        clock = (hour, int(given.get("minute", 0)), int(given.get("second", 0)), fraction)
        moment = datetime(day.year, day.month, day.day, *clock, tzinfo=_zone(given))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _day(given: dict[str, str]) -> date:
    year = int(given.get("year", 0))
    if "short_year" in given:
        # PostgreSQL's rule, from which Redshift's comes: 70 to 99 are of the last century.
        year = int(given["short_year"])
        year += 1900 if year >= 70 else 2000
    if "year_day" in given:
        if not 1 <= int(given["year_day"]) <= (date(year, 12, 31) - date(year, 1, 1)).days + 1:
            raise ValueError(given["year_day"])
        return date(year, 1, 1) + timedelta(days=int(given["year_day"]) - 1)
    month = int(given.get("month", 1))
    if "month_name" in given:
        name = given["month_name"].lower()
        month = 1 + (_MONTHS if len(name) == 3 else _FULL_MONTHS).index(name)
    return date(year, month, int(given.get("day", 1)))


def _hour(given: dict[str, str]) -> int:
    hour = int(given.get("hour", 0))
    if "half" not in given:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(hour)
    return hour % 12 + (12 if given["half"].lower() == "pm" else 0)


def _zone(given: dict[str, str]) -> timezone:
    offset = given.get("offset", "Z").upper().replace(":", "")
    if offset in ("Z", "UTC"):
        return UTC
    minutes = int(offset[1:3]) * 60 + int(offset[3:] or 0)
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def _as_date(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
