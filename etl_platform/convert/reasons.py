"""Why a record is kept out, and the form in which it is kept."""

from enum import StrEnum
from typing import Final

import pyarrow as pa

from etl_platform.contract.types import FILE_COLUMNS


class Reason(StrEnum):
    """Stable codes: they are stored with the rejects, counted in commits and read by people."""

    # Of one column
    MISSING = "missing"  # required, and absent or one of the null tokens
    NOT_AN_INTEGER = "not_an_integer"
    NOT_A_DECIMAL = "not_a_decimal"
    TOO_MANY_DECIMALS = "too_many_decimals"  # storing it would round it
    NOT_A_NUMBER = "not_a_number"  # NaN and Infinity among them
    NOT_A_BOOLEAN = "not_a_boolean"
    NOT_A_DATE = "not_a_date"
    NOT_A_TIMESTAMP = "not_a_timestamp"
    NOT_A_TIME = "not_a_time"
    NOT_HEX = "not_hex"  # of an odd length among them
    NOT_JSON = "not_json"
    EXPRESSION_FAILED = "expression_failed"  # of a derived column, over the values of this record
    NO_SUCH_LOCAL_TIME = "no_such_local_time"  # clocks of the zone skipped it
    OUT_OF_RANGE = "out_of_range"  # well written, and too large for the type
    TOO_LONG = "too_long"  # in UTF-8 bytes, as Redshift counts
    NOT_SINGLE_BYTE = "not_single_byte"  # CHAR of Redshift holds ASCII only
    NUL_CHARACTER = "nul_character"  # no warehouse text can hold it
    PATTERN_MISMATCH = "pattern_mismatch"
    NOT_ALLOWED = "not_allowed"
    BELOW_MINIMUM = "below_minimum"
    ABOVE_MAXIMUM = "above_maximum"

    # Of the whole file, which then is record 0
    UNREADABLE_FILE = "unreadable_file"  # the raw text says why

    # Of all that stands behind the last whole record of a file
    BROKEN_OFF = "broken_off"  # the raw text says where and why, and begins with what is there

    # Of the whole record
    MALFORMED_RECORD = "malformed_record"
    DUPLICATE_NAME = "duplicate_name"  # an object has a name twice: readers differ in which counts
    TOO_DEEP = "too_deep"  # objects and arrays within each other beyond the limit
    NUMBER_TOO_LONG = "number_too_long"
    LONE_SURROGATE = "lone_surrogate"  # half a character, which no UTF-8 can hold
    WRONG_NUMBER_OF_FIELDS = "wrong_number_of_fields"
    UNKNOWN_FIELD = "unknown_field"  # the value is the name, or some of several
    UNDECODABLE = "undecodable"  # the bytes are kept as backslash escapes
    NESTED_VALUE = "nested_value"  # an object, a list or an element where one value is expected
    REPEATED_VALUE = "repeated_value"  # an element stands twice where one is expected


_REASON: Final = pa.struct(
    [
        pa.field("column", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("value", pa.string()),
    ]
)

_REJECT_COLUMNS: Final[dict[str, pa.DataType]] = {
    "file": pa.string(),
    "record": pa.int64(),
    "raw": pa.string(),
    "reasons": pa.list_(_REASON),
    **{name: kind.arrow for name, kind in FILE_COLUMNS},
}

REJECT_SCHEMA: Final = pa.schema(
    [pa.field(name, kind, nullable=False) for name, kind in _REJECT_COLUMNS.items()]
)
"""A reject file: one row a record, with every reason. `column` is empty for the whole record."""
