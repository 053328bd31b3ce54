"""Which type takes every value of another, in the spelling of the warehouse's catalog."""

import re
from typing import Final

_DIGITS: Final = {"smallint": 5, "integer": 10, "bigint": 19}
_BY_LENGTH: Final = {
    ("character varying", "character varying"),
    ("character", "character"),
    ("binary varying", "binary varying"),
}


def holds(wide: str, narrow: str) -> bool:
    """Whether every value of the type `narrow` is, unchanged, a value of `wide`."""
    (to, to_sizes), (of, of_sizes) = _parsed(wide), _parsed(narrow)
    if (of, to) in _BY_LENGTH:
        return len(of_sizes) == len(to_sizes) == 1 and to_sizes >= of_sizes
    if of in _DIGITS and to in _DIGITS:
        return _DIGITS[to] >= _DIGITS[of]
    if of in _DIGITS and to == "numeric":
        return to_sizes[0] - to_sizes[1] >= _DIGITS[of]
    if of == to == "numeric":
        return to_sizes[1] >= of_sizes[1] and to_sizes[0] - to_sizes[1] >= of_sizes[0] - of_sizes[1]
    return wide == narrow or (of, to) == ("real", "double precision")


def is_longer_text(wide: str, narrow: str) -> bool:
    """Whether it is a VARCHAR that becomes longer."""
    return wide != narrow and holds(wide, narrow) and wide.startswith("character varying")


def _parsed(kind: str) -> tuple[str, tuple[int, ...]]:
    name, _, sizes = kind.partition("(")
    return name, tuple(int(size) for size in re.findall(r"\d+", sizes))
