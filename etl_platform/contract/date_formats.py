"""Declared formats of dates and times: the directives of strptime that leave nothing to guess.

A format becomes a pattern that admits a text before a parser sees it, because parsers pass over
spaces, take years of one digit, and divide `2013111` as they like.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

_MONTHS: Final = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
)

_NUMBERS: Final = {
    "%Y": ("[0-9]{4}", "[0-9]{4}"),
    "%y": ("[0-9]{2}", "[0-9]{2}"),
    "%m": ("(0?[1-9]|1[0-2])", "(0[1-9]|1[0-2])"),
    "%d": ("(0?[1-9]|[12][0-9]|3[01])", "(0[1-9]|[12][0-9]|3[01])"),
    "%H": ("(0?[0-9]|1[0-9]|2[0-3])", "([01][0-9]|2[0-3])"),
    "%I": ("(0?[1-9]|1[0-2])", "(0[1-9]|1[0-2])"),
    "%M": ("[0-5]?[0-9]", "[0-5][0-9]"),
    "%S": ("[0-5]?[0-9]", "[0-5][0-9]"),
    "%f": ("[0-9]{1,6}", "[0-9]{6}"),
}
"""The free form, and the one of fixed width for a number that touches another digit."""

_NAMES: Final = {
    "%b": f"(?i:{'|'.join(month[:3] for month in _MONTHS.split('|'))})",
    "%B": f"(?i:{_MONTHS})",
    "%p": "(?i:am|pm)",
    "%z": "(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)",
    "%%": "%",
}

_DATE: Final = (("%Y", "%y"), ("%m", "%b", "%B"), ("%d",))
_CLOCK: Final = (("%H", "%I"), ("%M",), ("%S",), ("%f",))
"""Alternatives, of which a format has one at most; each part needs the one before it."""

_PIECE: Final = re.compile(r"%.?|[^%]+", re.DOTALL)


@dataclass(frozen=True)
class DateFormat:
    """A format that has been checked, as `%d/%m/%Y`."""

    text: str
    pieces: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, *, with_day: bool, with_clock: bool) -> Self:
        """Check a format; raises ValueError with what was expected."""
        known = [*_NUMBERS, *_NAMES]
        pieces = tuple(_PIECE.findall(text))
        for piece in pieces:
            if piece.startswith("%") and piece not in known:
                raise ValueError(f"{text!r} has {piece}; expected {', '.join(known)}")
        used = [piece for piece in pieces if piece.startswith("%") and piece != "%%"]
        problem = _problem(used, with_clock) if with_day else _problem_of_clock(used)
        if problem or "\0" in text:
            raise ValueError(f"{text!r} {problem or 'has a NUL; expected none'}")
        return cls(text, pieces)

    @property
    def has_offset(self) -> bool:
        return "%z" in self.pieces

    @property
    def ends_with_offset(self) -> bool:
        return self.pieces[-1] == "%z"

    @property
    def pattern(self) -> str:
        """What a text of this format matches in full, in the syntax of RE2 and of Python."""
        padded = ("", *self.pieces, "")
        return "".join(
            _pattern(piece, _ends_in_digit(before) or _begins_with_digit(after))
            for before, piece, after in zip(padded, self.pieces, padded[2:], strict=False)
        )


def _problem(used: Sequence[str], with_clock: bool) -> str | None:
    found = [_found(used, alternatives) for alternatives in (*_DATE, *_CLOCK)]
    day, clock = found[: len(_DATE)], found[len(_DATE) :]
    if len(set(used)) < len(used) or any(len(each) > 1 for each in found):
        return "names a part twice; expected each once"
    if not all(day):
        return "is no whole day; expected a year, a month and a day, as %d/%m/%Y"
    if not with_clock and len(used) > len(day):
        return "has a time of day that a date would lose; expected directives of a day only"
    if "%z" in used and not clock[0]:
        return "has an offset and no time of day; expected %H before %z"
    return _gap(used, clock)


def _problem_of_clock(used: Sequence[str]) -> str | None:
    clock = [_found(used, alternatives) for alternatives in _CLOCK]
    if len(set(used)) < len(used) or any(len(each) > 1 for each in clock):
        return "names a part twice; expected each once"
    if not clock[0] or any(_found(used, alternatives) for alternatives in (*_DATE, ("%z",))):
        return "is no time of day alone; expected directives of one, as %H:%M"
    return _gap(used, clock)


def _gap(used: Sequence[str], clock: Sequence[Sequence[str]]) -> str | None:
    if any(part and not before for before, part in pairwise(clock)):
        return "has a gap in its time of day; expected hours, minutes, seconds, fractions"
    if ("%I" in used) != ("%p" in used):
        return "has one of %I and %p; expected both or neither"
    return None


def _found(used: Sequence[str], alternatives: Sequence[str]) -> list[str]:
    return [directive for directive in alternatives if directive in used]


def _pattern(piece: str, touches_digit: bool) -> str:
    if piece in _NUMBERS:
        return _NUMBERS[piece][touches_digit]
    # RE2 knows no escape but those of ASCII punctuation.
    return _NAMES.get(piece) or re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", piece)


def _ends_in_digit(piece: str) -> bool:
    return piece in _NUMBERS or piece == "%z" or piece[-1:].isdigit()


def _begins_with_digit(piece: str) -> bool:
    return piece in _NUMBERS or piece[:1].isdigit()
