"""Which formats are refused, and that a pattern admits what strftime writes and no other width."""

import re

import pytest

from etl_platform.contract.date_formats import DateFormat


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no whole day"),
        ("%d/%m", "is no whole day"),
        ("%H:%M", "is no whole day"),
        ("%d/%m/%Y %y", "names a part twice"),
        ("%d/%m/%b/%Y", "names a part twice"),
        ("%d/%m/%Y %d", "names a part twice"),
        ("%d/%m/%Y %q", "has %q; expected %Y"),
        ("%A %d/%m/%Y", "has %A; expected %Y"),
        ("%-d/%m/%Y", "has %-; expected %Y"),
        ("%d/%m/%Y%", "has %; expected %Y"),
        ("%d/%m/%Y %M", "has a gap in its time of day"),
        ("%d/%m/%Y %H:%M.%f", "has a gap in its time of day"),
        ("%d/%m/%Y %I:%M", "has one of %I and %p"),
        ("%d/%m/%Y %H:%M %p", "has one of %I and %p"),
        ("%d/%m/%Y %z", "has an offset and no time of day"),
        ("%d/%m/%Y\0", "has a NUL"),
    ],
)
def test_a_format_that_leaves_something_to_guess_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        DateFormat.parse(text, with_day=True, with_clock=True)


def test_a_date_has_no_format_with_a_time_of_day() -> None:
    with pytest.raises(ValueError, match="a date would lose"):
        DateFormat.parse("%d/%m/%Y %H", with_day=True, with_clock=False)
    assert DateFormat.parse("%d/%m/%Y 00", with_day=True, with_clock=False).text == "%d/%m/%Y 00"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no time of day alone"),
        ("%M:%S", "is no time of day alone"),
        ("%d %H:%M", "is no time of day alone"),
        ("%H:%M %z", "is no time of day alone"),
        ("%H:%S", "has a gap in its time of day"),
        ("%I:%M", "has one of %I and %p"),
        ("%H:%M %I", "names a part twice"),
    ],
)
def test_a_time_has_no_format_with_anything_else(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        DateFormat.parse(text, with_day=False, with_clock=True)
    assert DateFormat.parse("%I.%M%p", with_day=False, with_clock=True).text == "%I.%M%p"


@pytest.mark.parametrize(
    ("text", "admitted", "refused"),
    [
        ("%d/%m/%Y", ["1/2/2013", "01/02/2013"], ["1/2/13", "001/2/2013", "32/1/2013"]),
        ("%Y%m%d", ["20130102"], ["201312", "2013111"]),
        ("%Y%b%d", ["2013jan02", "2013JAN2"], ["2013january2"]),
        ("%m1%d/%Y", ["01102/2013"], ["112/2013"]),
        ("%d.%m.%Y", ["1.2.2013"], ["1x2.2013"]),
        ("%Y-%m-%d %H%M%S%f", ["2013-1-2 030405000006"], ["2013-1-2 0304056"]),
        ("%Y-%m-%d %H:%M%z", ["2013-1-2 3:4Z", "2013-1-2 3:4+0200"], ["2013-1-2 3:4 Z"]),
    ],
)
def test_a_number_that_touches_a_digit_has_a_fixed_width(
    text: str, admitted: list[str], refused: list[str]
) -> None:
    pattern = DateFormat.parse(text, with_day=True, with_clock=True).pattern
    assert all(re.fullmatch(pattern, each) for each in admitted)
    assert not any(re.fullmatch(pattern, each) for each in refused)
