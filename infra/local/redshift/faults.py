"""What is wrong with one record of a load, as STL_LOAD_ERRORS shows it.

Codes: https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html
"""

from dataclasses import dataclass

from infra.local.redshift.errors import RedshiftError

EXTRA_COLUMNS = 1202
OUT_OF_RANGE = 1204
BAD_DATE = 1205
BAD_TIMESTAMP = 1206
BAD_DIGIT = 1207
BAD_FLOAT = 1208
BAD_DECIMAL = 1209
BAD_BOOLEAN = 1210
MISSING_FOR_NOT_NULL = 1213
NO_DELIMITER = 1214
BAD_LINE = 1216
BAD_NULL_TERMINATOR = 1218
BAD_HEX = 1219
BAD_CHARACTER = 1220
INTEGER_OVERFLOW = 1222
BAD_JSON = 1224

RAW_CHARACTERS = 1024
"""How much of a line and of a field STL_LOAD_ERRORS shows."""


class BadValue(Exception):
    """A field that does not become a value of its column."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Fault:
    """A record that was not loaded, and why."""

    code: int
    reason: str
    file: str
    line_number: int = 0
    column: str = ""
    type: str = ""
    length: str = ""
    position: int = 0
    raw_line: str = ""
    raw_value: str = ""


class LoadRefused(RedshiftError):
    """More records are bad than the statement allows."""

    def __init__(self, table: str, faults: list[Fault]) -> None:
        super().__init__(
            "XX000",
            f"Load into table '{table}' failed.  Check 'stl_load_errors' system table for details.",
        )
        self.faults = faults
