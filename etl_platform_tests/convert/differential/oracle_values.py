"""From a text to a value and what is wrong with it, by docs/values.md and docs/contract.md."""

import math
import re
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from etl_platform_tests.convert.differential.oracle_json import Spelled, compact, read_json
from etl_platform_tests.convert.differential.oracle_records import NONE, Problem

_INTEGER = r"[+-]?[0-9]+(\.0*)?"
_DECIMAL = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"
_NUMBER = _DECIMAL + "([eE][+-]?[0-9]+)?"
_DATE = "(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
_CLOCK = "(?P<H>[0-9]{2}):(?P<M>[0-9]{2})(:(?P<S>[0-9]{2})(\\.(?P<f>[0-9]{1,6}))?)?"
_OFFSET = "(?P<z>Z|[+-][0-9]{2}(:?[0-9]{2})?)"
_BITS = {"smallint": 16, "integer": 32, "bigint": 64}
_MOST_TEXT = 65_535
_MONTHS = "january february march april may june july august september october november december"


class Fault(Exception):
    """The text has no value of this type; one of these reasons says why."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(*reasons)
        self.reasons: Problem = frozenset(reasons)


def cleansed(text: str | None, column: Mapping[str, Any], tokens: list[str]) -> str | None:
    """The text as its cast sees it."""
    if text is not None and column.get("trim"):
        text = text.strip()
    if text in (tokens if column.get("null_tokens") is None else column["null_tokens"]):
        text = None
    if text is not None and "case" in column:
        text = "".join(map(_LETTERS[column["case"]], text))
    for each in column.get("replace", ()):
        text = text if text is None else _replaced(text, each["pattern"], each["with"])
    if text is None and column.get("default") is not None:
        text = str(column["default"])
    return text if text is None else column.get("mapping", {}).get(text, text)


def _lower(letter: str) -> str:
    return letter.lower() if len(letter.lower()) == 1 else letter


def _upper(letter: str) -> str:
    return "\u1e9e" if letter == "ß" else letter.upper() if len(letter.upper()) == 1 else letter


_LETTERS: dict[str, Callable[[str], str]] = {"lower": _lower, "upper": _upper}


def _replaced(text: str, pattern: str, replacement: str) -> str:
    def expanded(match: re.Match[str]) -> str:
        return re.sub(
            r"\\(.)",
            lambda escape: "\\" if escape[1] == "\\" else match[int(escape[1])] or "",
            replacement,
        )

    return re.sub(pattern, expanded, text, flags=re.ASCII)


def typed(text: str, column: Mapping[str, Any]) -> Any:
    """The value of a text. Raises Fault."""
    family, _, arguments = column["type"].rstrip(")").partition("(")
    numbers = [int(number) for number in arguments.split(",") if number]
    if family in ("date", "timestamp", "timestamptz"):
        return _moment(text, family, column)
    if family in ("varchar", "char"):
        return _text(text, family, numbers[0], column.get("too_long") == "truncate")
    if family == "time":
        return _time(text, column.get("formats", ()))
    return _CASTS[family](text, family, numbers)


def is_cut(text: str | None, column: Mapping[str, Any]) -> bool:
    """Whether the value is only the beginning of the text."""
    if text is None or column.get("too_long") != "truncate":
        return False
    return len(text.encode()) > int(column["type"].rstrip(")").partition("(")[2])


def _integer(text: str, family: str, _: list[int]) -> int:
    if not re.fullmatch(_INTEGER, text):
        raise Fault("not_an_integer")
    value = Decimal(text)
    if not -(2 ** (_BITS[family] - 1)) <= value < 2 ** (_BITS[family] - 1):
        raise Fault("out_of_range")
    return int(value)


def _decimal(text: str, _: str, arguments: list[int]) -> Decimal:
    precision, scale = arguments
    if not re.fullmatch(_DECIMAL, text):
        raise Fault("not_a_decimal")
    if re.search(rf"\.[0-9]{{{scale}}}[0-9]*[1-9]", text):
        raise Fault("too_many_decimals")
    value = Decimal(text).quantize(Decimal(1).scaleb(-scale), context=Context(prec=4000))
    if value.copy_abs() >= Decimal(10) ** (precision - scale):
        raise Fault("out_of_range")
    return value if value else value.copy_abs()


def _floating(text: str, family: str, _: list[int]) -> float:
    if not re.fullmatch(_NUMBER, text):
        raise Fault("not_a_number")
    value = float(text) if family == "double" else _nearest_real(text)
    if math.isinf(value):
        raise Fault("out_of_range")
    return value


def _nearest_real(text: str) -> float:
    """By one rounding. Through a double there would be two, which can differ from it."""
    double = float(text)
    if math.isinf(double) or not double:
        return double
    exact = abs(Fraction(Decimal(text))) if abs(Decimal(text).adjusted()) < 400 else Fraction(0)
    try:
        (bits,) = struct.unpack("<I", struct.pack("<f", abs(double)))
    except OverflowError:
        # Beyond half a step above the greatest. Reaching that in a double is reaching it at all,
        # but for texts that a double rounds up to it.
        greatest = Fraction(2**24 - 1) * 2**104
        bits = 0x7F7FFFFF if exact < greatest + Fraction(2) ** 103 else 0x7F800000
    near = [number for number in (bits - 1, bits, bits + 1) if 0 <= number < 0x7F800000]
    if bits == 0x7F800000:
        return math.copysign(math.inf, double)
    best = min(near, key=lambda number: (abs(_real(number) - exact), number % 2))
    return math.copysign(float(_real(best)), double)


def _real(bits: int) -> Fraction:
    return Fraction(struct.unpack("<f", struct.pack("<I", bits))[0])


def _boolean(text: str, _: str, __: list[int]) -> bool:
    known = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
    if text.lower() not in known:
        raise Fault("not_a_boolean")
    return known[text.lower()]


def _text(text: str, family: str, most_bytes: int, cuts: bool) -> str:
    if cuts:
        while len(text.encode()) > most_bytes:
            text = text[:-1]
    faults = set()
    if "\0" in text:
        faults.add("nul_character")
    if len(text.encode()) > most_bytes:
        faults.add("too_long")
    if family == "char" and not text.isascii():
        faults.add("not_single_byte")
    if faults:
        raise Fault(*faults)
    return text


def _varbyte(text: str, _: str, arguments: list[int]) -> str:
    if not re.fullmatch("([0-9A-Fa-f]{2})*", text):
        raise Fault("not_hex")
    if len(text) > 2 * arguments[0]:
        raise Fault("too_long")
    return text.lower()


def _super(text: str, _: str, __: list[int]) -> str:
    value, problem = read_json(text)
    if problem:
        raise Fault(*({"not_json"} if "malformed_record" in problem else problem))
    leaves = list(_leaves(value))
    faults = set()
    if any(one.is_number and math.isinf(float(one.text)) for one in leaves):
        faults.add("out_of_range")
    if any(not one.is_number and "\0" in str(one.value) for one in leaves):
        faults.add("nul_character")
    if len(compact(text).encode()) > _MOST_TEXT:
        faults.add("too_long")
    if faults:
        raise Fault(*faults)
    return compact(text)


def _leaves(value: Any) -> list[Spelled]:
    if isinstance(value, Spelled):
        return [value]
    if isinstance(value.value, dict):
        names = [Spelled(name, name) for name in value.value]
        return names + [leaf for one in value.value.values() for leaf in _leaves(one)]
    return [leaf for one in value.value for leaf in _leaves(one)]


_CASTS: dict[str, Callable[[str, str, list[int]], Any]] = {
    **dict.fromkeys(_BITS, _integer),
    "decimal": _decimal,
    "real": _floating,
    "double": _floating,
    "boolean": _boolean,
    "varbyte": _varbyte,
    "super": _super,
}


def _moment(text: str, family: str, column: Mapping[str, Any]) -> date | datetime:
    patterns = [format_pattern(form) for form in column.get("formats", ())]
    iso = _DATE if family == "date" else f"{_DATE}[T ]{_CLOCK}{_OFFSET}?"
    for pattern in patterns or [re.compile(iso)]:
        parts = pattern.fullmatch(text)
        if parts is None:
            continue
        try:
            return _built(parts.groupdict(), family, column.get("zone"))
        except ValueError:
            continue
    raise Fault("not_a_date" if family == "date" else "not_a_timestamp")


def _built(parts: Mapping[str, str | None], family: str, zone: str | None) -> date | datetime:
    """Raises ValueError for a moment that no calendar has, and Fault for one beyond the type."""
    year = _year(parts)
    month = _month(parts)
    # No year 0 in Python. It has the days of the year 2000, as every year of 400 has.
    day = date(year or 2000, month, int(parts["d"] or 0))
    if family == "date":
        if not year:
            raise Fault("not_a_date")
        return day
    local = datetime.combine(day, time(*_clock(parts)))
    offset = _offset(parts.get("z"))
    if not year:
        raise Fault("out_of_range")
    try:
        if offset is not None:
            utc = local - offset
        else:
            utc = local if zone is None else _of_zone(local, ZoneInfo(zone))
    except OverflowError:
        raise Fault("out_of_range") from None
    return utc if family == "timestamp" else utc.replace(tzinfo=UTC)


def _of_zone(local: datetime, zone: ZoneInfo) -> datetime:
    moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        raise Fault("no_such_local_time")
    return moment.replace(tzinfo=None)


def _year(parts: Mapping[str, str | None]) -> int:
    if parts.get("Y"):
        return int(parts["Y"] or 0)
    short = int(parts["y"] or 0)
    return short + (1900 if short >= 69 else 2000)


def _month(parts: Mapping[str, str | None]) -> int:
    for key in ("b", "B"):
        if name := parts.get(key):
            shorts = [month[:3] for month in _MONTHS.split()]
            return shorts.index(name.lower()[:3]) + 1
    return int(parts["m"] or 0)


def _clock(parts: Mapping[str, str | None]) -> tuple[int, int, int, int]:
    hour = int(parts.get("H") or parts.get("I") or 0)
    if half := parts.get("p"):
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    fraction = (parts.get("f") or "").ljust(6, "0")
    return hour, int(parts.get("M") or 0), int(parts.get("S") or 0), int(fraction)


def _offset(text: str | None) -> timedelta | None:
    """None where there is no offset. Raises ValueError beyond 23:59."""
    if text is None:
        return None
    if text == "Z":
        return timedelta()
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    return timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1)


_FREE = {
    **dict.fromkeys("mdHIMS", "[0-9]{1,2}"),
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "f": "[0-9]{1,6}",
    "p": "[aApP][mM]",
    "b": "|".join(month[:3] for month in _MONTHS.split()),
    "B": "|".join(_MONTHS.split()),
    "z": "Z|[+-][0-9]{2}(?::?[0-9]{2})?",
}


def format_pattern(form: str) -> re.Pattern[str]:
    """What a text of a declared format matches, with a group for each directive."""
    pieces = re.findall(r"%.|[^%]", form, re.DOTALL)
    pattern = ""
    for number, piece in enumerate(pieces):
        if not piece.startswith("%"):
            pattern += re.escape(piece)
        elif piece == "%%":
            pattern += "%"
        else:
            around = pieces[max(number - 1, 0) : number] + pieces[number + 1 : number + 2]
            touches = any(re.fullmatch("%[YymdHIMSf]|[0-9]", each) for each in around)
            body = _FREE[piece[1]]
            if touches and piece[1] in "mdHIMS":
                body = "[0-9]{2}"
            if piece == "%I":
                body = f"(?!0?0(?![0-9])){body}"
            pattern += f"(?P<{piece[1]}>{body})"
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


def _time(text: str, formats: Any) -> str:
    patterns = [format_pattern(form) for form in formats] or [re.compile(_CLOCK)]
    for pattern in patterns:
        parts = pattern.fullmatch(text)
        if parts is None:
            continue
        hour, minute, second, fraction = _clock(parts.groupdict())
        if hour > 23 or minute > 59 or second > 59:
            continue
        shown = f"{hour:02}:{minute:02}:{second:02}.{fraction:06}"
        return shown.rstrip("0").rstrip(".") if not fraction else shown.rstrip("0")
    raise Fault("not_a_time")


def broken_rules(text: str, value: Any, column: Mapping[str, Any]) -> list[Problem]:
    """The rules of the column that a text breaks, and its value unless that is None."""
    broken = []
    if "pattern" in column and not re.fullmatch(column["pattern"], text, re.ASCII):
        broken.append("pattern_mismatch")
    if value is not None:
        bare = {"name": column["name"], "type": column["type"]}
        limits = column.get("range", {})
        if "allowed" in column and value not in [typed(str(v), bare) for v in column["allowed"]]:
            broken.append("not_allowed")
        if limits.get("min") is not None and value < typed(str(limits["min"]), bare):
            broken.append("below_minimum")
        if limits.get("max") is not None and value > typed(str(limits["max"]), bare):
            broken.append("above_maximum")
    return [frozenset({reason}) for reason in broken]


def judged(text: str | None, column: Mapping[str, Any]) -> tuple[Any, list[Problem]]:
    """The value of a cleansed text, and all that is wrong with it."""
    if text is None:
        return None, [frozenset({"missing"})] if column.get("required") else []
    try:
        value, problem = typed(text, column), NONE
    except Fault as fault:
        value, problem = None, fault.reasons
    return value, [*([problem] if problem else []), *broken_rules(text, value, column)]
