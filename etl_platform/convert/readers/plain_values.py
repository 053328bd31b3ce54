"""Spellings that have one meaning: patterns for values that need no strict cast of ours.

They match less than the casts admit, and only texts that have a value of their type.
"""

from typing import Final

from etl_platform.contract.columns import Column

DIGITS: Final = {"smallint": 4, "integer": 9, "bigint": 18}
"""So many digits are in the range of the type, whichever they are."""

DATE: Final = (
    r"(?:[12][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
    r"|(?:[12][0-9](?:0[48]|[2468][048]|[13579][26])|(?:12|16|20|24|28)00)-02-29)"
)

MOST_PATTERN_CHARACTERS: Final = 8_000
"""Beyond it the automaton of the pattern outgrows its cache."""


_SAY_NO_MORE: Final = {"name", "type", "required", "path", "trim", "null_tokens", "description"}
_DEFAULTS: Final = {
    name: field.get_default(call_default_factory=True)
    for name, field in Column.model_fields.items()
    if name not in _SAY_NO_MORE
}


def is_bare(column: Column) -> bool:
    """Whether nothing but its type makes the values of a column of its texts."""
    return all(getattr(column, name) == default for name, default in _DEFAULTS.items())
