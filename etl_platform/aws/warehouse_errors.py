"""The one translation of redshift_connector's errors, without the row data that they may quote."""

import re
from collections.abc import Mapping

from etl_platform.contract.errors import (
    PlatformError,
    TargetMissing,
    WarehouseConflict,
    WarehouseFull,
    WarehouseRefused,
    WarehouseUnavailable,
)

MOST_CHARACTERS = 1000

_TIMED_OUT = "57014"  # cancelled, as a statement that waited for a lock past its time limit
_CONFLICT_STATES = {
    "40001",  # serialization failure
    "40P01",  # deadlock
    "55P03",  # a lock that was not to be had
    _TIMED_OUT,
}
# Redshift gives its conflicts the state XX000, so only the text tells them from real refusals.
_CONFLICT_TEXTS = re.compile(
    r"serializable isolation violation|conflict with concurrent transaction|^1023$", re.IGNORECASE
)
_FULL_STATE = "53100"
# Redshift's own, with the state XX000 as well.
_FULL_TEXT = re.compile(r"^disk full", re.IGNORECASE)
_UNAVAILABLE_STATES = re.compile(r"08...|53...|57P0.|58030")
_MISSING_STATES = {"42P01", "3F000"}
_QUOTED_NAME = re.compile(r'"([^"]+)"')

_ROW_DATA = re.compile(r"(Failing row contains|Key \().*", re.DOTALL)
_QUOTED_VALUE = re.compile(r'"[^"]*"')
_RULER = re.compile(r"-{5,}")
_SPACE = re.compile(r"\s+")


def translate(error: Exception, statement: str, where: str) -> PlatformError:
    """The platform's error for what the driver raised while it ran `statement`."""
    fields = error.args[0] if error.args else None
    if not isinstance(fields, Mapping):
        return WarehouseUnavailable(where, _connection_lost(error))
    state, text = str(fields.get("C", "")), readable(fields)
    if state in _CONFLICT_STATES or any(
        _CONFLICT_TEXTS.search(str(fields.get(field, ""))) for field in "MD"
    ):
        return WarehouseConflict(statement, text, timed_out=state == _TIMED_OUT)
    if state == _FULL_STATE or _FULL_TEXT.search(text):
        return WarehouseFull(statement, where, text)
    if _UNAVAILABLE_STATES.fullmatch(state):
        return WarehouseUnavailable(where, text)
    if state in _MISSING_STATES:
        name = _QUOTED_NAME.search(str(fields.get("M", "")))
        return TargetMissing(name[1] if name else text)
    return WarehouseRefused(statement, state, text)


def _connection_lost(error: Exception) -> str:
    """What is known of a connection that broke: the driver's own words, and no answer of a server.

    The driver puts the socket's error behind a general text.
    """
    return _tidy("; ".join(str(part) for part in error.args) or type(error).__name__)


def readable(fields: Mapping[str, str]) -> str:
    """Message, detail and hint: Redshift hides the useful part of a COPY error in the detail."""
    state = str(fields.get("C", ""))
    texts = [str(fields[field]) for field in "MDH" if fields.get(field)]
    if state.startswith("22"):
        # In a data exception what stands between quotes is the value.
        texts = [_QUOTED_VALUE.sub('"..."', text) for text in texts]
    return _tidy("; ".join(_ROW_DATA.sub("(row data left out)", text) for text in texts))


def _tidy(text: str) -> str:
    """One line without control characters, of limited length."""
    line = _SPACE.sub(" ", _RULER.sub(" ", text)).strip()
    return "".join(c if c.isprintable() else "?" for c in line)[:MOST_CHARACTERS]
